package gpu

import (
	"encoding/binary"
	"errors"
	"fmt"

	"krypton/internal/engine"
	"krypton/internal/gpu/kernels"
	"krypton/internal/incremental"
	"krypton/internal/region"
)

// Stream follows one input that changes again and again, as incremental.Stream does, in a
// network's views on a device: the host follows which pixels may change, and asks the device
// which of them have moved, step by step. With epsilon 0 the views then equal those of a whole
// run on the present input, bit for bit. It is used by one goroutine at a time, and nobody uses
// the network meanwhile but for Output of Clean.
type Stream struct {
	network *Network
	epsilon float64
	squares []float64 // of the pixels of each value's view, their mean; nil until it is asked for
	masks   []*region.Mask
	rects   []region.Rect
	offsets []int // of each rectangle's pixels behind the first one's
	chunk   chunk
	flags   []byte
}

// NewStream follows inputs on a network. A pixel stays as its readers have last seen it as long as
// it has not moved by more than epsilon times the root mean square of its value's pixels, taken in
// the last whole run; 0 is exact.
func NewStream(n *Network, epsilon float64) *Stream {
	return &Stream{network: n, epsilon: epsilon, masks: n.program.Masks()}
}

// Whole runs the whole network.
func (s *Stream) Whole(input []float32) error {
	s.squares = nil
	return s.network.Run(input)
}

// Update works a change of the input, as Whole takes it, into the views: of the pixels in the
// mask. It returns how many numbers were computed. After an error Whole has to be next.
func (s *Stream) Update(input []float32, changed *region.Mask) (computed int, err error) {
	n := s.network
	n.known = 0
	if !n.ran {
		return 0, errors.New("a change of an input that has not run")
	}
	if want := n.program.Values[n.program.Input].Plane; len(input) != want.Len() || changed.H != want.H || changed.W != want.W {
		return 0, fmt.Errorf("input has %d numbers, want %v", len(input), want)
	}
	if s.epsilon > 0 && s.squares == nil {
		if err := s.scale(); err != nil {
			return 0, err
		}
	}
	n.ran = false
	if err := s.begin(input, changed); err != nil {
		return 0, err
	}
	for i := range n.program.Steps {
		if !n.program.Reach(i, s.masks) {
			continue
		}
		numbers, err := s.step(i)
		if err != nil {
			return computed, fmt.Errorf("node %s (%s): %w", n.program.Steps[i].Node, n.program.Steps[i].Operator, err)
		}
		computed += numbers
	}
	n.ran = true
	return computed, nil
}

// scale takes the mean squares of the views' pixels.
func (s *Stream) scale() error {
	n := s.network
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

// begin writes the changed pixels of an input to its view.
func (s *Stream) begin(input []float32, changed *region.Mask) error {
	n := s.network
	v := n.program.Input
	plane := n.program.Values[v].Plane
	s.masks[v].Copy(changed)
	pixels := s.take(changed)
	if pixels == 0 {
		return nil
	}
	var data []float32
	for _, r := range s.rects {
		for y := r.Y.Lo; y < r.Y.Hi; y++ {
			data = append(data, input[(y*plane.W+r.X.Lo)*plane.C:][:r.X.Len()*plane.C]...)
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
	if s.epsilon > 0 && v != n.program.Input && plane.H*plane.W > 1 {
		limit = float32(s.epsilon * s.epsilon * s.squares[v])
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
// the mask.
func (s *Stream) step(i int) (numbers int, err error) {
	n := s.network
	st := &n.program.Steps[i]
	plane := n.program.Values[st.Out].Plane
	mask := s.masks[st.Out]
	pixels := s.take(mask)
	numbers = pixels * plane.C
	if st.InPlace != nil {
		return numbers, s.join(st, pixels)
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
	return numbers, nil
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
