package prediction

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/graph"
	"krypton/internal/incremental"
	"krypton/internal/tensor"
)

// Reading says how the numbers of a network's output become scores of classes. It
// belongs to the model: no picture's numbers change it. The zero value takes numbers
// as they are.
type Reading struct {
	// Activation is anything but Auto.
	Activation Activation
	// Reason says why it was chosen.
	Reason string
	// Outputs is the number of numbers.
	Outputs int
	// Pair says that the one number there is stands for two classes: it is the
	// second one's score. The first has what is left of 1, or for a number that is
	// no probability its negative, the odds of the first against the second.
	Pair bool
	// Exclusive says that the scores are probabilities of which one comes true: they
	// add to 1.
	Exclusive bool
	// Doubt says where what was asked for does not go with what makes the output.
	// It is nil where all is well, and names settings.
	Doubt error

	odds bool // of Pair: the number is no probability
}

// Classes is the number of scores that so many numbers make.
func (r Reading) Classes(outputs int) int {
	if r.Pair {
		return 2
	}
	return outputs
}

// Apply writes the scores to dst, which may begin where out does.
func (r Reading) Apply(dst, out []float32) {
	r.Activation.apply(dst, out)
	if !r.Pair {
		return
	}
	dst[1] = dst[0]
	if dst[0] = 1 - dst[1]; r.odds {
		dst[0] = -dst[1]
	}
}

// Own is the class that is meant where none is named: the best one, but where one
// number stands for two classes the one whose score it is.
func (r Reading) Own(scores []float32) int {
	if r.Pair {
		return 1
	}
	return Winner(scores)
}

// Question is what Read is asked.
type Question struct {
	Plan   *incremental.Plan
	Output int
	// Activation is what somebody asked for, or Auto, and Why in that case says
	// who did.
	Activation Activation
	Why        string
	// Names is the number of names of classes that are known.
	Names int
	// Value says that the numbers are quantities, and no classes' scores.
	Value bool
	// Part is what of the output is read; the zero value is all of it, as one row.
	Part Part
	// Workers share the whole runs, of which there may be some; Memory (bytes, 0 for
	// no limit) is what these may take.
	Workers int
	Memory  int64
}

// Part is a part of an output, or rows of classes in it.
type Part struct {
	// Shape is the part's, and Index where its numbers are in the output; nil is all.
	Shape []int
	Index []int32
	// Each is how many numbers there are classes of, again and again: of a pixel, say. 0
	// is all.
	Each int
}

// Of takes the part out of an output's numbers.
func (p *Part) Of(out []float32) []float32 {
	if p.Index == nil {
		return out
	}
	part := make([]float32, 0, len(p.Index))
	for _, i := range p.Index {
		if int(i) < len(out) {
			part = append(part, out[i])
		}
	}
	return part
}

// ErrNoClasses says that an output is no row of classes.
var ErrNoClasses = errors.New("is no row of classes")

