package gpu

import (
	"context"
	"errors"
	"math"
	"slices"
	"sort"
	"sync"

	"krypton/internal/failure"
	"krypton/internal/incremental"
	"krypton/internal/region"
)

// usualChunk is how many changes are computed together where nobody says and there is memory.
const usualChunk = 256

// Answerer answers changes of inputs by a network, as a plan's Update does: what device it
// runs on nobody need know. It may be used by several goroutines, which wait for each other.
type Answerer struct {
	mu      sync.Mutex
	network *Network
	base    []float32 // the clean input that has run, nil for none
	fill    piece     // on the device what patches show, which filled is
	filled  []float32
	chunks  [2]chunk
	answers [2]*incremental.Answers
	regions []region.Rect
	bytes   []byte // of outputs
}

// NewAnswerer takes a network over; Close gives it back.
func NewAnswerer(n *Network) *Answerer { return &Answerer{network: n} }

// Precision is that of the network.
func (a *Answerer) Precision() incremental.Precision { return a.network.Precision() }

// Close gives the device's memory back.
func (a *Answerer) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.base, a.filled, a.fill = nil, nil, piece{}
	return a.network.Close()
}

// deviceError marks an error of the device; nil stays nil, and what does not fit into its
// memory is one too.
func deviceError(err error) error {
	if err == nil {
		return nil
	}
	return &incremental.DeviceError{Err: err}
}

// Update answers changes of an input, whose numbers lie as the program's plane has them, and
// hands the outputs to emit, in order, from one goroutine. Of the options Chunk and Done
// count. What the device fails at is an incremental.DeviceError. While the device computes a
// chunk the host hands over the one before and lists the next one's launches; memory of the
// device is taken with the first chunk alone.
func (a *Answerer) Update(ctx context.Context, base []float32, changes incremental.Changes, opt incremental.Options, emit func(i int, r incremental.Results) error) (err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer func() {
		if errors.As(err, new(*incremental.DeviceError)) {
			a.base, a.filled = nil, nil // nobody knows what it has
		}
	}()
	if err := a.begin(base); err != nil {
		return deviceError(err)
	}
	total := changes.Len()
	if total == 0 {
		return nil
	}
	fill, err := a.filling(changes)
	if err != nil {
		return deviceError(err)
	}
	most, err := a.room(changes, opt.Chunk, fill)
	if err != nil {
		return deviceError(err)
	}
	// next lays out and lists a chunk from change lo on.
	next := func(i, lo int) (count, missing int, err error) {
		if lo == total {
			return 0, 0, nil
		}
		if count, missing = a.lay(i, changes, lo, min(most, total-lo)); missing > 0 {
			return 0, missing, nil
		}
		return count, 0, a.network.prepare(&a.chunks[i], fill, func(k int, dst []float32) { changes.Write(lo+k, dst) })
	}
	count := 0 // of the chunk that the device computes
	for i, lo := 0, 0; ; i = 1 - i {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		following, missing, err := next(1-i, lo+count)
		if err == nil && count > 0 {
			err = a.read(i)
		}
		if err == nil && missing > 0 { // now that nobody needs what is there
			if err = a.network.grow(&a.network.arena, "updates", missing); err == nil {
				following, _, err = next(1-i, lo+count)
			}
		}
		if err == nil && following > 0 {
			err = a.network.submit(&a.chunks[1-i])
		}
		if err != nil {
			return deviceError(err)
		}
		for k := range count {
			if err := emit(lo+k, a.answers[i].Results(k)); err != nil {
				return err
			}
		}
		if opt.Done != nil && count > 0 {
			opt.Done(count)
		}
		if lo, count = lo+count, following; count == 0 {
			return nil
		}
	}
}

// sameBits says whether numbers have the same bits.
func sameBits(a, b []float32) bool {
	return slices.EqualFunc(a, b, func(x, y float32) bool { return math.Float32bits(x) == math.Float32bits(y) })
}

// filling has the plane that changes show on the device, where they show one: its address, or 0.
func (a *Answerer) filling(changes incremental.Changes) (uint64, error) {
	n := a.network
	of, ok := changes.(incremental.Filled)
	if !ok {
		return 0, nil
	}
	fill := of.Fill()
	if len(fill) != n.program.Values[n.program.Input].Plane.Len() {
		return 0, nil
	}
	if a.filled != nil && sameBits(a.filled, fill) {
		return a.fill.at, nil
	}
	a.filled = nil
	if left, limited := n.memory.left(); limited && a.fill.bytes == 0 && left < int64(4*len(fill)) {
		if err := n.release(&n.arena); err != nil { // which has all that was left
			return 0, err
		}
	}
	if err := n.grow(&a.fill, "what patches show", 4*len(fill)); err != nil {
		return 0, err
	}
	if err := n.memory.Write(a.fill.at, bytesOf(fill)); err != nil {
		return 0, err
	}
	a.filled = slices.Clone(fill)
	return a.fill.at, nil
}

