package incremental

import (
	"context"
	"fmt"
	"sync"

	"krypton/internal/engine"
	"krypton/internal/region"
	"krypton/internal/tensor"
)

// Views are the materialized outputs of every step for one input. They are
// never written after Materialize returns, and shared by all workers.
type Views struct {
	data [][]float32
	host []*tensor.Tensor
}

// Materialize runs the whole plan on one input, given channels last as
// InputPlane says, with the given number of workers. The input is kept, not
// copied.
func (p *Plan) Materialize(ctx context.Context, input []float32, workers int) (*Views, error) {
	if len(input) != p.InputPlane().Len() {
		return nil, fmt.Errorf("input has %d numbers, want %d", len(input), p.InputPlane().Len())
	}
	v := &Views{data: make([][]float32, len(p.values)), host: make([]*tensor.Tensor, len(p.values))}
	v.data[p.input] = input
	scratch := make([]*engine.Scratch, max(1, workers))
	for i := range scratch {
		scratch[i] = engine.NewScratch(p.kernels)
	}
	for i := range p.steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := &p.steps[i]
		if s.reference != nil {
			if err := p.materializeReference(s, v); err != nil {
				return nil, fmt.Errorf("node %s (%s): %w", s.node, s.operator, err)
			}
			continue
		}
		v.data[s.out] = make([]float32, p.values[s.out].plane.Len())
		p.materializeStep(s, v, scratch)
	}
	return v, nil
}

// materializeStep shares a step out among the workers: the rows of the output,
// or its channels where weights are more than pixels.
func (p *Plan) materializeStep(s *step, v *Views, scratch []*engine.Scratch) {
	out := p.values[s.out].plane
	in := make([]engine.Patched, len(s.in))
	for k, src := range s.in {
		in[k] = engine.Patched{Plane: src.plane, View: v.data[src.value]}
	}
	if c, ok := s.prim.(engine.Panelled); ok && len(scratch) > 1 && c.Panels() > 1 && c.Weights() > out.Len() {
		n := c.Panels()
		parts := min(len(scratch), n)
		jobs := []engine.Job{{In: in, Rect: out.Rect(), Out: v.data[s.out]}}
		inParallel(parts, func(b int) { c.RunPanels(scratch[b], jobs, n*b/parts, n*(b+1)/parts) })
		return
	}
	tile := max(1, s.tile)
	rows := (out.H + tile - 1) / tile
	bands := min(len(scratch), rows)
	inParallel(bands, func(b int) {
		rect := region.Rect{Y: region.Span{Lo: rows * b / bands * tile, Hi: min(out.H, rows*(b+1)/bands*tile)}, X: region.Span{Hi: out.W}}
		row := out.W * out.C
		s.prim.Run(scratch[b], []engine.Job{{In: in, Rect: rect, Out: v.data[s.out][rect.Y.Lo*row : rect.Y.Hi*row]}})
	})
}

// inParallel calls f for 0 to n-1 at the same time.
func inParallel(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n - 1 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			f(i)
		}()
	}
	f(n - 1)
	wg.Wait()
}

func (p *Plan) materializeReference(s *step, v *Views) error {
	out, err := s.reference.evaluate(
		func(i int) []float32 { return v.data[s.in[i].value] },
		func(i int) *tensor.Tensor { return v.host[s.in[i].value] })
	if err != nil {
		return err
	}
	for i, id := range s.reference.out {
		switch {
		case id < 0:
		case p.values[id].host:
			v.host[id] = out[i]
		default:
			f, err := p.floats(out[i], id)
			if err != nil {
				return err
			}
			v.data[id] = f
		}
	}
	return nil
}

// floats checks that a reference step kept its promise of type and size.
func (p *Plan) floats(t *tensor.Tensor, id int) ([]float32, error) {
	f, err := tensor.Of[float32](t)
	if err != nil {
		return nil, err
	}
	if len(f) != p.values[id].plane.Len() {
		return nil, fmt.Errorf("output has %d elements, its shape rule says %d", len(f), p.values[id].plane.Len())
	}
	return f, nil
}

// Output gives output i of the run that the views come from, in ONNX order.
func (p *Plan) Output(v *Views, i int) *tensor.Tensor {
	o := &p.outputs[i]
	if o.constant != nil {
		return o.constant
	}
	if p.values[o.value].host {
		return v.host[o.value]
	}
	t := tensor.Zeros[float32](o.layout.shape...)
	o.layout.gather(t.Data.([]float32), v.data[o.value])
	return t
}
