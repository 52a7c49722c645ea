package main

import (
	"fmt"
	"math"

	"krypton/internal/failure"
	"krypton/internal/tensor"
)

// usualPreset is the preprocessing of a model that says nothing: a network that reads
// whole numbers normalizes them itself.
func (m *loadedModel) usualPreset() string {
	if t := m.graph.Pixels.Type; t == 0 || t == tensor.Float64 {
		return "imagenet"
	}
	return "raw"
}

// leastLevels is how many of 256 brightnesses must stay apart as whole numbers.
const leastLevels = 64

// wholePixels makes the preprocessing that of an input of whole numbers, if the model's
// is one. said says whether somebody has said how pixels become numbers; else those of
// int8 are 128 less than the pixels, if the network has it so.
func (m *loadedModel) wholePixels(said bool) error {
	p := m.graph.Pixels
	lo, hi, ok := wholeRange(p.Type)
	if !ok {
		return nil
	}
	m.pre.Whole = true
	if !said {
		switch {
		case p.Type == tensor.Int8 && p.Zero != nil && *p.Zero == -128:
			m.pre.Mean = []float64{128}
		case p.Type == tensor.Int8 || p.Type == tensor.Int16 || p.Type == tensor.Uint16:
			return failure.Usagef("model %s: its input is of type %v, and nothing in it says which number is black: say --preset raw, and --mean 128 if pixels become 128 less, or --pixel-scale", m.file.name, p.Type)
		}
	}
	for c := range m.plan.InputPlane().C {
		a, b := m.pre.Number(0, c), m.pre.Number(255, c)
		if min(a, b) < lo || max(a, b) > hi || math.Abs(b-a) < leastLevels-1 {
			return failure.Usagef("model %s: its input is of type %v, and the preprocessing makes %.4g to %.4g of black to white: say --preset raw for 0 to 255, or --pixel-scale and --mean", m.file.name, p.Type, a, b)
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

// checkNumbers fails if a tensor holds numbers that the network's input cannot.
func (m *loadedModel) checkNumbers(numbers []float32) error {
	t := m.graph.Pixels.Type
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

// round makes whole numbers of a fill that was computed from a tensor's, for a network
// that reads such.
func (m *loadedModel) round(numbers []float32) {
	if _, _, ok := wholeRange(m.graph.Pixels.Type); !ok {
		return
	}
	for i, v := range numbers {
		numbers[i] = float32(math.Round(float64(v)))
	}
}
