package gpu

import (
	"errors"
	"math"
	"slices"

	"krypton/internal/gpu/kernels"
	"krypton/internal/incremental"
	"krypton/internal/region"
)

// chunk is changes that are computed together: where their updates lie, and what is asked of
// the device for them.
type chunk struct {
	rects [][]region.Rect // [change][value]
	base  []int           // of each value, where its updates begin in the arena
	first [][]int         // [value][change], where each of them lies behind that
	// meanwhile is where in the arena each step has memory that only it uses.
	meanwhile []int

	data   []byte // pixels, then tables, on their way to the device
	pixels int    // how many bytes of data are pixels
	ops    []kernels.Launch
	free   []gap
}

// aligned is what all addresses within a piece of memory are multiples of.
const aligned = 256

func align(n int) int { return (n + aligned - 1) / aligned * aligned }

// put appends a table, and gives where it lies behind the pixels.
func (c *chunk) put(table []byte) uint64 {
	for (len(c.data)-c.pixels)%8 != 0 {
		c.data = append(c.data, 0)
	}
	at := len(c.data) - c.pixels
	c.data = append(c.data, table...)
	return uint64(at)
}

// lives says which values' updates are computed from step i-1 on (takes[i], the input's from
// takes[0] on), and which no step behind that one reads (gives[i]).
type lives struct{ takes, gives [][]int }

// livesOf are those of a program's values; what parts need their whole needs.
func livesOf(p *incremental.Program) lives {
	root := func(v int) int {
		if of := p.Values[v].PartOf; of >= 0 {
			return of
		}
		return v
	}
	from, to := make([]int, len(p.Values)), make([]int, len(p.Values))
	for v := range from {
		from[v] = -1
	}
	from[p.Input] = 0
	for i, s := range p.Steps {
		out := root(s.Out)
		if to[out] = i + 1; from[out] < 0 {
			from[out] = i + 1
		}
		for _, in := range s.In {
			to[root(in.Value)] = i + 1
		}
	}
	l := lives{make([][]int, len(p.Steps)+1), make([][]int, len(p.Steps)+1)}
	kept := p.Kept()
	for v := range from {
		if from[v] < 0 || root(v) != v {
			continue
		}
		l.takes[from[v]] = append(l.takes[from[v]], v)
		if !slices.Contains(kept, v) {
			l.gives[to[v]] = append(l.gives[to[v]], v)
		}
	}
	return l
}

// gap is memory of the arena that is free.
type gap struct{ from, to int }

// lay says where the updates of a chunk's values lie in the arena, given their regions, and
// how large that must be: what is read no more makes room.
func (n *Network) lay(c *chunk) (bytes int) {
	p := n.program
	c.base, c.first = resize(c.base, len(p.Values)), resize(c.first, len(p.Values))
	c.free = append(c.free[:0], gap{0, math.MaxInt})
	sizes := func(v int) (all int) {
		c.first[v] = resize(c.first[v], len(c.rects))
		for k := range c.rects {
			c.first[v][k] = all
			all += 4 * c.rects[k][v].Area() * p.Values[v].Plane.C
		}
		return align(all)
	}
	take := func(size int) gap {
		i := slices.IndexFunc(c.free, func(g gap) bool { return g.to-g.from >= size })
		taken := gap{c.free[i].from, c.free[i].from + size}
		c.free[i].from = taken.to
		bytes = max(bytes, taken.to)
		if c.free[i].from == c.free[i].to {
			c.free = slices.Delete(c.free, i, i+1)
		}
		return taken
	}
	c.meanwhile = resize(c.meanwhile, len(p.Steps))
	// Each step's outputs are taken before what it reads last is given back.
	for i := range n.lives.takes {
		for _, v := range n.lives.takes[i] {
			c.base[v] = take(sizes(v)).from
		}
		if i > 0 {
			taken := take(n.meanwhile(c, i-1))
			c.meanwhile[i-1] = taken.from
			c.give(taken)
		}
		for _, v := range n.lives.gives[i] {
			c.give(gap{c.base[v], c.base[v] + sizes(v)})
		}
	}
	return bytes
}

// meanwhile is how much memory step i uses by itself for a chunk.
func (n *Network) meanwhile(c *chunk, i int) (bytes int) {
	s, of := &n.program.Steps[i], n.steps[i].meanwhile
	if of == nil {
		return 0
	}
	for k := range c.rects {
		if !c.rects[k][s.Out].Empty() {
			bytes += of(func(src incremental.Source) region.Rect { return n.program.Seen(src, c.rects[k][src.Value]) }, c.rects[k][s.Out])
		}
	}
	return bytes
}

// between lays out what the steps of a whole run use by themselves, and says how much that is.
func (n *Network) between(c *chunk) (bytes int) {
	c.meanwhile = resize(c.meanwhile, len(n.steps))
	for i, s := range n.steps {
		if c.meanwhile[i] = 0; s.meanwhile != nil {
			out := n.program.Values[n.program.Steps[i].Out].Plane.Rect()
			bytes = max(bytes, s.meanwhile(func(incremental.Source) region.Rect { return region.Rect{} }, out))
		}
	}
	return bytes
}

