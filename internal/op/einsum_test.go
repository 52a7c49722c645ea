package op

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"krypton/internal/tensor"
)

// TestEinsum compares with the sum over all values of all labels.
func TestEinsum(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	equations := []string{
		"ij,jk->ik", "b h i d, b h j d -> b h i j", "bhij,bhjd->bihd", "bchw,cd->bdhw", "i,i->", "i,j->ij", "ij->ji", "ij->", "ij->j", "ijk,k->ij", "ab,ab->ab",
		"ab,ab", "ba,cb", "ij,jk", "BtHdk,BjkH->HtBdj", "ij,kl->", "ij,j,k->ik", "ab,bc,cd->ad", "abc,abd,ae->e", "i,i,i->i", "zyx->xz",
	}
	for i := range 200 { // and random ones
		var terms []string
		used := ""
		for range 1 + rng.IntN(3) {
			term := ""
			for _, l := range rng.Perm(5)[:1+rng.IntN(4)] {
				term += string("abcXy"[l])
			}
			terms, used = append(terms, term), used+term
		}
		e := strings.Join(terms, ",")
		if i%4 > 0 {
			result := ""
			for _, l := range rng.Perm(5)[:rng.IntN(5)] {
				if s := string("abcXy"[l]); strings.Contains(used, s) {
					result += s
				}
			}
			e += "->" + result
		}
		equations = append(equations, e)
	}
	for _, e := range equations {
		t.Run(e, func(t *testing.T) { checkEinsum(t, rng, e) })
	}
}

func checkEinsum(t *testing.T, rng *rand.Rand, equation string) {
	left, right, explicit := strings.Cut(strings.ReplaceAll(equation, " ", ""), "->")
	terms := strings.Split(left, ",")
	if !explicit {
		for c := 'A'; c <= 'z'; c++ {
			if strings.Count(left, string(c)) == 1 && c != ',' {
				right += string(c)
			}
		}
	}
	sizes, labels := map[byte]int{}, []byte{}
	for i := range len(left) {
		if l := left[i]; l != ',' && sizes[l] == 0 {
			sizes[l] = 1 + rng.IntN(4)
			labels = append(labels, l)
		}
	}
	var in []*tensor.Tensor
	for _, term := range terms {
		shape := []int{}
		for i := range len(term) {
			shape = append(shape, sizes[term[i]])
		}
		x := tensor.Zeros[float32](shape...)
		for i := range x.Data.([]float32) {
			x.Data.([]float32)[i] = rng.Float32()*2 - 1
		}
		in = append(in, x)
	}
	shape := []int{}
	for i := range len(right) {
		shape = append(shape, sizes[right[i]])
	}
	want := make([]float64, product(shape))
	at := map[byte]int{}
	place := func(term string) int {
		k := 0
		for i := range len(term) {
			k = k*sizes[term[i]] + at[term[i]]
		}
		return k
	}
	var each func(k int)
	each = func(k int) {
		if k < len(labels) {
			for at[labels[k]] = 0; at[labels[k]] < sizes[labels[k]]; at[labels[k]]++ {
				each(k + 1)
			}
			return
		}
		p := 1.0
		for i, term := range terms {
			p *= float64(in[i].Data.([]float32)[place(term)])
		}
		want[place(right)] += p
	}
	each(0)
	y := einsum(t, equation, in...)
	if fmt.Sprint(y.Shape) != fmt.Sprint(shape) {
		t.Fatalf("shape %v, want %v", y.Shape, shape)
	}
	for i, v := range y.Data.([]float32) {
		if math.Abs(float64(v)-want[i]) > 1e-4 {
			t.Fatalf("[%d] = %g, want %g", i, v, want[i])
		}
	}
}

func einsum(t *testing.T, equation string, in ...*tensor.Tensor) *tensor.Tensor {
	t.Helper()
	o, err := newEinsum(&Node{Opset: 12, Inputs: len(in), Outputs: 1, Attr: NewAttributes(map[string]any{"equation": equation})})
	if err != nil {
		t.Fatal(err)
	}
	y, err := o.Eval(in, 1)
	if err != nil {
		t.Fatal(err)
	}
	return y[0]
}

// TestEinsumEllipsis: an ellipsis stands for axes that are spread over each other.
func TestEinsumEllipsis(t *testing.T) {
	x := tensor.New([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 2, 2, 2)
	m := tensor.New([]float32{1, 10, 100, 1000}, 2, 2)
	for e, want := range map[string]string{
		"...ij,jk->...ik": "[2 2 2] [201 2010 403 4030 605 6050 807 8070]",
		"...ij,...jk":     "[2 2 2] [201 2010 403 4030 605 6050 807 8070]",
		"i...,ji->j...":   "[2 2 2] [51 62 73 84 5100 6200 7300 8400]",
		"...j,...j->...":  "[2 2] [21 4300 65 8700]",
	} {
		y := einsum(t, e, x, m)
		if got := fmt.Sprint(y.Shape, y.Data); got != want {
			t.Errorf("%s gives %s, want %s", e, got, want)
		}
	}
}

// TestEinsumRefused: what the equation says is checked.
func TestEinsumRefused(t *testing.T) {
	for e, want := range map[string]string{
		"ij,jk->il":   "no term has",
		"ij->ij":      "1 terms for 2 inputs",
		"ii,jk->ik":   "not supported",
		"i1,jk->ik":   "names no axis",
		"ijk,jk->i":   "3 labels",
		"ij,jk->iki":  "twice",
		"ij,jk->i..k": "names no axis",
	} {
		_, err := func() (Operator, error) {
			o, err := newEinsum(&Node{Opset: 12, Inputs: 2, Outputs: 1, Attr: NewAttributes(map[string]any{"equation": e})})
			if err == nil {
				_, err = o.Eval([]*tensor.Tensor{tensor.Zeros[float32](2, 3), tensor.Zeros[float32](3, 2)}, 1)
			}
			return o, err
		}()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", e, err, want)
		}
	}
}
