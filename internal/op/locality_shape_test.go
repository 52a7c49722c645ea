package op

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"krypton/internal/region"
	"krypton/internal/tensor"
)

// TestLocalityNeverMisses changes a rectangle of the input's plane and checks
// that every changed output lies where the locality says that it may.
func TestLocalityNeverMisses(t *testing.T) {
	kinds, fields := map[LocalityKind]int{}, 0
	for _, d := range drawn() {
		for seed := range uint64(150) {
			r := &randomNode{rand.New(rand.NewPCG(seed, 3)), MaxOpset}
			if d.Until != 0 {
				r.opset = d.Until
			}
			attr, in, outputs := r.draw(d.Name)
			o, err := d.New(&Node{Type: d.Name, Opset: r.opset, Inputs: len(in), Outputs: outputs, Attr: NewAttributes(attr)})
			if err != nil {
				continue
			}
			infos := infosOf(in)
			varied := []int{}
			for i, x := range infos {
				if x != nil && !slices.Contains(d.Static, i) && len(x.Shape) >= 3 && r.IntN(3) > 0 && product(x.Shape) > 0 {
					x.Value = nil
					varied = append(varied, i)
				}
			}
			out, err := o.Infer(infos, outputs)
			if err != nil || len(varied) == 0 {
				continue
			}
			loc := LocalityOf(o, infos, out)
			kinds[loc.Kind]++
			if loc.Kind == Global {
				continue
			}
			if loc.Field != nil {
				fields++
			}
			plane := in[varied[0]].Shape[2:]
			rect := make([]region.Span, len(plane))
			for a, n := range plane {
				lo := r.IntN(n)
				rect[a] = region.Span{Lo: lo, Hi: lo + 1 + r.IntN(n-lo)}
			}
			changed := slices.Clone(in)
			for _, i := range varied {
				changed[i] = r.changed(in[i], rect)
			}
			before, err := o.Eval(in, outputs)
			if err != nil {
				t.Fatalf("%s seed %d: %v", d.Name, seed, err)
			}
			after, err := o.Eval(changed, outputs)
			if err != nil {
				t.Fatalf("%s seed %d: %v", d.Name, seed, err)
			}
			for k := range before {
				reach := reached(t, loc, rect)
				checkInside(t, d.Name, seed, before[k], after[k], reach)
			}
		}
	}
	for _, k := range []LocalityKind{Pointwise, Windowed, Rearranging} {
		if kinds[k] < 20 {
			t.Errorf("only %d cases of kind %v", kinds[k], k)
		}
	}
	if fields < 10 {
		t.Errorf("only %d cases of fields", fields)
	}
}

// changed replaces the elements of t in a rectangle of its plane.
func (r *randomNode) changed(t *tensor.Tensor, rect []region.Span) *tensor.Tensor {
	other := r.data(t.DType(), t.Shape...)
	at := make([]int, len(t.Shape))
	y, err := copied(t)
	if err != nil {
		panic(err)
	}
	var inside []int
	for i := range t.Len() {
		unravel(i, t.Shape, at)
		ok := true
		for a, s := range rect {
			ok = ok && at[a+2] >= s.Lo && at[a+2] < s.Hi
		}
		if ok {
			inside = append(inside, i)
		}
	}
	part, err := gathered(other, []int{len(inside)}, nil, func(i int) int { return inside[i] })
	if err != nil {
		panic(err)
	}
	if err := place(y, part, "none", func(i int) int { return inside[i] }); err != nil {
		panic(err)
	}
	return y
}

// reached maps a rectangle through a locality.
func reached(t *testing.T, l Locality, rect []region.Span) []region.Span {
	r := slices.Clone(rect)
	if l.Field != nil {
		y, x := region.Span{Lo: 0, Hi: 1}, r[len(r)-1]
		if len(r) == 2 {
			y = r[0]
		}
		out := l.Field.Reach(region.Rect{Y: y, X: x})
		return []region.Span{out.Y, out.X}[2-len(r):]
	}
	for a := range r {
		switch l.Kind {
		case Windowed:
			r[a] = l.Windows[a].Reach(rect[a])
		case Rearranging:
			r[a] = l.Tables[a].Reach(rect[a])
		}
	}
	return r
}

func checkInside(t *testing.T, name string, seed uint64, before, after *tensor.Tensor, reach []region.Span) {
	t.Helper()
	same := bitsEqual(before, after)
	at := make([]int, len(before.Shape))
	for i := range before.Len() {
		if same(i) {
			continue
		}
		unravel(i, before.Shape, at)
		for a, s := range reach {
			// A plane that was reduced away leaves one position.
			if a+2 < len(at) && (at[a+2] < s.Lo || at[a+2] >= s.Hi) {
				t.Fatalf("%s seed %d: output %v changed outside %v", name, seed, at, reach)
			}
		}
	}
}

// bitsEqual compares elements of two tensors of a type; NaN equals NaN.
func bitsEqual(a, b *tensor.Tensor) func(i int) bool {
	f, g := floatReader(a), floatReader(b)
	return func(i int) bool { return f(i) == g(i) || f(i) != f(i) && g(i) != g(i) }
}

