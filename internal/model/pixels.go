package model

import (
	"fmt"
	"math"

	"krypton/internal/failure"
	"krypton/internal/imagein"
	"krypton/internal/tensor"
)

// usualPreset is the preprocessing of a model that says nothing: a network that reads
// whole numbers normalizes them itself.
func (m *Model) usualPreset() string {
	if t := m.Graph.Pixels.Type; t == 0 || t == tensor.Float64 {
		return "imagenet"
	}
	return "raw"
}

// leastLevels is how many of 256 brightnesses must stay apart as whole numbers.
const leastLevels = 64

// wholePixels makes the preprocessing that of an input of whole numbers, if the model's
// is one. said says whether somebody has said how pixels become numbers; else those of
// int8 are 128 less than the pixels, if the network has it so.
func (m *Model) wholePixels(pre *imagein.Preprocess, channels int, said bool) error {
	p := m.Graph.Pixels
	lo, hi, ok := wholeRange(p.Type)
	if !ok {
		return nil
	}
	pre.Whole = true
	if !said {
		switch {
		case p.Type == tensor.Int8 && p.Zero != nil && *p.Zero == -128:
			pre.Mean = []float64{128}
		case p.Type == tensor.Int8 || p.Type == tensor.Int16 || p.Type == tensor.Uint16:
			return failure.Mark(failure.Usagef("model %s: its input is of type %v, and nothing in it says which number is black", m.File.Name, p.Type), ErrBlack)
		}
	}
	for c := range channels {
		a, b := pre.Number(0, c), pre.Number(255, c)
		if min(a, b) < lo || max(a, b) > hi || math.Abs(b-a) < leastLevels-1 {
			return failure.Mark(failure.Usagef("model %s: its input is of type %v, and the preprocessing makes %.4g to %.4g of black to white", m.File.Name, p.Type, a, b), ErrRange)
		}
	}
	return nil
}

// wholeRange is the range of a type of whole numbers.
func wholeRange(t tensor.DType) (lo, hi float64, ok bool) {
	switch t {
	case tensor.Uint8:
		return 0, math.MaxUint8, true
	case tensor.Int8:
		return math.MinInt8, math.MaxInt8, true
	case tensor.Uint16:
		return 0, math.MaxUint16, true
	case tensor.Int16:
		return math.MinInt16, math.MaxInt16, true
	case tensor.Uint32, tensor.Uint64:
		return 0, math.MaxUint32, true
	case tensor.Int32, tensor.Int64:
		return math.MinInt32, math.MaxInt32, true
	}
	return 0, 0, false
}

// CheckNumbers fails if a tensor holds numbers that the network's input cannot.
func (p *Plane) CheckNumbers(numbers []float32) error {
	t := p.kind
	lo, hi, ok := wholeRange(t)
	if !ok {
		return nil
	}
	for _, v := range numbers {
		if f := float64(v); f != math.Trunc(f) || f < lo || f > hi {
			return fmt.Errorf("holds %g, and the network reads whole numbers of type %v", v, t)
		}
	}
	return nil
}

// Round makes whole numbers of a fill that was computed from a tensor's, for a network
// that reads such.
func (p *Plane) Round(numbers []float32) {
	if !p.ReadsWhole() {
		return
	}
	for i, v := range numbers {
		numbers[i] = float32(math.Round(float64(v)))
	}
}

// ReadsWhole says whether the input reads whole numbers alone.
func (p *Plane) ReadsWhole() bool {
	_, _, whole := wholeRange(p.kind)
	return whole
}

// WholeChannels says of each channel of the plan's input whether it reads whole numbers
// alone; nil if none does.
func (m *Model) WholeChannels() []bool {
	var all []bool
	for _, p := range m.Planes {
		if !p.ReadsWhole() {
			continue
		}
		if all == nil {
			all = make([]bool, m.Plan.InputPlane().C)
		}
		for c := range p.C {
			all[p.From+c] = true
		}
	}
	return all
}