// give makes memory free again.
func (c *chunk) give(g gap) {
	if g.from == g.to {
		return
	}
	i, _ := slices.BinarySearchFunc(c.free, g.from, func(o gap, from int) int { return o.from - from })
	c.free = slices.Insert(c.free, i, g)
	if i+1 < len(c.free) && c.free[i+1].from == g.to {
		c.free[i].to = c.free[i+1].to
		c.free = slices.Delete(c.free, i+1, i+2)
	}
	if i > 0 && c.free[i-1].to == c.free[i].from {
		c.free[i-1].to = c.free[i].to
		c.free = slices.Delete(c.free, i, i+1)
	}
}

func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return append(s[:cap(s)], make([]T, n-cap(s))...)
	}
	return s[:n]
}

// grow makes a piece of memory at least so large; what was there is gone then.
func (n *Network) grow(p *piece, what string, bytes int) error {
	if p.bytes >= bytes {
		return nil
	}
	if err := n.release(p); err != nil {
		return err
	}
	at, err := n.memory.alloc(what, bytes)
	if err == nil {
		*p = piece{at, bytes}
	}
	return err
}

// release gives a piece of memory back.
func (n *Network) release(p *piece) error {
	if p.bytes == 0 {
		return nil
	}
	at := p.at
	*p = piece{}
	n.memory.held = slices.DeleteFunc(n.memory.held, func(held uint64) bool { return held == at })
	return n.memory.Free(at)
}

// address is where change k's update of a value lies, of a part where that of its whole does.
func (n *Network) address(c *chunk, v, k int) uint64 {
	if of := n.program.Values[v].PartOf; of >= 0 {
		v = of
	}
	return n.arena.at + uint64(c.base[v]+c.first[v][k])
}

// prepare lists what the device is to do for a chunk that is laid out in the arena: with fill,
// the address of a plane, it copies the changes' pixels from there, else write has them written.
func (n *Network) prepare(c *chunk, fill uint64, write func(k int, dst []float32)) error {
	p := n.program
	plane := p.Values[p.Input].Plane
	c.data = c.data[:0]
	for k := range c.rects {
		if fill != 0 || c.rects[k][p.Input].Empty() {
			continue
		}
		pixels := make([]float32, c.rects[k][p.Input].Area()*plane.C)
		write(k, pixels)
		c.data = appendNumbers(c.data, pixels)
	}
	c.pixels = len(c.data)
	return n.list(c, func() error { return n.everything(c, fill) })
}

// everything lists what the device is to do for a chunk that is laid out, once its pixels are
// written or, with fill, to be copied from there.
func (n *Network) everything(c *chunk, fill uint64) error {
	p := n.program
	patched := func(s incremental.Source, k int) kernels.Patched {
		seen := n.view(s, k)
		if r := c.rects[k][s.Value]; !r.Empty() {
			seen.Update, seen.Rect = n.address(c, s.Value, k), p.Seen(s, r)
		}
		return seen
	}
	var filled []kernels.Job
	for k := range c.rects {
		if r := c.rects[k][p.Input]; fill != 0 && !r.Empty() {
			filled = append(filled, kernels.Job{In: kernels.Patched{View: fill}, Rect: r, Out: n.address(c, p.Input, k)})
		}
	}
	plane := p.Values[p.Input].Plane
	if err := n.launch(filled, plane.C, func(b kernels.Batch) (kernels.Launch, error) {
		return kernels.Pick(b, plain(plane), 0, 0, 0, 0)
	}); err != nil {
		return err
	}
	for i := range p.Steps {
		if err := n.step(i, len(c.rects), patched, func(v, k int) place { return place{at: n.address(c, v, k), rect: c.rects[k][v]} }); err != nil {
			return err
		}
	}
	return nil
}

// tablesOf is how many bytes the tables of a chunk's launches take, which is laid out.
func (n *Network) tablesOf(c *chunk, fill uint64) (bytes int, err error) {
	n.listed = c
	c.pixels, c.ops, c.data = 0, c.ops[:0], c.data[:0]
	err = n.everything(c, fill)
	return align(len(c.data)), err
}

// list makes the list of what steps do, and memory for its tables.
func (n *Network) list(c *chunk, steps func() error) error {
	n.listed = c
	for {
		c.ops, c.data = c.ops[:0], c.data[:c.pixels]
		if err := steps(); err != nil {
			return err
		}
		tables := len(c.data) - c.pixels
		if tables <= n.tables.bytes {
			return nil
		}
		// Where they lie is known only now: the list is made again.
		if err := n.grow(&n.tables, "tables of launches", tables+tables/4); err != nil {
			return err
		}
	}
}

// submit has the device do what is listed for a chunk. It returns before that is done.
func (n *Network) submit(c *chunk) error {
	if c.pixels > 0 {
		if err := n.memory.Write(n.arena.at+uint64(c.base[n.program.Input]), c.data[:c.pixels]); err != nil {
			return err
		}
	}
	if tables := c.data[c.pixels:]; len(tables) > 0 {
		if err := n.memory.Write(n.tables.at, tables); err != nil {
			return err
		}
	}
	for _, l := range c.ops {
		if err := n.memory.Launch(l); err != nil {
			return err
		}
	}
	return nil
}

// expected is where a chunk of so many changes of a rectangle lies, for lay.
func (n *Network) expected(c *chunk, r region.Rect, count int) int {
	rects := n.program.Regions(r)
	c.rects = c.rects[:0]
	for range count {
		c.rects = append(c.rects, rects)
	}
	return n.lay(c)
}

// ErrMemory says that a device's memory is too small for a network.
var ErrMemory = errors.New("the graphics memory is too small")
