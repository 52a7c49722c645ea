package gpu

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"krypton/internal/engine"
	"krypton/internal/gpu/kernels"
	"krypton/internal/incremental"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Stream follows one input that changes again and again, as incremental.Stream does, in a
// network's views on a device: the host follows which pixels may change, and asks the device
// which of them have moved, step by step. With a threshold of 0 the views then equal those of a
// whole run on the present input, bit for bit. Errors of the device are incremental.DeviceErrors;
// after one Whole has to be next. It is used by one goroutine at a time, and so is its network:
// where another stream, or anybody, has run that meanwhile, Whole has to be next too.
type Stream struct {
	network *Network
	opt     incremental.StreamOptions
	input   []float32
	reading *incremental.Reading
	squares []float64 // of the pixels of each value's view, their mean; nil until it is asked for
	masks   []*region.Mask
	rects   []region.Rect
	offsets []int // of each rectangle's pixels behind the first one's
	chunk   chunk
	flags   []byte
}

// errNotRun says that an update has nothing to start from.
var errNotRun = errors.New("a change of an input that has not run on the device last")

// NewStream follows inputs on a network. Of the options Workers counts for nothing. A pixel stays
// as its readers have last seen it as long as it has not moved by more than Epsilon times the
// root of its value's mean square: of the last whole run, or where MeanSquares says so for every
// value.
func NewStream(n *Network, opt incremental.StreamOptions) (*Stream, error) {
	if err := opt.Shape.Check(); err != nil {
		return nil, err
	}
	return &Stream{network: n, opt: opt, input: make([]float32, n.program.Values[n.program.Input].Plane.Len()), reading: n.program.Reading(), masks: n.program.Masks()}, nil
}

// Input is the input that Whole runs and that Update is told of, channels last.
func (s *Stream) Input() []float32 { return s.input }

// Output gives output i for the present input, in ONNX order. It is overwritten when the same
// output is asked for again.
func (s *Stream) Output(i int) *tensor.Tensor { return s.reading.Output(i) }

// SetEpsilon changes the threshold for the updates to come.
func (s *Stream) SetEpsilon(epsilon float64) { s.opt.Epsilon = epsilon }

// SetMeanSquares changes what the threshold is relative to for the updates to come.
func (s *Stream) SetMeanSquares(m incremental.MeanSquares) { s.opt.MeanSquares, s.squares = m, nil }

// Whole runs the whole network on the present input.
func (s *Stream) Whole(context.Context) error {
	n := s.network
	s.squares = nil
	// No frame is to find too little memory later.
	err := n.grow(&n.arena, "changes", s.most())
	if err == nil {
		err = n.Run(s.input)
	}
	if err == nil {
		err = s.read(func(int) bool { return true })
	}
	if err == nil {
		n.follows = s
	}
	return deviceError(err)
}

// most is what a change of everything takes in the arena.
func (s *Stream) most() (bytes int) {
	n := s.network
	of := func(v, inputs int) {
		plane := n.program.Values[v].Plane
		bytes = max(bytes, align(4*plane.Len())+align(4*plane.H*plane.W*inputs))
	}
	of(n.program.Input, 1)
	for i := range n.program.Steps {
		of(n.program.Steps[i].Out, len(n.program.Steps[i].In))
	}
	return bytes + n.between(&s.chunk)
}

// read takes values that outputs read.
func (s *Stream) read(which func(v int) bool) error {
	n := s.network
	for _, v := range n.program.Kept() {
		if !which(v) {
			continue
		}
		view, err := n.whole(Clean, v)
		if err != nil {
			return err
		}
		s.reading.Put(v, view)
	}
	return nil
}

// Count is the number of multiply-adds that Update would take for a change if every pixel that
// it can reach moved: the most that it can take.
func (s *Stream) Count(changed *region.Mask) (most int64) {
	s.changed(changed)
	for i := range s.network.program.Steps {
		if s.reach(i) {
			s.rects = s.masks[s.network.program.Steps[i].Out].Rects(s.rects[:0])
			most += s.network.program.Work(i, s.rects)
		}
	}
	return most
}

