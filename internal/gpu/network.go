package gpu

import (
	"errors"
	"fmt"
	"slices"

	"krypton/internal/engine"
	"krypton/internal/failure"
	"krypton/internal/gpu/kernels"
	"krypton/internal/incremental"
	"krypton/internal/region"
)

// Network is a program whose weights lie on a device, with the views of the last clean
// input, and the last updates. It is used by one goroutine at a time.
type Network struct {
	program *incremental.Program
	memory  memory
	// precision is that of dense convolutions.
	precision incremental.Precision
	rounds    bool // whether one of them takes it
	steps     []*packed
	views     []uint64 // of each value; of parts those of what they are part of
	lives     lives
	ran       bool
	follows   *Stream // whose input has run, nil for none

	// Memory of updates, and of the tables of a chunk's launches: it grows while chunks do.
	arena, tables piece
	listed        *chunk // whose launches are being listed

	last  chunk // of Update
	known int   // how many changes of it are computed, 0 until all are
}

// piece is a piece of a device's memory.
type piece struct {
	at    uint64
	bytes int
}

// Change is a rectangle of the input with other pixels, channels last.
type Change struct {
	Rect   region.Rect
	Pixels []float32
}

// Load puts a program's weights on a device, and makes room for its views there. What the
// device's kernels cannot compute is an error that names the first such node. Close gives
// everything back.
func Load(d Device, p *incremental.Program) (*Network, error) {
	return LoadAs(d, p, incremental.FP32)
}

// Precisions are those that networks may have on a device.
var Precisions = []incremental.Precision{incremental.FP32, incremental.TF32, incremental.BF16}

// products are the kernels' names of Precisions.
var products = map[incremental.Precision]kernels.Precision{incremental.FP32: kernels.FP32, incremental.TF32: kernels.TF32, incremental.BF16: kernels.BF16}

// LoadAs is Load with dense convolutions and fully connected layers by tensor cores, if precision,
// which is one of Precisions, is not FP32: those of few input channels, which tensor cores would
// mostly multiply zeros for, and all else remain as they are. Results are of that precision then,
// and updates equal whole runs bit for bit as ever.
func LoadAs(d Device, p *incremental.Program, precision incremental.Precision) (*Network, error) {
	if !slices.Contains(Precisions, precision) {
		return nil, fmt.Errorf("%w: precision %q", ErrUnsupported, precision)
	}
	n := &Network{program: p, memory: memory{Device: d}, precision: precision}
	err := n.load()
	if err == nil {
		return n, nil
	}
	if e := n.Close(); e != nil {
		return nil, errors.Join(err, e)
	}
	left, limited := n.memory.left()
	if _, counts := d.(*counter); counts || !limited || !errors.Is(err, ErrMemory) {
		return nil, err
	}
	need, e := Needs(p, precision, region.Rect{})
	if e != nil || need.Weights+need.Views <= left { // something else
		return nil, err
	}
	return nil, failure.Settingf("%w: weights take %d KiB and views %d KiB, and %d KiB are left: %v says how much there may be", ErrMemory, kibibytes(need.Weights), kibibytes(need.Views), left>>10, failure.Setting("gpu-memory"))
}

// kibibytes are rounded up.
func kibibytes(bytes int64) int64 { return (bytes + 1<<10 - 1) >> 10 }

// Need is what a network takes of a device, in bytes: its weights with the tables of its steps,
// its views, and the updates of one change with the tables of their launches. Precision is
// Network.Precision.
type Need struct {
	Weights, Views, Change int64
	Precision              incremental.Precision
}

// Needs says what a network takes of any device, for changes of a rectangle of the input. What
// the kernels cannot compute is an error, as that of Load.
func Needs(p *incremental.Program, precision incremental.Precision, change region.Rect) (Need, error) {
	c := &counter{}
	n, err := LoadAs(c, p, precision)
	if err != nil {
		return Need{}, err
	}
	need := Need{Views: n.viewBytes(), Precision: n.Precision()}
	need.Weights = c.bytes - need.Views
	var one chunk
	updates := n.expected(&one, change, 1)
	tables, err := n.tablesOf(&one, 0)
	need.Change = int64(updates + tables)
	return need, err
}

// viewBytes is what the views take.
func (n *Network) viewBytes() (all int64) {
	for _, v := range n.program.Values {
		if v.PartOf < 0 {
			all += 4 * int64(v.Plane.Len())
		}
	}
	return all
}

// counter is a device that holds nothing and counts what it would.
type counter struct{ bytes int64 }

func (c *counter) Alloc(_ string, bytes int) (uint64, error) {
	c.bytes += int64(bytes)
	return uint64(c.bytes), nil
}

func (*counter) Free(uint64) error           { return nil }
func (*counter) Write(uint64, []byte) error  { return nil }
func (*counter) Read([]byte, uint64) error   { return nil }
func (*counter) Launch(kernels.Launch) error { return nil }

