package ptx

import (
	"encoding/binary"
	"fmt"
	"math/bits"
)

// Launch says how a kernel is run.
type Launch struct {
	// Grid is the number of blocks along x, y and z, Threads that of each block's threads,
	// all along x.
	Grid    [3]int
	Threads int
	// Arguments are the kernel's parameters: each an address (uint64), an int32 or the
	// bytes of a struct.
	Arguments []any
	// Steps is how many instructions warps may take altogether; 0 for a billion.
	Steps int64
	// Cores is how tensor cores compute.
	Cores Cores
}

const (
	lanes    = 32
	allLanes = 1<<lanes - 1
	// mostThreads is how many a block has at most.
	mostThreads = 1024
	// mostBlocks is how many there are along an axis at most.
	mostBlocks = 1<<16 - 1
)

// The special registers.
const (
	tidX = iota
	ntidX
	ctaidX
	ctaidY
	ctaidZ
	nctaidX
	nctaidY
	nctaidZ
	specialRegisters
)

var specialNames = map[string]int{"%tid.x": tidX, "%ntid.x": ntidX, "%ctaid.x": ctaidX, "%ctaid.y": ctaidY, "%ctaid.z": ctaidZ,
	"%nctaid.x": nctaidX, "%nctaid.y": nctaidY, "%nctaid.z": nctaidZ}

// block is a block of threads that runs.
type block struct {
	kernel *Kernel
	memory *Memory
	params []byte
	shared shared
	warps  []*warp
	number uint64 // of the block
	steps  int64  // that are left
	cores  Cores
}

// warp is up to 32 threads. Lanes that are active are at the same instruction; those that
// wait stand at later ones, or wait there for the others.
type warp struct {
	block  *block
	first  int // number of lane 0 in the block
	slots  [][lanes]uint64
	all    uint32 // lanes that there are
	live   uint32 // those that have not ended
	active uint32
	at     int // of the active lanes
	stands [lanes]int
	limit  int // the least at which lanes wait
}

// Launch runs a kernel on a grid of blocks.
func (k *Kernel) Launch(m *Memory, l Launch) error {
	for _, n := range l.Grid {
		if n < 1 || n > mostBlocks {
			return fmt.Errorf("ptx: %s: a grid of %v blocks", k.name, l.Grid)
		}
	}
	if l.Threads < 1 || l.Threads > mostThreads {
		return fmt.Errorf("ptx: %s: %d threads in a block", k.name, l.Threads)
	}
	params, err := k.arguments(l.Arguments)
	if err != nil {
		return err
	}
	b := &block{kernel: k, memory: m, params: params, steps: l.Steps, cores: l.Cores}
	if b.steps == 0 {
		b.steps = 1e9
	}
	m.launch()
	b.makeWarps(l)
	for z := range l.Grid[2] {
		for y := range l.Grid[1] {
			for x := range l.Grid[0] {
				if err := b.run(x, y, z); err != nil {
					return fmt.Errorf("ptx: %s, block (%d, %d, %d): %w", k.name, x, y, z, err)
				}
				b.number++
			}
		}
	}
	return nil
}

// Parameters are the sizes of the kernel's parameters in bytes.
func (k *Kernel) Parameters() []int {
	var sizes []int
	for _, p := range k.params {
		sizes = append(sizes, p.size)
	}
	return sizes
}

// arguments lays out the bytes of parameters.
func (k *Kernel) arguments(list []any) ([]byte, error) {
	if len(list) != len(k.params) {
		return nil, fmt.Errorf("ptx: %s: %d arguments, want %d", k.name, len(list), len(k.params))
	}
	all := make([]byte, k.size)
	for i, a := range list {
		var data []byte
		switch v := a.(type) {
		case uint64:
			data = binary.LittleEndian.AppendUint64(nil, v)
		case int32:
			data = binary.LittleEndian.AppendUint32(nil, uint32(v))
		case []byte:
			data = v
		default:
			return nil, fmt.Errorf("ptx: %s: argument %d is a %T", k.name, i, a)
		}
		p := k.params[i]
		if len(data) != p.size {
			return nil, fmt.Errorf("ptx: %s: argument %d has %d bytes, want %d", k.name, i, len(data), p.size)
		}
		copy(all[p.offset:], data)
	}
	return all, nil
}

// makeWarps makes those of all blocks, one after the other.
func (b *block) makeWarps(l Launch) {
	for first := 0; first < l.Threads; first += lanes {
		w := &warp{block: b, first: first, slots: make([][lanes]uint64, b.kernel.slots)}
		w.all = allLanes
		if n := l.Threads - first; n < lanes {
			w.all = 1<<n - 1
		}
		for _, c := range b.kernel.constants {
			w.fill(c.slot, c.bits)
		}
		for lane := range lanes {
			w.slots[b.kernel.specials[tidX]][lane] = uint64(first + lane)
		}
		w.special(ntidX, l.Threads)
		w.special(nctaidX, l.Grid[0])
		w.special(nctaidY, l.Grid[1])
		w.special(nctaidZ, l.Grid[2])
		b.warps = append(b.warps, w)
	}
}

// fill gives all lanes of a slot the same bits.
func (w *warp) fill(slot int, v uint64) {
	for lane := range lanes {
		w.slots[slot][lane] = v
	}
}

func (w *warp) special(register, v int) { w.fill(w.block.kernel.specials[register], uint64(v)) }

