package op

import (
	"fmt"

	"krypton/internal/tensor"
)

// gathered builds a tensor of t's element type whose element o is element
// source(o) of t, or the one element of fill where source is negative (zero if
// fill is nil).
func gathered(t *tensor.Tensor, shape []int, fill *tensor.Tensor, source func(o int) int) (*tensor.Tensor, error) {
	switch d := t.Data.(type) {
	case []float32:
		return gatheredOf(d, shape, fill, source)
	case []float64:
		return gatheredOf(d, shape, fill, source)
	case []tensor.Half:
		return gatheredOf(d, shape, fill, source)
	case []bool:
		return gatheredOf(d, shape, fill, source)
	case []int8:
		return gatheredOf(d, shape, fill, source)
	case []int16:
		return gatheredOf(d, shape, fill, source)
	case []int32:
		return gatheredOf(d, shape, fill, source)
	case []int64:
		return gatheredOf(d, shape, fill, source)
	case []uint8:
		return gatheredOf(d, shape, fill, source)
	case []uint16:
		return gatheredOf(d, shape, fill, source)
	case []uint32:
		return gatheredOf(d, shape, fill, source)
	case []uint64:
		return gatheredOf(d, shape, fill, source)
	}
	return nil, DTypeError(t.DType())
}

func gatheredOf[T tensor.Element](d []T, shape []int, fill *tensor.Tensor, source func(o int) int) (*tensor.Tensor, error) {
	var f T
	if fill != nil {
		v, err := tensor.Of[T](fill)
		if err != nil {
			return nil, fmt.Errorf("fill value: %w", err)
		}
		if len(v) != 1 {
			return nil, fmt.Errorf("fill value has %d elements, want one", len(v))
		}
		f = v[0]
	}
	out := tensor.Zeros[T](shape...)
	y := out.Data.([]T)
	for o := range y {
		if s := source(o); s >= 0 {
			y[o] = d[s]
		} else {
			y[o] = f
		}
	}
	return out, nil
}

// place writes element i of src to element at(i) of dst for every i, combined
// with what is there by the reduction: "none" (replace), "add", "mul", "max" or
// "min". dst is a tensor that the caller has just made.
func place(dst, src *tensor.Tensor, reduction string, at func(i int) int) error {
	switch d := dst.Data.(type) {
	case []float32:
		return placeNumbers(d, src, reduction, at)
	case []float64:
		return placeNumbers(d, src, reduction, at)
	case []int8:
		return placeNumbers(d, src, reduction, at)
	case []int16:
		return placeNumbers(d, src, reduction, at)
	case []int32:
		return placeNumbers(d, src, reduction, at)
	case []int64:
		return placeNumbers(d, src, reduction, at)
	case []uint8:
		return placeNumbers(d, src, reduction, at)
	case []uint16:
		return placeNumbers(d, src, reduction, at)
	case []uint32:
		return placeNumbers(d, src, reduction, at)
	case []uint64:
		return placeNumbers(d, src, reduction, at)
	case []tensor.Half:
		if reduction == "none" {
			return placeWith(d, src, at, func(_, v tensor.Half) tensor.Half { return v })
		}
	case []bool:
		if reduction == "none" {
			return placeWith(d, src, at, func(_, v bool) bool { return v })
		}
	}
	return DTypeError(dst.DType())
}

func placeNumbers[T tensor.Number](d []T, src *tensor.Tensor, reduction string, at func(i int) int) error {
	combine := func(_, v T) T { return v }
	switch reduction {
	case "add":
		combine = func(o, v T) T { return o + v }
	case "mul":
		combine = func(o, v T) T { return o * v }
	case "max":
		combine = func(o, v T) T { return max(o, v) }
	case "min":
		combine = func(o, v T) T { return min(o, v) }
	}
	return placeWith(d, src, at, combine)
}

func placeWith[T tensor.Element](d []T, src *tensor.Tensor, at func(i int) int, combine func(old, v T) T) error {
	s, err := tensor.Of[T](src)
	if err != nil {
		return err
	}
	for i, v := range s {
		p := at(i)
		d[p] = combine(d[p], v)
	}
	return nil
}

// copied is a copy of t that may be written to.
func copied(t *tensor.Tensor) (*tensor.Tensor, error) {
	return gathered(t, t.Shape, nil, func(o int) int { return o })
}
