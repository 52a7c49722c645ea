package op

import (
	"errors"
	"fmt"

	"krypton/internal/tensor"
)

var errIndex = errors.New("index out of range")

// indexType requires an index input to be int64 or int32.
func indexType(in []*Info, i int) error {
	if t := in[i].Type; t != tensor.Int64 && t != tensor.Int32 {
		return fmt.Errorf("input %d holds indices of %v, want int64 or int32", i, t)
	}
	return nil
}

// checkIndices bounds the values of constant indices; others are checked when
// they are known, at Eval.
func checkIndices(x *Info, n int) error {
	if x.Value == nil {
		return nil
	}
	_, err := indices(x.Value, n)
	return err
}

// indices returns the elements of t as positions on an axis of length n;
// negative ones count from the end.
func indices(t *tensor.Tensor, n int) ([]int, error) {
	v, err := t.Ints()
	if err != nil {
		return nil, err
	}
	for i, x := range v {
		if x < -n || x >= n {
			return nil, fmt.Errorf("%w: %d for an axis of length %d", errIndex, x, n)
		}
		if x < 0 {
			v[i] = x + n
		}
	}
	return v, nil
}

// tuples returns the index tuples in the last axis of t (of length k) as flat
// offsets of the leading k axes of shape, in units of one slice behind them.
func tuples(t *tensor.Tensor, shape []int) ([]int, error) {
	v, err := t.Ints()
	if err != nil {
		return nil, err
	}
	k := len(shape)
	n := product(t.Shape[:len(t.Shape)-1])
	r := make([]int, n)
	for i := range r {
		for a, d := range shape {
			x := v[i*k+a]
			if x < -d || x >= d {
				return nil, fmt.Errorf("%w: %d for an axis of length %d", errIndex, x, d)
			}
			if x < 0 {
				x += d
			}
			r[i] = r[i]*d + x
		}
	}
	return r, nil
}