// TestTablesEqualEval applies the tables of Slice, Pad and Resize to the plane,
// by a plain sum over the taps of all axes at once, and compares with Eval.
func TestTablesEqualEval(t *testing.T) {
	compared := map[string]int{}
	for _, d := range shapeOperators {
		if d.Name != "Slice" && d.Name != "Pad" && d.Name != "Resize" && d.Name != "Upsample" {
			continue
		}
		for seed := range uint64(400) {
			r := &randomNode{rand.New(rand.NewPCG(seed, 4)), MaxOpset}
			if d.Until != 0 {
				r.opset = d.Until
			}
			attr, in, _ := r.draw(d.Name)
			if in[0].DType() != tensor.Float32 {
				continue
			}
			for i := range in[0].Len() { // finite, so that sums can be compared
				in[0].Data.([]float32)[i] = float32(i * 7 % 23)
			}
			if len(in) > 2 && d.Name == "Pad" && in[2] != nil {
				in[2] = tensor.Scalar(float32(4))
			}
			o, err := d.New(&Node{Type: d.Name, Opset: r.opset, Inputs: len(in), Outputs: 1, Attr: NewAttributes(attr)})
			if err != nil {
				continue
			}
			infos := infosOf(in)
			out, err := o.Infer(infos, 1)
			if err != nil || product(out[0].Shape) > 1<<16 {
				continue
			}
			loc := LocalityOf(o, infos, out)
			if loc.Kind != Rearranging {
				continue
			}
			fill := float32(2.5) // the generator's extrapolation value
			if p, ok := o.(*Pad); ok {
				if _, _, fill, err = p.Pads(infos); err != nil {
					t.Fatal(err)
				}
			}
			want, err := o.Eval(in, 1)
			if err != nil {
				t.Fatal(err)
			}
			compared[d.Name]++
			got := applyTables(in[0], out[0].Shape, loc.Tables, fill)
			w := want[0].Data.([]float32)
			for i, v := range got {
				if diff := float64(w[i]) - v; !(diff < 1e-4 && diff > -1e-4) {
					t.Fatalf("%s seed %d: %v element %d is %g by the tables, %g by Eval", d.Name, seed, attr, i, v, w[i])
				}
			}
		}
	}
	for _, n := range []string{"Slice", "Pad", "Resize", "Upsample"} {
		if compared[n] < 10 {
			t.Errorf("%s: only %d cases compared", n, compared[n])
		}
	}
}

// TestFieldEqualsEval adds up what a field says that each output pixel reads, and compares
// with Eval.
func TestFieldEqualsEval(t *testing.T) {
	compared := map[string]int{}
	for seed := range uint64(1500) {
		r := &randomNode{rand.New(rand.NewPCG(seed, 5)), MaxOpset}
		attr, in, _ := r.draw("GridSample")
		grid := in[1].Data.([]float32)
		for i, v := range grid { // more of them inside
			if i%3 > 0 {
				grid[i] = float32(math.Mod(float64(v), 1.2))
			}
		}
		x := in[0].Data.([]float32)
		for i := range x {
			x[i] = float32(i * 7 % 23)
		}
		d, err := Lookup("GridSample", MaxOpset)
		if err != nil {
			t.Fatal(err)
		}
		o, err := d.New(&Node{Type: d.Name, Opset: r.opset, Inputs: 2, Outputs: 1, Attr: NewAttributes(attr)})
		if err != nil {
			t.Fatal(err)
		}
		infos := infosOf(in)
		infos[0].Value = nil
		out, err := o.Infer(infos, 1)
		if err != nil {
			continue
		}
		f := LocalityOf(o, infos, out).Field
		if wanted := len(in[0].Shape) <= 4 && in[0].Shape[0] == 1 && product(out[0].Shape) > 0; (f != nil) != wanted {
			t.Fatalf("seed %d: field %v for shape %v", seed, f, in[0].Shape)
		} else if !wanted {
			continue
		}
		y, err := o.Eval(in, 1)
		if err != nil {
			t.Fatal(err)
		}
		compared[fmt.Sprint(attr["mode"], len(in[0].Shape))]++
		size, points := product(in[0].Shape[2:]), product(out[0].Shape[2:])
		for i, want := range y[0].Data.([]float32) {
			got, first := 0.0, i%points*f.Taps
			for k, from := range f.Index[first : first+f.Taps] {
				if from >= 0 && f.Weight != nil {
					got += float64(f.Weight[first+k]) * float64(x[i/points*size+int(from)])
				} else if from >= 0 {
					got += float64(x[i/points*size+int(from)])
				}
			}
			if diff := math.Abs(got - float64(want)); !(diff < 1e-4) {
				t.Fatalf("seed %d: %v element %d is %g by the field, %g by Eval", seed, attr, i, got, want)
			}
		}
	}
	for _, mode := range []string{"nearest", "linear", "cubic"} {
		for rank := 3; rank <= 4; rank++ {
			if n := compared[fmt.Sprint(mode, rank)]; n < 20 {
				t.Errorf("%s of rank %d: only %d cases", mode, rank, n)
			}
		}
	}
}

// applyTables is the meaning of region.Table on every axis behind batch and
// channels.
func applyTables(x *tensor.Tensor, shape []int, tables []region.Table, fill float32) []float64 {
	d, stride := x.Data.([]float32), strides(x.Shape)
	y, at := make([]float64, product(shape)), make([]int, len(shape))
	var sum func(a, base int, filled bool) float64
	sum = func(a, base int, filled bool) float64 {
		if a == len(tables) {
			if filled {
				return float64(fill)
			}
			return float64(d[base])
		}
		t, total := tables[a], 0.0
		for k := at[a+2] * t.Taps; k < (at[a+2]+1)*t.Taps; k++ {
			w := 1.0
			if t.Weight != nil {
				w = float64(t.Weight[k])
			}
			total += w * sum(a+1, base+max(int(t.Index[k]), 0)*stride[a+2], filled || t.Index[k] < 0)
		}
		return total
	}
	for o := range y {
		unravel(o, shape, at)
		y[o] = sum(0, at[0]*stride[0]+at[1]*stride[1], false)
	}
	return y
}
