package kernels

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/gpu/ptx"
	"krypton/internal/gpu/standin"
	"krypton/internal/region"
)

var module = sync.OnceValues(func() (*ptx.Module, error) { return ptx.Parse(PTX) })

// second is OpenCL's opinion on all launches, if somebody asks for it.
var second *standin.OpenCL

func TestMain(m *testing.M) {
	os.Exit(standin.WithOpenCL("kernels.cl", func(o *standin.OpenCL) int {
		second = o
		return m.Run()
	}))
}

// device runs launches by the interpreter.
type device struct {
	t      *testing.T
	module *ptx.Module
	memory ptx.Memory
	cores  ptx.Cores
}

func newDevice(t *testing.T) *device {
	t.Helper()
	m, err := module()
	if err != nil {
		t.Fatal(err)
	}
	return &device{t: t, module: m}
}

// run runs a launch as its constructor gives it.
func (d *device) run(l Launch, err error) {
	d.t.Helper()
	if err == nil {
		var k *ptx.Kernel
		if k, err = d.module.Kernel(l.Kernel); err == nil {
			launch := ptx.Launch{Grid: l.Grid, Threads: l.Threads, Arguments: l.Arguments, Cores: d.cores}
			err = second.Compare(&d.memory, l.Kernel, launch, func() error { return k.Launch(&d.memory, launch) })
		}
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *device) floats(name string, x []float32) uint64 { return d.memory.AllocFloats(name, x) }

func (d *device) bytes(name string, data []byte) uint64 {
	d.t.Helper()
	at := d.memory.Alloc(name, len(data))
	if err := d.memory.Write(at, data); err != nil {
		d.t.Fatal(err)
	}
	return at
}

func (d *device) ints(name string, x []int32) uint64 {
	var data []byte
	for _, v := range x {
		data = binary.LittleEndian.AppendUint32(data, uint32(v))
	}
	return d.bytes(name, data)
}

func (d *device) doubles(name string, x []float64) uint64 {
	var data []byte
	for _, v := range x {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
	}
	return d.bytes(name, data)
}

// read gives n numbers.
func (d *device) read(at uint64, n int) []float32 {
	d.t.Helper()
	x := make([]float32, n)
	if err := d.memory.Floats(at, x); err != nil {
		d.t.Fatal(err)
	}
	return x
}

func (d *device) batch(jobs []Job, channels int) Batch {
	d.t.Helper()
	table, first, pixels, err := Tables(jobs, channels)
	if err != nil {
		d.t.Fatal(err)
	}
	return Batch{d.bytes("jobs", table), d.bytes("first", first), len(jobs), pixels}
}

// patched puts a value on the device.
func (d *device) patched(name string, p engine.Patched) Patched {
	q := Patched{Rect: p.Rect}
	if p.View != nil {
		q.View = d.floats(name+"'s view", p.View)
	}
	if p.Update != nil {
		q.Update = d.floats(name+"'s update", p.Update)
	}
	return q
}

// jobs puts an engine's jobs on the device, with room for their outputs.
func (d *device) jobs(of []engine.Job, channels int) []Job {
	var jobs []Job
	for i, j := range of {
		q := Job{In: d.patched(fmt.Sprintf("input %d", i), j.In[0]), Rect: j.Rect, Pitch: j.Pitch}
		if len(j.In) > 1 {
			q.Other = d.patched(fmt.Sprintf("second input %d", i), j.In[1])
		}
		if j.Residual != nil {
			q.Other = d.patched(fmt.Sprintf("residual %d", i), j.Residual.Patched)
		}
		q.Out = d.memory.Alloc(fmt.Sprintf("output %d", i), 4*len(j.Out))
		jobs = append(jobs, q)
	}
	return jobs
}

// fusedSets are the kernel sets of this machine that round products and sums once.
func fusedSets(t *testing.T) []*asm.Kernels {
	t.Helper()
	sets := asm.Sets()
	if len(sets) == 1 {
		asm.Missing(t, "avx2")
	}
	return sets[:len(sets)-1]
}

// random makes numbers of many kinds: with zeros as behind a ReLU, so small that they and
// their products are denormals, or large.
func random(rng *rand.Rand, n int) []float32 {
	f := make([]float32, n)
	kind, scale := rng.IntN(5), float32(1)
	switch kind {
	case 1:
		scale = 1e-38
	case 2:
		scale = 1e-22
	}
	for i := range f {
		f[i] = (rng.Float32()*2 - 1) * scale
		switch {
		case kind == 3:
			f[i] = max(0, f[i]-0.3)
		case kind == 4 && rng.IntN(4) == 0:
			f[i] = float32(math.Copysign(0, float64(f[i])))
		}
	}
	return f
}

func randomRect(rng *rand.Rand, h, w int) region.Rect {
	span := func(n int) region.Span {
		lo := rng.IntN(n)
		return region.Span{Lo: lo, Hi: lo + 1 + rng.IntN(n-lo)}
	}
	return region.Rect{Y: span(h), X: span(w)}
}

// patch makes a value of a plane: x with some rectangle in an update, and NaN in the view
// behind it; or all of it there, without a view.
func patch(rng *rand.Rand, p engine.Plane, x []float32) engine.Patched {
	v := engine.Patched{Plane: p, View: append([]float32{}, x...), Rect: randomRect(rng, p.H, p.W)}
	if rng.IntN(6) == 0 {
		v.Rect = p.Rect()
	}
	for y := v.Rect.Y.Lo; y < v.Rect.Y.Hi; y++ {
		row := v.View[(y*p.W+v.Rect.X.Lo)*p.C : (y*p.W+v.Rect.X.Hi)*p.C]
		v.Update = append(v.Update, row...)
		for i := range row {
			row[i] = float32(math.NaN())
		}
	}
	if v.Rect == p.Rect() {
		v.View = nil
	}
	return v
}

// subject is a primitive of the engine, and the kernel that shall have its bits.
type subject struct {
	in     []engine.Plane
	out    engine.Plane
	make   func(s *engine.Scratch) (engine.Primitive, error)
	launch func(d *device, b Batch) (Launch, error)
	// launches, if not nil, are several in its place.
	launches func(d *device, jobs []Job) ([]Launch, error)
	// whole says that only whole outputs can be asked for, updates that inputs must be
	// whole updates, pitched that outputs may lie apart.
	whole, updates, pitched bool
	// residual, if not nil, bounds sums with a residual.
	residual *engine.Clamp
}

// check compares, in one launch, a whole run and updates with the engine's results of
// every set, and the updates with the whole run.
func (c subject) check(t *testing.T, rng *rand.Rand) {
	t.Helper()
	var x [][]float32
	for _, p := range c.in {
		x = append(x, random(rng, p.Len()))
	}
	rest := random(rng, c.out.Len())
	job := func(r region.Rect, value func(p engine.Plane, x []float32) engine.Patched) engine.Job {
		j := engine.Job{Rect: r}
		for i, p := range c.in {
			if c.updates {
				j.In = append(j.In, engine.Patched{Plane: p, Update: x[i], Rect: p.Rect()})
				continue
			}
			j.In = append(j.In, value(p, x[i]))
		}
		if c.residual != nil {
			j.Residual = &engine.Residual{Patched: value(c.out, rest), Clamp: *c.residual}
		}
		if c.pitched && rng.IntN(3) == 0 {
			j.Pitch = c.out.C + rng.IntN(4)
		}
		pitch := max(j.Pitch, c.out.C)
		j.Out = make([]float32, (r.Area()-1)*pitch+c.out.C)
		return j
	}
	jobs := []engine.Job{job(c.out.Rect(), func(p engine.Plane, x []float32) engine.Patched { return engine.Patched{Plane: p, View: x} })}
	for range 1 + rng.IntN(3) {
		r := c.out.Rect()
		if !c.whole {
			r = randomRect(rng, c.out.H, c.out.W)
		}
		jobs = append(jobs, job(r, func(p engine.Plane, x []float32) engine.Patched { return patch(rng, p, x) }))
	}
	d := newDevice(t)
	on := d.jobs(jobs, c.out.C)
	if c.launches != nil {
		all, err := c.launches(d, on)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range all {
			d.run(l, nil)
		}
	} else {
		d.run(c.launch(d, d.batch(on, c.out.C)))
	}
	whole := d.read(on[0].Out, len(jobs[0].Out))
	for _, k := range fusedSets(t) {
		s := engine.NewScratch(k)
		p, err := c.make(s)
		if err != nil {
			t.Fatal(err)
		}
		p.Run(s, jobs)
		for i, j := range jobs {
			pitch, got := max(j.Pitch, c.out.C), d.read(on[i].Out, len(j.Out))
			for px := range j.Rect.Area() {
				y, x := j.Rect.Y.Lo+px/j.Rect.X.Len(), j.Rect.X.Lo+px%j.Rect.X.Len()
				for ch := range c.out.C {
					v := got[px*pitch+ch]
					if want := j.Out[px*pitch+ch]; !sameBits(v, want) {
						t.Fatalf("job %d, %v: [%d,%d,%d] = %g (%x), %s has %g (%x)", i, j.Rect, y, x, ch, v, math.Float32bits(v), k.Name, want, math.Float32bits(want))
					}
					if want := whole[(y*c.out.W+x)*max(jobs[0].Pitch, c.out.C)+ch]; !sameBits(v, want) {
						t.Fatalf("job %d, %v: [%d,%d,%d] = %g, in the whole run %g", i, j.Rect, y, x, ch, v, want)
					}
				}
			}
		}
	}
}

// sameBits says that two numbers have the same bits, or that both are NaN.
func sameBits(a, b float32) bool {
	return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
}