// changed takes what has changed of the input.
func (s *Stream) changed(mask *region.Mask) {
	in := s.masks[s.network.program.Input]
	in.Copy(mask)
	s.opt.Shape.Apply(in)
}

// reach sets the mask of step i's output, and says whether anything changes.
func (s *Stream) reach(i int) bool {
	return s.network.program.Reach(i, s.masks, s.opt.Shape)
}

// Update works a change of the input's pixels into the views and returns the multiply-adds that
// it took.
func (s *Stream) Update(ctx context.Context, changed *region.Mask) (spent int64, err error) {
	n := s.network
	if !n.ran || n.follows != s {
		return 0, errNotRun
	}
	n.known = 0
	s.changed(changed)
	if s.masks[n.program.Input].Empty() {
		return 0, nil
	}
	if s.opt.Epsilon > 0 && s.squares == nil {
		if err := s.scale(); err != nil {
			return 0, deviceError(err)
		}
	}
	n.ran = false
	if err := s.begin(); err != nil {
		return 0, deviceError(err)
	}
	for i := range n.program.Steps {
		if err := ctx.Err(); err != nil {
			return spent, err
		}
		if !s.reach(i) {
			continue
		}
		took, err := s.step(i)
		if err != nil {
			return spent, deviceError(fmt.Errorf("node %s (%s): %w", n.program.Steps[i].Node, n.program.Steps[i].Operator, err))
		}
		spent += took
	}
	// What the last steps moved is in the masks; values that parts lie in are read with them.
	if err := s.read(func(v int) bool { return !s.masks[v].Empty() }); err != nil {
		return spent, deviceError(err)
	}
	n.ran = true
	return spent, nil
}

// scale takes the mean squares of the views' pixels.
func (s *Stream) scale() error {
	n := s.network
	if len(s.opt.MeanSquares) == len(n.program.Values) {
		s.squares = s.opt.MeanSquares
		return nil
	}
	squares := make([]float64, len(n.program.Values))
	for i, v := range n.program.Values {
		plane, offset, pitch := n.lies(i)
		view, err := n.memory.read(n.views[i], plane.Len())
		if err != nil {
			return err
		}
		sum := 0.0
		for at := offset; at < len(view); at += pitch {
			for _, f := range view[at:][:v.Plane.C] {
				sum += float64(f) * float64(f)
			}
		}
		squares[i] = sum / float64(v.Plane.H*v.Plane.W)
	}
	s.squares = squares
	return nil
}

// lies says in what plane a value lies, at which of each pixel's numbers, and how far pixels are
// apart.
func (n *Network) lies(v int) (plane engine.Plane, offset, pitch int) {
	of := &n.program.Values[v]
	if of.PartOf >= 0 {
		plane = n.program.Values[of.PartOf].Plane
		return plane, of.Offset, plane.C
	}
	return of.Plane, 0, of.Plane.C
}

// take lists the rectangles of a mask and where their pixels lie one behind the other, and says
// how many pixels they have.
func (s *Stream) take(m *region.Mask) (pixels int) {
	s.rects, s.offsets = m.Rects(s.rects[:0]), s.offsets[:0]
	for _, r := range s.rects {
		s.offsets = append(s.offsets, pixels)
		pixels += r.Area()
	}
	return pixels
}

// begin writes the changed pixels of the input to its view.
func (s *Stream) begin() error {
	n := s.network
	v := n.program.Input
	plane := n.program.Values[v].Plane
	pixels := s.take(s.masks[v])
	var data []float32
	for _, r := range s.rects {
		for y := r.Y.Lo; y < r.Y.Hi; y++ {
			data = append(data, s.input[(y*plane.W+r.X.Lo)*plane.C:][:r.X.Len()*plane.C]...)
		}
	}
	return s.do(pixels*plane.C, pixels, func() error { return s.commit(v, plane, pixels) }, func() error {
		return n.memory.Write(n.arena.at, bytesOf(data))
	})
}

