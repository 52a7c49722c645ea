package onnxload

import "fmt"

// Card is what a model file says of itself before anything is loaded.
type Card struct {
	// Metadata are the file's metadata properties.
	Metadata map[string]string
	// Outputs are the declared shapes of the graph's outputs: symbols, numbers, ? for
	// what is not said; nil for an output without a shape.
	Outputs [][]string
	// Open says that an input has an open axis behind its first.
	Open bool
}

// Peek reads a file's card and passes over all else: weights are not looked at.
func Peek(data []byte) (*Card, error) {
	c := &Card{Metadata: map[string]string{}}
	err := fields(data, func(f field) error {
		if f.number != 7 && f.number != 14 {
			return nil
		}
		b, err := f.message()
		switch {
		case err != nil:
			return err
		case f.number == 14:
			k, v, err := pair(b)
			c.Metadata[k] = v
			return err
		}
		return fields(b, func(f field) error {
			if f.number != 11 && f.number != 12 {
				return nil
			}
			b, err := f.message()
			if err != nil {
				return err
			}
			v, err := info(b)
			if f.number == 11 {
				for _, d := range v.dims[min(1, len(v.dims)):] {
					c.Open = c.Open || d.value < 0
				}
				return err
			}
			var dims []string
			for _, d := range v.dims {
				dims = append(dims, d.String())
			}
			c.Outputs = append(c.Outputs, dims)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("model: %w", err)
	}
	return c, nil
}