// Precision is what the network was loaded as, or FP32 if none of its layers takes that.
func (n *Network) Precision() incremental.Precision {
	if !n.rounds {
		return incremental.FP32
	}
	return n.precision
}

func (n *Network) load() error {
	for i := range n.program.Steps {
		s := &n.program.Steps[i]
		if err := n.readable(s); err != nil {
			return err
		}
		k, err := n.pack(s)
		if err != nil {
			return fmt.Errorf("node %s (%s): %w", s.Node, s.Operator, err)
		}
		n.steps = append(n.steps, k)
	}
	n.views = make([]uint64, len(n.program.Values))
	for i, v := range n.program.Values {
		if v.PartOf >= 0 {
			continue
		}
		var err error
		if n.views[i], err = n.memory.alloc("the view of "+v.Name, 4*v.Plane.Len()); err != nil {
			return err
		}
	}
	for i, v := range n.program.Values {
		if v.PartOf >= 0 {
			n.views[i] = n.views[v.PartOf]
		}
	}
	n.lives = livesOf(n.program)
	return nil
}

// readable says that a step's inputs lie pixel by pixel: that none is part of another value,
// but for those of a concatenation that they are parts of.
func (n *Network) readable(s *incremental.Step) error {
	for k, src := range s.In {
		if n.program.Values[src.Value].PartOf >= 0 && (s.InPlace == nil || !s.InPlace[k]) {
			return fmt.Errorf("node %s (%s): %w", s.Node, s.Operator, ErrUnsupported)
		}
	}
	return nil
}

// Close gives the device's memory back.
func (n *Network) Close() error {
	n.ran, n.known, n.arena, n.tables = false, 0, piece{}, piece{}
	return n.memory.release()
}