// Read finds out what an output's numbers mean: from what was asked for, else from
// the operators that make them, else from what they are on pictures that are always
// the same.
func Read(ctx context.Context, q Question) (Reading, error) {
	if err := q.Activation.Check(); err != nil {
		return Reading{}, err
	}
	name, made := q.Plan.Outputs()[q.Output], q.Plan.Made(q.Output)
	shape := q.Plan.OutputShape(q.Output)
	if q.Part.Shape != nil {
		shape = q.Part.Shape
	}
	runs := &neutral{q: q}
	for shape == nil && runs.done < neutralPictures {
		if err := runs.next(ctx); err != nil {
			return Reading{}, err
		}
		shape = runs.shape
	}
	n, row := Row(shape)
	if q.Part.Each > 0 {
		n, row = q.Part.Each, true
	}
	switch t := q.Plan.OutputType(q.Output); {
	case shape == nil:
		return Reading{}, q.refuse(fmt.Sprintf("output %q has a shape that depends on the picture, and", name))
	case n == 0:
		return Reading{}, q.refuse(fmt.Sprintf("output %q of shape %v is empty, and", name, shape))
	case !row:
		return Reading{}, q.refuse(fmt.Sprintf("output %q has shape %v, which", name, shape))
	case t != tensor.Float32 && t != tensor.Float64 && t != tensor.Float16:
		return Reading{}, q.refuse(fmt.Sprintf("output %q of shape %v holds %v, which", name, shape, t))
	case made.Kind == graph.Direction && n > 1:
		return Reading{}, q.refuse(fmt.Sprintf("output %q of shape %v is a feature vector, made by %s, which", name, shape, made.By()))
	case made.Kind == graph.Costs:
		return Reading{}, q.refuse(fmt.Sprintf("output %q of shape %v holds negative logarithms of probabilities, of which the least is the likeliest, made by %s, which", name, shape, made.By()))
	case made.Kind == graph.Ranking:
		return Reading{}, q.refuse(fmt.Sprintf("output %q of shape %v holds places or sorted numbers, made by %s, which", name, shape, made.By()))
	}
	r := Reading{Activation: q.Activation, Reason: cmp.Or(q.Why, "asked for"), Outputs: n, Pair: n == 1 && q.Names == 2 && !q.Value}
	probability := made.Within(0, 1) || slices.Contains([]graph.Kind{graph.Shares, graph.Chances, graph.Logarithms}, made.Kind)
	switch {
	case q.Activation != Auto:
		r.Doubt = doubt(q.Activation, made, n)
		if r.Pair && q.Activation == None && made.Kind == graph.Plain {
			if err := runs.read(ctx); err != nil {
				return Reading{}, err
			}
			probability = runs.chances
		}
	case q.Value:
		r.Activation, r.Reason = None, "the model's file calls it a value"
	case made.Kind != graph.Plain:
		r.Activation, r.Reason = byMaker(made)
	case n == 1 && !r.Pair:
		r.Activation, r.Reason = None, "one number"
	default:
		if err := runs.read(ctx); err != nil {
			return Reading{}, err
		}
		probability = runs.chances
		r.Activation, r.Reason = runs.answer(r.Pair)
	}
	if r.Doubt == nil && made.Cut != "" {
		r.Doubt = failure.Settingf("output %q is cut to whole numbers: maps show only where they jump (%v %s takes the numbers behind)", name, failure.Setting("output"), made.Cut)
	}
	if r.Doubt == nil && n == 1 && made.Kind == graph.Shares && made.Of == 1 {
		r.Doubt = fmt.Errorf("the model takes a softmax of one number, %s, which is always 1", made.By())
	}
	r.Exclusive = r.Activation == Softmax && n > 1 || r.Activation == None && runs.shares ||
		made.Of == n && n > 1 && (r.Activation == None && made.Kind == graph.Shares || r.Activation == Exp && made.Kind == graph.Logarithms)
	if r.odds = r.Activation == None && !probability; r.Pair {
		r.Reason += "; one number for two names, the second's, and the first has " + map[bool]string{false: "the rest of 1", true: "its negative"}[r.odds]
	}
	return r, nil
}

// Numbers is how many numbers an output has that may be scores of classes, as far as its
// shape, its type and what makes it tell: 0 for one that Read refuses whatever its numbers.
func Numbers(p *incremental.Plan, output int) int {
	n, row := Row(p.OutputShape(output))
	t, kind := p.OutputType(output), p.Made(output).Kind
	if p.OutputShape(output) == nil || !row || t != tensor.Float32 && t != tensor.Float64 && t != tensor.Float16 ||
		kind == graph.Direction && n > 1 || kind == graph.Costs || kind == graph.Ranking {
		return 0
	}
	return n
}

// Row gives the length of a shape that is one row of numbers: no more than one of its
// axes is longer than 1.
func Row(shape []int) (n int, ok bool) {
	n, long := 1, 0
	for _, d := range shape {
		n *= d
		if d != 1 {
			long++
		}
	}
	return n, long <= 1 && n > 0
}

// OneNumber says whether a shape that is known is that of a single number.
func OneNumber(shape []int) bool {
	n, row := Row(shape)
	return row && n == 1 && shape != nil
}

// refuse says that an output is no row of classes, and which are.
func (q *Question) refuse(what string) error {
	var others []string
	made := q.Plan.Made(q.Output)
	behind, how := made.From, "chooses"
	if behind == "" {
		behind, how = made.Cut, "is cut"
	}
	least := 1
	if made.From != "" { // beside the best class, its score is no row of them
		least = 2
	}
	for i, name := range q.Plan.Outputs() {
		if i != q.Output && Numbers(q.Plan, i) >= least {
			others = append(others, fmt.Sprint(name, " of shape ", q.Plan.OutputShape(i)))
		}
	}
	if others == nil && behind != "" {
		return failure.Settingf("%s %w (%v %s takes the numbers that it %s from)", what, ErrNoClasses, failure.Setting("output"), behind, how)
	}
	if others == nil {
		return fmt.Errorf("%s %w (the model has no other output that is)", what, ErrNoClasses)
	}
	return failure.Settingf("%s %w (%v names another: %s)", what, ErrNoClasses, failure.Setting("output"), strings.Join(others, ", "))
}