// run runs one block: each warp up to the next barrier, then all from there on.
func (b *block) run(x, y, z int) error {
	b.shared.clear(b.kernel.shared)
	for _, w := range b.warps {
		w.special(ctaidX, x)
		w.special(ctaidY, y)
		w.special(ctaidZ, z)
		w.live, w.active, w.at, w.limit = w.all, w.all, 0, len(b.kernel.code)
	}
	for {
		waiting := 0
		for _, w := range b.warps {
			barrier, err := w.run()
			if err != nil {
				return err
			}
			if barrier {
				waiting++
			}
		}
		switch waiting {
		case 0:
			return nil
		case len(b.warps):
			b.shared.epoch++
		default:
			return fmt.Errorf("a barrier that %d of %d warps come to", waiting, len(b.warps))
		}
	}
}

// run runs a warp to its end, or to a barrier.
func (w *warp) run() (barrier bool, err error) {
	code := w.block.kernel.code
	for {
		if w.active == 0 || w.at >= w.limit {
			if w.live == 0 {
				return false, nil
			}
			w.regroup()
		}
		if w.block.steps--; w.block.steps < 0 {
			return false, fmt.Errorf("more steps than are allowed")
		}
		in := &code[w.at]
		lanes := w.active & w.guarded(in)
		switch in.flow {
		case branches:
			w.branch(lanes, in.target)
		case returns:
			w.live &^= lanes
			w.active &^= lanes
			w.at++
		case waits:
			w.at++
			if w.active != w.all {
				return false, w.fault(in, bits.TrailingZeros32(w.all&^w.active), "a barrier that this thread does not come to")
			}
			return true, nil
		default:
			all := w.active
			w.active = lanes
			err := in.run(w, in)
			w.active = all
			if err != nil {
				return false, err
			}
			w.at++
		}
	}
}

// guarded is the lanes that an instruction's predicate lets run.
func (w *warp) guarded(in *instruction) uint32 {
	if in.guard < 0 {
		return allLanes
	}
	m := uint32(0)
	for lane, v := range &w.slots[in.guard] {
		m |= uint32(v) << lane
	}
	if in.unless {
		return ^m
	}
	return m
}

// branch sends some of the active lanes elsewhere.
func (w *warp) branch(taken uint32, target int) {
	switch taken {
	case 0:
		w.at++
	case w.active:
		w.at = target
	default:
		for m := w.active; m != 0; m &= m - 1 {
			lane := bits.TrailingZeros32(m)
			if w.stands[lane] = w.at + 1; taken>>lane&1 != 0 {
				w.stands[lane] = target
			}
		}
		w.active = 0
	}
}

// regroup makes those lanes active that are furthest behind, so that the others, which wait,
// meet them again.
func (w *warp) regroup() {
	for m := w.active; m != 0; m &= m - 1 {
		w.stands[bits.TrailingZeros32(m)] = w.at
	}
	w.at, w.limit, w.active = len(w.block.kernel.code), len(w.block.kernel.code), 0
	for m := w.live; m != 0; m &= m - 1 {
		lane := bits.TrailingZeros32(m)
		switch at := w.stands[lane]; {
		case at < w.at:
			w.at, w.limit, w.active = at, w.at, 1<<lane
		case at == w.at:
			w.active |= 1 << lane
		default:
			w.limit = min(w.limit, at)
		}
	}
}

// fault is an error of a lane's.
func (w *warp) fault(in *instruction, lane int, why string) error {
	return fmt.Errorf("line %d, thread %d: %s", in.line, w.first+lane, why)
}

// thread is a lane's number among all of the launch's, from 1 on.
func (w *warp) thread(lane int) uint64 {
	return w.block.number*mostThreads + uint64(w.first+lane) + 1
}

// load fetches numbers from memory.
func load(w *warp, in *instruction) error {
	size := in.memory.size
	for m := w.active; m != 0; m &= m - 1 {
		lane := bits.TrailingZeros32(m) & 31
		from, err := w.loadable(in, w.slots[in.a][lane]+in.offset, size*in.many, lane)
		if err != nil {
			return w.fault(in, lane, err.Error())
		}
		for i, slot := range in.vector[:in.many] {
			var v uint64
			if size == 4 {
				v = uint64(binary.LittleEndian.Uint32(from[4*i:]))
				if in.extends[i] {
					v = uint64(int64(int32(v)))
				}
			} else {
				v = binary.LittleEndian.Uint64(from[8*i:])
			}
			w.slots[slot][lane] = v
		}
	}
	return nil
}

// loadable is what lies at an address for a lane.
func (w *warp) loadable(in *instruction, address uint64, n, lane int) ([]byte, error) {
	b := w.block
	switch in.space {
	case sharedSpace:
		return b.shared.load(address, n, int32(w.first+lane))
	case parameters:
		if address > uint64(len(b.params)) || uint64(n) > uint64(len(b.params))-address || address%uint64(n) != 0 {
			return nil, fmt.Errorf("load of %d bytes at byte %d of %d of parameters", n, int64(address), len(b.params))
		}
		return b.params[address:], nil
	}
	return b.memory.load(address, n, w.thread(lane), in.space == constantGlobal)
}

// store puts numbers into memory.
func store(w *warp, in *instruction) error {
	size := in.memory.size
	for m := w.active; m != 0; m &= m - 1 {
		lane := bits.TrailingZeros32(m) & 31
		to, err := w.storable(in, w.slots[in.a][lane]+in.offset, size*in.many, lane)
		if err != nil {
			return w.fault(in, lane, err.Error())
		}
		for i, slot := range in.vector[:in.many] {
			if v := w.slots[slot][lane]; size == 4 {
				binary.LittleEndian.PutUint32(to[4*i:], uint32(v))
			} else {
				binary.LittleEndian.PutUint64(to[8*i:], v)
			}
		}
	}
	return nil
}

// storable is where a lane may store at an address.
func (w *warp) storable(in *instruction, address uint64, n, lane int) ([]byte, error) {
	if in.space == sharedSpace {
		return w.block.shared.store(address, n, int32(w.first+lane))
	}
	return w.block.memory.store(address, n, w.thread(lane))
}