// Run computes the views of a clean input, given as Program.Arrange has it.
func (n *Network) Run(input []float32) error {
	n.ran, n.known, n.follows = false, 0, nil
	if want := n.program.Values[n.program.Input].Plane.Len(); len(input) != want {
		return fmt.Errorf("input has %d numbers, want %d", len(input), want)
	}
	if err := n.memory.Write(n.views[n.program.Input], bytesOf(input)); err != nil {
		return err
	}
	n.last.data, n.last.pixels, n.last.rects = n.last.data[:0], 0, n.last.rects[:0]
	if err := n.grow(&n.arena, "what steps take meanwhile", n.between(&n.last)); err != nil {
		return err
	}
	err := n.list(&n.last, func() error {
		for i := range n.program.Steps {
			if err := n.step(i, 1, n.view, func(v, _ int) place {
				return place{at: n.views[v], rect: n.program.Values[v].Plane.Rect()}
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = n.submit(&n.last)
	}
	n.ran = err == nil
	return err
}

// place is memory that holds a rectangle of a value; of a part that lies apart it holds that
// alone.
type place struct {
	at    uint64
	rect  region.Rect
	apart bool
}

// view is what a source is for the clean input.
func (n *Network) view(s incremental.Source, _ int) kernels.Patched {
	return kernels.Patched{View: n.views[s.Value]}
}

// Update computes what changes of the clean input make of it, until the next Update or Run.
// Its result at every change is that of a whole run, bit for bit.
func (n *Network) Update(changes []Change) error {
	n.known = 0
	if !n.ran {
		return errors.New("updates of an input that has not run")
	}
	p, c := n.program, &n.last
	plane := p.Values[p.Input].Plane
	c.rects = c.rects[:0]
	for k, change := range changes {
		if change.Rect.Empty() || change.Rect.Intersect(plane.Rect()) != change.Rect || len(change.Pixels) != change.Rect.Area()*plane.C {
			return fmt.Errorf("change %d: %d numbers for %v of %v", k, len(change.Pixels), change.Rect, plane)
		}
		c.rects = append(c.rects, p.Regions(change.Rect))
	}
	bytes := n.lay(c)
	if err := n.grow(&n.arena, "updates", bytes); err != nil {
		return err
	}
	if err := n.prepare(c, 0, func(k int, dst []float32) { copy(dst, changes[k].Pixels) }); err != nil {
		return err
	}
	if err := n.submit(c); err != nil {
		return err
	}
	n.known = len(changes)
	return nil
}

// step computes a step for so many positions: in says what position k sees of a source, out
// where its output goes.
func (n *Network) step(i, count int, in func(s incremental.Source, k int) kernels.Patched, out func(v, k int) place) error {
	s := &n.program.Steps[i]
	p := &positions{n, s, count, in, out, n.arena.at + uint64(n.listed.meanwhile[i])}
	if err := n.steps[i].run(p); err != nil {
		return fmt.Errorf("node %s (%s): %w", s.Node, s.Operator, err)
	}
	return nil
}

// positions are those that a step is computed for.
type positions struct {
	*Network
	step  *incremental.Step
	count int
	in    func(s incremental.Source, k int) kernels.Patched
	out   func(v, k int) place
	free  uint64 // where the step's memory meanwhile goes on
}

// jobs lists the jobs of the positions that reach the step's output. Their inputs are its first
// two.
func (p *positions) jobs() []kernels.Job {
	return p.jobsOf(func(j *kernels.Job, k int) {
		if j.In = p.in(p.step.In[0], k); len(p.step.In) > 1 {
			j.Other = p.in(p.step.In[1], k)
		}
	})
}

// jobsOf is jobs with other inputs, which in fills in for a position.
func (p *positions) jobsOf(in func(j *kernels.Job, k int)) []kernels.Job {
	var jobs []kernels.Job
	of := &p.program.Values[p.step.Out]
	for k := range p.count {
		to := p.out(p.step.Out, k)
		if to.rect.Empty() {
			continue
		}
		first, pitch := 0, of.Plane.C
		if of.PartOf >= 0 && !to.apart {
			first, pitch = of.Offset, p.program.Values[of.PartOf].Plane.C
		}
		j := kernels.Job{Rect: to.rect, Out: to.at + 4*uint64(first), Pitch: pitch}
		in(&j, k)
		jobs = append(jobs, j)
	}
	return jobs
}

// wholes gives, of each position that reaches the step's output, where all of input i lies as
// the position sees it: where it is, or put together. Packed.meanwhile has to have counted it.
func (p *positions) wholes(i int) ([]uint64, error) {
	src := p.step.In[i]
	at := make([]uint64, p.count)
	var apart []kernels.Job
	for k := range at {
		if p.out(p.step.Out, k).rect.Empty() {
			continue
		}
		v := p.in(src, k)
		if at[k] = v.View; !v.Rect.Empty() {
			at[k] = v.Update
		}
		if isApart(src, v.Rect) {
			at[k] = p.temporary(src.Plane)
			apart = append(apart, kernels.Job{In: v, Rect: src.Plane.Rect(), Out: at[k]})
		}
	}
	shape := plain(src.Plane)
	return at, p.launch(apart, src.Plane.C, func(b kernels.Batch) (kernels.Launch, error) {
		return kernels.Pick(b, shape, 0, 0, 0, 0)
	})
}

// isApart says that a source lies neither in a view nor in an update alone, given its region.
func isApart(s incremental.Source, r region.Rect) bool { return !r.Empty() && r != s.Plane.Rect() }

// temporary is memory for a plane until the step is done.
func (p *positions) temporary(of engine.Plane) uint64 { return p.numbers(of.Len()) }

// numbers is memory for so many numbers until the step is done.
func (p *positions) numbers(n int) uint64 {
	at := p.free
	p.free += uint64(align(4 * n))
	return at
}

// launch lists a kernel that computes jobs, and lays out their tables.
func (n *Network) launch(jobs []kernels.Job, channels int, of launcher) error {
	if len(jobs) == 0 {
		return nil
	}
	b, err := n.batch(jobs, channels)
	if err != nil {
		return err
	}
	l, err := of(b)
	if err != nil {
		return err
	}
	n.listed.ops = append(n.listed.ops, l)
	return nil
}

// batch lays out the tables of jobs.
func (n *Network) batch(jobs []kernels.Job, channels int) (kernels.Batch, error) {
	table, first, pixels, err := kernels.Tables(jobs, channels)
	if err != nil {
		return kernels.Batch{}, err
	}
	c := n.listed
	return kernels.Batch{Count: len(jobs), Pixels: pixels, Jobs: n.tables.at + c.put(table), First: n.tables.at + c.put(first)}, nil
}

// Clean is the change whose output is that of the clean input.
const Clean = -1

// Output gives output i of the last updates' change k, or of the clean input, in ONNX order. It
// must be of floats.
func (n *Network) Output(k, i int) ([]float32, error) {
	if !n.ran || k != Clean && (k < 0 || k >= n.known) {
		return nil, fmt.Errorf("no output of change %d of %d", k, n.known)
	}
	reading := n.program.Reading()
	for _, v := range n.program.Reads(i) {
		whole, err := n.whole(k, v)
		if err != nil {
			return nil, err
		}
		reading.Put(v, whole)
	}
	return reading.Output(i).Floats()
}

// whole is all of a value at a change, or of the clean input.
func (n *Network) whole(k, v int) ([]float32, error) {
	of := n.program.Values[v]
	if of.PartOf >= 0 {
		return nil, fmt.Errorf("%s lies within another value", of.Name)
	}
	view, err := n.memory.read(n.views[v], of.Plane.Len())
	if err != nil || k == Clean || n.last.rects[k][v].Empty() {
		return view, err
	}
	p := engine.Patched{Plane: of.Plane, View: view, Rect: n.last.rects[k][v]}
	if p.Update, err = n.memory.read(n.address(&n.last, v, k), p.Rect.Area()*of.Plane.C); err != nil {
		return nil, err
	}
	p.Compose(view)
	return view, nil
}