// begin runs a clean input, unless it is the last one.
func (a *Answerer) begin(base []float32) error {
	if a.base != nil && sameBits(a.base, base) {
		return nil
	}
	a.base = nil
	n := a.network
	if err := n.Run(base); err != nil {
		return err
	}
	views := map[int][]float32{}
	for _, v := range n.program.Kept() {
		view, err := n.whole(Clean, v)
		if err != nil {
			return err
		}
		views[v] = view
	}
	for i := range a.answers {
		a.answers[i] = n.program.Answers(func(v int) []float32 { return views[v] })
	}
	a.base = slices.Clone(base)
	return nil
}

// room takes memory for updates and the tables of their launches: of so many changes together, 0
// for as many as are worth it, or of as many as there is memory for. Where one does not fit,
// nothing is answered.
func (a *Answerer) room(changes incremental.Changes, chunk int, fill uint64) (most int, err error) {
	n, c := a.network, &a.chunks[0]
	plane := n.program.Values[n.program.Input].Plane
	var largest region.Rect
	for i := range changes.Len() {
		if r := changes.Rect(i); r.Area() > largest.Area() {
			largest = r
		}
	}
	// In the middle it reaches most.
	h, w := largest.Y.Len(), largest.X.Len()
	y, x := (plane.H-h)/2, (plane.W-w)/2
	largest = region.Rect{Y: region.Span{Lo: y, Hi: y + h}, X: region.Span{Lo: x, Hi: x + w}}
	if most = min(changes.Len(), usualChunk); chunk > 0 {
		most = min(changes.Len(), chunk)
	}
	updates := n.expected(c, largest, most)
	tables, err := n.tablesOf(c, fill)
	if err != nil {
		return 0, err
	}
	updates += updates / 8 // elsewhere regions may be a row larger
	left, limited := n.memory.left()
	left += int64(n.arena.bytes + n.tables.bytes)
	if !limited || int64(updates+tables) <= left {
		return most, n.take(updates, updates, tables)
	}
	one := 0
	for i := range changes.Len() {
		one = max(one, n.expected(c, changes.Rect(i), 1))
	}
	n.expected(c, largest, 1)
	if tables, err = n.tablesOf(c, fill); err != nil {
		return 0, err
	}
	if need := int64(one + tables); need > left {
		return 0, failure.Settingf("%w: the updates of one position take %d KiB, and beside weights and views %d KiB are left: %v says how much there may be", ErrMemory, kibibytes(need), left>>10, failure.Setting("gpu-memory"))
	}
	// Tables grow as positions do, or less.
	each := tables
	most = 1 + sort.Search(most-1, func(k int) bool {
		return int64(max(one, n.expected(c, largest, k+2))+(k+2)*each) > left
	})
	return most, n.take(max(one, n.expected(c, largest, most)), int(left)-most*each, most*each)
}

// take takes memory for updates and for tables, if there is not enough.
func (n *Network) take(enough, updates, tables int) error {
	if n.arena.bytes >= enough && n.tables.bytes >= tables {
		return nil
	}
	// One may have what the other needs.
	if err := errors.Join(n.release(&n.arena), n.release(&n.tables)); err != nil {
		return err
	}
	if err := n.grow(&n.tables, "tables of launches", tables); err != nil {
		return err
	}
	return n.grow(&n.arena, "updates", updates)
}

// lay lays a chunk out: from change lo on as many changes, up to count, as there is room for.
// Where one of them is too large it says how much that takes.
func (a *Answerer) lay(i int, changes incremental.Changes, lo, count int) (fits, missing int) {
	n, c, answers := a.network, &a.chunks[i], a.answers[i]
	for {
		a.regions = a.regions[:0]
		for k := range count {
			a.regions = append(a.regions, changes.Rect(lo+k))
		}
		answers.Begin(a.regions)
		c.rects = c.rects[:0]
		for k := range count {
			c.rects = append(c.rects, answers.Regions(k))
		}
		switch bytes := n.lay(c); {
		case bytes <= n.arena.bytes:
			return count, 0
		case count == 1:
			return 0, bytes
		}
		count = (count + 1) / 2
	}
}

// read waits for a chunk and takes what outputs read of it.
func (a *Answerer) read(i int) error {
	n, c := a.network, &a.chunks[i]
	for _, v := range n.program.Kept() {
		to := a.answers[i].Memory(v)
		if len(to) == 0 {
			continue
		}
		a.bytes = resize(a.bytes, 4*len(to))
		if err := n.memory.Read(a.bytes, n.arena.at+uint64(c.base[v])); err != nil {
			return err
		}
		numbersOf(to, a.bytes)
	}
	return nil
}
