package op

import (
	"testing"

	"krypton/internal/tensor"
)

// TestParameterLocality: an operator is local only if what it reads beside the
// plane cannot change; a varying scale or weight changes everything.
func TestParameterLocality(t *testing.T) {
	plane := []int{1, 2, 3, 3}
	for _, c := range []struct {
		name       string
		parameters [][]int // shapes of the further inputs
		constant   LocalityKind
		varying    LocalityKind // if any one of them varies
	}{
		{"BatchNormalization", [][]int{{2}, {2}, {2}, {2}}, Pointwise, Global},
		{"PRelu", [][]int{{2, 1, 1}}, Pointwise, Global},
		{"PRelu", [][]int{plane}, Pointwise, Pointwise},
		{"Add", [][]int{{1, 2, 1, 1}}, Pointwise, Global},
		{"Add", [][]int{{3, 3}}, Pointwise, Global},
		{"Add", [][]int{plane}, Pointwise, Pointwise},
		{"Mul", [][]int{{}}, Pointwise, Global},
		{"Mul", [][]int{{1, 1, 3, 3}}, Pointwise, Pointwise},
		{"Max", [][]int{{1}, {2, 1, 1}}, Pointwise, Global},
		{"Greater", [][]int{{1}}, Pointwise, Global},
		{"Clip", [][]int{{}, {}}, Pointwise, Global},
		{"Conv", [][]int{{2, 2, 3, 3}, {2}}, Windowed, Global},
		{"QuantizeLinear", [][]int{{}}, Pointwise, Global},
		{"ConvTranspose", [][]int{{2, 2, 3, 3}}, Global, Global},
		{"InstanceNormalization", [][]int{{2}, {2}}, Global, Global},
		{"LayerNormalization", [][]int{{3}, {3}}, Global, Global},
	} {
		for vary := -1; vary < len(c.parameters); vary++ {
			in := []*Info{{Type: tensor.Float32, Shape: plane}}
			for i, s := range c.parameters {
				x := &Info{Type: tensor.Float32, Shape: s}
				if i != vary {
					x.Value = tensor.Zeros[float32](s...)
				}
				in = append(in, x)
			}
			want := c.constant
			if vary >= 0 {
				want = c.varying
			}
			d, err := Lookup(c.name, 17)
			if err != nil {
				t.Fatal(err)
			}
			o, err := d.New(&Node{Type: c.name, Opset: 17, Inputs: len(in), Outputs: 1, Attr: NewAttributes(nil)})
			if err != nil {
				t.Fatal(err)
			}
			out, err := o.Infer(in, 1)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if got := LocalityOf(o, in, out).Kind; got != want {
				t.Errorf("%s of %s: locality %v, want %v", c.name, describeInfos(in), got, want)
			}
		}
	}
}
