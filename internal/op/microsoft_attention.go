package op

import (
	"fmt"
	"math"
)

// fusedAttention are the settings of the attention that ONNX Runtime's optimizer puts
// together: of so many heads, whose products are multiplied by scale (0: by the root of
// the reciprocal of a head's size).
type fusedAttention struct {
	heads int
	scale float32
	most  int // inputs
}

// readFusedAttention reads what com.microsoft's Attention and MultiHeadAttention have in
// common. Masks, what came before and rotations are for text, and are refused.
func readFusedAttention(n *Node, most int) (*fusedAttention, error) {
	f := &fusedAttention{most: most}
	var err error
	if f.heads, err = n.Attr.Int("num_heads", 0); err != nil {
		return nil, err
	}
	if f.scale, err = n.Attr.Float("scale", 0); err != nil {
		return nil, err
	}
	for _, name := range []string{"unidirectional", "do_rotary", "past_present_share_buffer"} {
		on, err := n.Attr.Bool(name, false)
		if err != nil {
			return nil, err
		}
		if on {
			return nil, fmt.Errorf("attribute %q is not supported", name)
		}
	}
	n.Attr.Ignore("mask_filter_value", "rotary_embedding_dim") // of what there is not
	if f.heads < 1 || f.heads > maxAxis {
		return nil, fmt.Errorf("attribute \"num_heads\" is %d", f.heads)
	}
	return f, nil
}

// newFusedAttention reads com.microsoft.Attention: input [batch, length, size], weights
// and bias of queries, keys and values side by side (ContribOperators.md of ONNX Runtime).
func newFusedAttention(n *Node) (Operator, error) {
	f, err := readFusedAttention(n, 3)
	if err != nil {
		return nil, err
	}
	return &Compound{build: func(p *parts, in []*Info) error {
		all, err := p.add("MatMul", 13, nil, p.input(0), p.input(1))
		if err == nil && given(p.in, 2) {
			all, err = p.add("Add", 13, nil, all, p.input(2))
		}
		if err != nil {
			return err
		}
		shape := p.info(all).Shape
		if len(shape) != 3 || shape[2]%3 != 0 {
			return fmt.Errorf("queries, keys and values of shape %v", shape)
		}
		var three [3]Ref
		size := int64(shape[2] / 3)
		for i := range three {
			if three[i], err = p.add("Slice", 13, nil, all, p.ints(int64(i)*size), p.ints(int64(i+1)*size), p.ints(2)); err != nil {
				return err
			}
		}
		return f.attend(p, three)
	}}, nil
}

// newMultiHeadAttention reads com.microsoft.MultiHeadAttention of queries, keys and values
// [batch, length, size] with a bias of all three side by side.
func newMultiHeadAttention(n *Node) (Operator, error) {
	f, err := readFusedAttention(n, 4)
	if err != nil {
		return nil, err
	}
	return &Compound{build: func(p *parts, in []*Info) error {
		var three [3]Ref
		at := int64(0)
		for i := range three {
			if !in[i].Known() || len(in[i].Shape) != 3 {
				return fmt.Errorf("input %d must have a known shape of three axes", i)
			}
			three[i] = p.input(i)
			if !given(p.in, 3) {
				continue
			}
			size := int64(in[i].Shape[2])
			bias, err := p.add("Slice", 13, nil, p.input(3), p.ints(at), p.ints(at+size), p.ints(0))
			if err == nil {
				three[i], err = p.add("Add", 13, nil, three[i], bias)
			}
			if err != nil {
				return err
			}
			at += size
		}
		return f.attend(p, three)
	}}, nil
}

// attend makes the result of queries, keys and values.
func (f *fusedAttention) attend(p *parts, three [3]Ref) error {
	for i := f.most; i < len(p.in); i++ {
		if given(p.in, i) {
			return fmt.Errorf("input %d: masks and what came before are not supported", i)
		}
	}
	var err error
	var shapes [3][]int
	perms := [3][]int64{{0, 2, 1, 3}, {0, 2, 3, 1}, {0, 2, 1, 3}} // keys are turned
	for i, x := range three {
		s := p.info(x).Shape
		if len(s) != 3 || s[2]%f.heads != 0 || s[2] == 0 {
			return fmt.Errorf("an operand of shape %v for %d heads", s, f.heads)
		}
		shapes[i] = s
		if x, err = p.add("Reshape", 13, nil, x, p.ints(int64(s[0]), int64(s[1]), int64(f.heads), int64(s[2]/f.heads))); err != nil {
			return err
		}
		if three[i], err = p.add("Transpose", 13, map[string]any{"perm": perms[i]}, x); err != nil {
			return err
		}
	}
	scale := f.scale
	if scale == 0 {
		scale = float32(1 / math.Sqrt(float64(shapes[0][2]/f.heads)))
	}
	y, err := p.add("MatMul", 13, nil, three[0], three[1])
	if err == nil {
		y, err = p.add("Mul", 13, nil, y, p.float(scale))
	}
	if err == nil {
		y, err = p.add("Softmax", 13, map[string]any{"axis": int64(-1)}, y)
	}
	if err == nil {
		y, err = p.add("MatMul", 13, nil, y, three[2])
	}
	if err == nil {
		y, err = p.add("Transpose", 13, map[string]any{"perm": []int64{0, 2, 1, 3}}, y)
	}
	if err == nil {
		y, err = p.add("Reshape", 13, nil, y, p.ints(int64(shapes[0][0]), int64(shapes[0][1]), int64(shapes[2][2])))
	}
	p.result(y)
	return err
}