// byMaker is what goes with numbers that are known by what makes them.
func byMaker(made graph.Made) (Activation, string) {
	by := "the output is made by " + made.By()
	switch made.Kind {
	case graph.Logarithms:
		return Exp, by + ", in logarithms of probabilities"
	case graph.Scaled:
		return None, by + ", of probabilities"
	case graph.Bounded:
		return None, by + ", in numbers from -1 to 1"
	}
	if !slices.Contains([]string{"Softmax", "Sigmoid", "HardSigmoid", "Hardmax"}, made.Operator) {
		by += ", in numbers from 0 to 1"
	}
	return None, by
}

// doubt says where an activation was asked for that is computed already.
func doubt(a Activation, made graph.Made, n int) error {
	switch {
	case a == Softmax && n == 1:
		return failure.Settingf("softmax of one number is always 1 (%v)", failure.Setting("activation"))
	case (a == Softmax || a == Sigmoid) && (made.Kind == graph.Shares || made.Kind == graph.Chances || made.Kind == graph.Scaled):
		auto, why := byMaker(made)
		return failure.Settingf("%s was asked for, but %s: %v auto takes %s", a, why, failure.Setting("activation"), auto)
	}
	return nil
}

// neutral runs the network on pictures that are the same for every model and judges
// by numbers, where the graph does not tell. They are zeros, noise of the size of
// normalized pixels, and noise of the size of raw ones.
type neutral struct {
	q      Question
	run    *incremental.Inference
	done   int
	shape  []int
	out    []float32
	judged bool // something was there to judge by
	// chances says that all numbers lie between 0 and 1, shares that they add to 1
	// besides.
	chances, shares bool
}

// next makes the next run. A network that fails on such a picture says nothing.
func (t *neutral) next(ctx context.Context) error {
	if need := t.q.Plan.InferenceBytes(max(1, t.q.Workers)); t.q.Memory > 0 && need > t.q.Memory {
		return failure.Settingf("%w: a whole run of the network takes %d MiB, %d MiB are left for it (%v)", incremental.ErrMemory, need>>20, t.q.Memory>>20, failure.Setting("memory"))
	}
	plane := t.q.Plan.InputPlane()
	input := make([]float32, plane.Len())
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range input {
		switch t.done {
		case 1:
			input[i] = rng.Float32()*4 - 2
		case 2:
			input[i] = rng.Float32() * 255
		}
	}
	if t.run == nil {
		t.run = t.q.Plan.NewInference(t.q.Workers)
	}
	t.done++
	t.shape, t.out = nil, nil
	if err := t.run.Run(ctx, input); err != nil {
		return ctx.Err()
	}
	out := t.run.Output(t.q.Output)
	t.shape = out.Shape
	t.out, _ = out.Floats() // what is no float is refused
	t.out = t.q.Part.Of(t.out)
	return nil
}

// neutralPictures is the number of pictures.
const neutralPictures = 3

// read judges by numbers of as many runs as it takes to see that they leave 0 to 1.
func (t *neutral) read(ctx context.Context) error {
	t.chances, t.shares = true, true
	if t.done > 0 {
		t.look()
	}
	for t.done < neutralPictures && (t.chances || t.shares) {
		if err := t.next(ctx); err != nil {
			return err
		}
		t.look()
	}
	t.shares = t.shares && t.judged
	t.chances = (t.chances || t.shares) && t.judged
	return nil
}

// What probabilities may be off by that were rounded, to eight bits say: each, and all
// together, however many they are.
const (
	rounded    = 1.0 / 128
	roundedSum = 0.1
)

// look takes the numbers of the last run into account. What is not finite, or 0
// throughout, says nothing.
func (t *neutral) look() {
	sum, lo, hi := 0.0, math.Inf(1), math.Inf(-1)
	for _, v := range t.out {
		sum, lo, hi = sum+float64(v), min(lo, float64(v)), max(hi, float64(v))
	}
	if len(t.out) == 0 || sum-sum != 0 || lo == 0 && hi == 0 {
		return
	}
	t.judged = true
	t.chances = t.chances && lo >= 0 && hi <= 1
	t.shares = t.shares && len(t.out) > 1 && lo >= -rounded && hi <= 1+rounded &&
		math.Abs(sum-1) <= min(roundedSum, 1e-3+rounded/2*float64(len(t.out)))
}

// answer is what goes with numbers like those.
func (t *neutral) answer(pair bool) (Activation, string) {
	made := t.q.Plan.Made(t.q.Output)
	by := ", and " + made.By() + " sets them no bounds"
	if made.Operator == "" {
		by = ""
	}
	switch {
	case t.shares:
		return None, "its numbers on neutral pictures are probabilities that add to 1"
	case t.chances:
		return None, "its numbers on neutral pictures lie between 0 and 1"
	case pair:
		return Sigmoid, "one number for two names, outside 0 to 1 on neutral pictures" + by
	}
	return Softmax, "its numbers leave 0 to 1 on neutral pictures" + by
}
