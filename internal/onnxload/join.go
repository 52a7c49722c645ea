package onnxload

import (
	"fmt"
	"slices"
	"strings"

	"krypton/internal/graph"
	"krypton/internal/op"
	"krypton/internal/tensor"
)

// with takes the inputs of Options.With out of those that have no value.
func (b *builder) with(free []valueInfo) (with, others []valueInfo, err error) {
	for i, name := range b.opt.With {
		at := slices.IndexFunc(free, func(v valueInfo) bool { return v.name == name })
		switch {
		case at < 0:
			var has []string
			for _, v := range free {
				has = append(has, v.name)
			}
			return nil, nil, fmt.Errorf("input %q %w: it is none of those without a value: %s", name, ErrWith, strings.Join(has[:min(len(has), 20)], ", "))
		case name == b.opt.Input || slices.Contains(b.opt.With[:i], name):
			return nil, nil, fmt.Errorf("input %q %w with itself", name, ErrWith)
		}
		with = append(with, free[at])
	}
	return with, slices.DeleteFunc(slices.Clone(free), func(v valueInfo) bool { return slices.Contains(b.opt.With, v.name) }), nil
}

// plane is an input that is a picture: its numbers, and where they lie.
type plane struct {
	info    op.Info
	kind    tensor.DType
	last    bool // channels
	h, w, c int
}

func (b *builder) plane(v valueInfo, layout string) (plane, error) {
	info, kind, err := b.openInput(v)
	if err != nil {
		return plane{}, err
	}
	s := info.Shape
	if len(s) != 4 || s[0] != 1 || slices.Contains(s, 0) {
		return plane{}, fmt.Errorf("input %q of shape %v %w: it is no picture", v.name, s, ErrWith)
	}
	p := plane{info, kind, true, s[1], s[2], s[3]}
	if !graph.ChannelsLast(s, layout) {
		p = p.turned()
	}
	return p, nil
}

// turned is an input with its channels on the other end.
func (p plane) turned() plane {
	s := p.info.Shape
	if p.last {
		return plane{p.info, p.kind, false, s[2], s[3], s[1]}
	}
	return plane{p.info, p.kind, true, s[1], s[2], s[3]}
}

// ratio is how many pixels one of another input stands for along each side, 0 if that is
// no whole number.
func (p plane) ratio(of plane) int {
	if r := p.h / of.h; of.h*r == p.h && of.w*r == p.w {
		return r
	}
	return 0
}

// join makes one input of several, the picture's first: their channels one behind the
// other, from which each is cut again. One that is smaller by a whole number is cut with
// that for a step.
func (b *builder) join(all []valueInfo) error {
	var planes []plane
	channels := 0
	for i, v := range all {
		layout := ""
		if i == 0 {
			layout = b.opt.Layout
		}
		p, err := b.plane(v, layout)
		if err != nil {
			return err
		}
		first := append(planes, p)[0]
		if other := p.turned(); first.ratio(p) == 0 && first.ratio(other) > 0 { // told by the picture's size
			p = other
		}
		r := first.ratio(p)
		switch {
		case p.kind != first.kind:
			return fmt.Errorf("inputs %q, of %v, and %q, of %v, %w: they are of different types", all[0].name, first.kind, v.name, p.kind, ErrWith)
		case r == 0:
			return fmt.Errorf("input %q %w: it has %dx%d pixels, the picture's input %q %dx%d: want as many, or these divided by a whole number", v.name, ErrWith, p.h, p.w, all[0].name, first.h, first.w)
		}
		b.g.Joined = append(b.g.Joined, graph.Joined{Name: v.name, From: channels, Channels: p.c, Ratio: r})
		planes, channels = append(planes, p), channels+p.c
	}
	var names []string
	for _, v := range all {
		names = append(names, v.name)
	}
	shape := []int{1, channels, planes[0].h, planes[0].w}
	if _, err := tensor.Size(shape); err != nil {
		return fmt.Errorf("%w: inputs %s: %w", ErrModel, strings.Join(names, ", "), err)
	}
	whole := b.add("", op.Info{Type: tensor.Float32, Shape: shape}, -1)
	b.g.Values[whole].Name = strings.Join(names, "+")
	b.g.Inputs = append(b.g.Inputs, whole)
	for i, j := range b.g.Joined {
		id, err := b.cutFrom(whole, j, planes[i])
		if err != nil {
			return err
		}
		b.ids[j.Name] = id
		if planes[i].kind != tensor.Float32 {
			b.g.Pixels.Type, b.carried[id] = planes[i].kind, planes[i].kind
		}
	}
	return nil
}

// cutFrom cuts an input from the one that it is joined to.
func (b *builder) cutFrom(whole graph.ValueID, j graph.Joined, p plane) (graph.ValueID, error) {
	ints := func(n ...int64) graph.ValueID {
		return b.add("", op.Info{Type: tensor.Int64, Shape: []int{len(n)}, Value: tensor.New(n, len(n))}, -1)
	}
	slice := func(name string, from graph.ValueID, shape []int, starts, ends, axes, steps graph.ValueID) (graph.ValueID, error) {
		return b.insert(name, "Slice", &op.Slice{}, op.Info{Type: tensor.Float32, Shape: shape}, from, starts, ends, axes, steps)
	}
	h, w := b.g.Values[whole].Info.Shape[2], b.g.Values[whole].Info.Shape[3]
	id, err := slice(j.Name, whole, []int{1, j.Channels, h, w}, ints(int64(j.From)), ints(int64(j.From+j.Channels)), ints(1), ints(1))
	if err == nil && j.Ratio > 1 {
		r := int64(j.Ratio)
		id, err = slice(j.Name+" of its own size", id, []int{1, j.Channels, p.h, p.w}, ints(r/2, r/2), ints(int64(h), int64(w)), ints(2, 3), ints(r, r))
	}
	if err == nil && p.last {
		id, err = b.insert(j.Name+" with channels last", "Transpose", &op.Transpose{Perm: []int{0, 2, 3, 1}}, op.Info{Type: tensor.Float32, Shape: p.info.Shape}, id)
	}
	return id, err
}