// do lists launches that use memory for so many numbers, and flags of so many pixels behind it,
// and has the device do them once before has run.
func (s *Stream) do(numbers, pixels int, list, before func() error) error {
	n, c := s.network, &s.chunk
	c.data, c.pixels = c.data[:0], 0
	if err := n.grow(&n.arena, "changes", align(4*numbers)+align(4*pixels)+n.between(c)); err != nil {
		return err
	}
	for i := range c.meanwhile {
		c.meanwhile[i] = align(4*numbers) + align(4*pixels)
	}
	if err := n.list(c, list); err != nil {
		return err
	}
	if before != nil {
		if err := before(); err != nil {
			return err
		}
	}
	return n.submit(c)
}

// commit lists what copies the rectangles of a value that have moved into its view.
func (s *Stream) commit(v int, plane engine.Plane, pixels int) error {
	n := s.network
	_, offset, pitch := n.lies(v)
	limit := float32(0)
	if s.opt.Epsilon > 0 && v != n.program.Input && plane.H*plane.W > 1 {
		limit = float32(s.opt.Epsilon * s.opt.Epsilon * s.squares[v])
	}
	var jobs []kernels.Job
	for k, r := range s.rects {
		from := kernels.Patched{Update: n.arena.at + uint64(4*s.offsets[k]*plane.C), Rect: r}
		jobs = append(jobs, kernels.Job{In: from, Rect: r, Out: n.views[v] + 4*uint64(offset), Pitch: pitch})
	}
	flags := n.arena.at + uint64(align(4*pixels*plane.C))
	return n.launch(jobs, plane.C, func(b kernels.Batch) (kernels.Launch, error) {
		return kernels.Commit(b, plain(plane), flags, limit)
	})
}

// step computes what a step's mask holds, works what moved into the view, and leaves that in
// the mask. It returns the multiply-adds that it took.
func (s *Stream) step(i int) (spent int64, err error) {
	n := s.network
	st := &n.program.Steps[i]
	plane := n.program.Values[st.Out].Plane
	mask := s.masks[st.Out]
	pixels := s.take(mask)
	numbers := pixels * plane.C
	spent = n.program.Work(i, s.rects)
	if st.InPlace != nil {
		return spent, s.join(st, pixels)
	}
	if err := s.do(numbers, pixels, func() error {
		err := n.step(i, len(s.rects), n.view, func(_, k int) place {
			return place{n.arena.at + uint64(4*s.offsets[k]*plane.C), s.rects[k], true}
		})
		if err != nil {
			return err
		}
		return s.commit(st.Out, plane, pixels)
	}, nil); err != nil {
		return 0, err
	}
	s.flags = resize(s.flags, 4*pixels)
	if err := n.memory.Read(s.flags, n.arena.at+uint64(align(4*numbers))); err != nil {
		return 0, err
	}
	mask.Clear()
	at := 0
	for _, r := range s.rects {
		for y := r.Y.Lo; y < r.Y.Hi; y++ {
			for x := r.X.Lo; x < r.X.Hi; x++ {
				if binary.LittleEndian.Uint32(s.flags[4*at:]) != 0 {
					mask.Add(region.Rect{Y: region.Span{Lo: y, Hi: y + 1}, X: region.Span{Lo: x, Hi: x + 1}})
				}
				at++
			}
		}
	}
	s.opt.Shape.Apply(mask)
	return spent, nil
}

// join copies those inputs of a concatenation that are no part of it.
func (s *Stream) join(st *incremental.Step, pixels int) error {
	n := s.network
	_, offset, pitch := n.lies(st.Out)
	return s.do(0, pixels*len(st.In), func() error {
		first, flags := offset, n.arena.at
		for k, src := range st.In {
			if !st.InPlace[k] {
				var jobs []kernels.Job
				for _, r := range s.rects {
					jobs = append(jobs, kernels.Job{In: n.view(src, 0), Rect: r, Out: n.views[st.Out] + 4*uint64(first), Pitch: pitch})
				}
				shape, to := plain(src.Plane), flags
				if err := n.launch(jobs, src.Plane.C, func(b kernels.Batch) (kernels.Launch, error) { return kernels.Commit(b, shape, to, 0) }); err != nil {
					return err
				}
			}
			first, flags = first+src.Plane.C, flags+uint64(4*pixels)
		}
		return nil
	}, nil)
}
