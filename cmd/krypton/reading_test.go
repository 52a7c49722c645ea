package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"krypton/internal/explain"
	"krypton/internal/onnxwrite"
)

// headed is a network of one fully connected layer of n numbers x, on the mean of each
// colour, and the nodes that make the output y of them. bias is what a black picture
// gives; every number grows with one colour.
func headed(bias []float32, nodes ...onnxwrite.Node) *onnxwrite.Model {
	n := len(bias)
	w := make([]float32, 3*n)
	for i := range n {
		w[i%3*n+i] = 6
	}
	m := &onnxwrite.Model{IRVersion: 8, Opsets: map[string]int64{"": 17}}
	m.Graph.Name = "g"
	m.Graph.Inputs = []onnxwrite.ValueInfo{{Name: "in", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1, 3, 16, 16)}}
	m.Graph.Outputs = []onnxwrite.ValueInfo{{Name: "y"}}
	m.Graph.Initializers = []onnxwrite.Tensor{onnxwrite.Raw("w", []int64{3, int64(n)}, w), onnxwrite.Raw("b", []int64{int64(n)}, bias)}
	m.Graph.Nodes = append([]onnxwrite.Node{
		{OpType: "GlobalAveragePool", Inputs: []string{"in"}, Outputs: []string{"g"}},
		{OpType: "Flatten", Inputs: []string{"g"}, Outputs: []string{"h"}},
		{Name: "last", OpType: "Gemm", Inputs: []string{"h", "w", "b"}, Outputs: []string{"x"}}}, nodes...)
	return m
}

func node(operator string) onnxwrite.Node {
	return onnxwrite.Node{Name: "head", OpType: operator, Inputs: []string{"x"}, Outputs: []string{"y"}}
}

// desk is a folder with models and pictures.
type desk struct {
	t   *testing.T
	dir string
}

func newDesk(t *testing.T) *desk { return &desk{t, t.TempDir()} }

func (d *desk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *desk) write(name string, b []byte) string {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), b, 0o600); err != nil {
		d.t.Fatal(err)
	}
	return d.path(name)
}

// picture is a tensor whose three colours have the means given, with a patch of other
// numbers in it.
func (d *desk) picture(name string, means ...float32) string {
	v := make([]float32, 3*16*16)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range v {
		v[i] = means[i/256] + (rng.Float32()-.5)/50
	}
	var b bytes.Buffer
	if err := writeNPY(&b, v); err != nil {
		d.t.Fatal(err)
	}
	return d.write(name, b.Bytes())
}

// writeNPY writes a tensor [3,16,16].
func writeNPY(w io.Writer, v []float32) error {
	head := "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 16, 16), }"
	head += strings.Repeat(" ", 117-len(head)) + "\n"
	_, err := fmt.Fprintf(w, "\x93NUMPY\x01\x00%c\x00%s%s", len(head), head, onnxwrite.Bytes(v))
	return err
}

// krypton runs the command.
func (d *desk) krypton(code int, args ...string) (stdout, stderr string) {
	d.t.Helper()
	var out, errs bytes.Buffer
	if got := run(args, strings.NewReader(""), &out, &errs); got != code {
		d.t.Fatalf("%q: exit code %d, want %d: %s", args, got, code, errs.String())
	}
	return out.String(), errs.String()
}

// obe maps a picture and gives the record.
func (d *desk) obe(picture, model string, more ...string) *explain.Record {
	d.t.Helper()
	out, _ := d.krypton(0, append([]string{"obe", picture, "--model", model, "--patch", "8", "--stride", "8", "--fill", "mean", "--json", "--force", "--threads", "1", "-o", d.path("map.png"), "--scores", d.path("map.json")}, more...)...)
	var r explain.Record
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		d.t.Fatal(err)
	}
	return &r
}

func base(r *explain.Record) []float64 {
	var all []float64
	for _, c := range r.Classes {
		all = append(all, float64(c.BaseScore))
	}
	return all
}

func near(got []float64, want ...float64) bool {
	return slices.EqualFunc(got, want, func(a, b float64) bool { return math.Abs(a-b) < .02 })
}

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// TestActivationIsTheModels: sigmoids stay as they are in all pictures of a batch, also
// where they add to 1 by chance, and obe, orv, score and tune say the same.
func TestActivationIsTheModels(t *testing.T) {
	d := newDesk(t)
	model := d.write("m.onnx", headed([]float32{0, 0, -6}, node("Sigmoid")).Marshal())
	in := d.path("in")
	if err := os.Mkdir(in, 0o700); err != nil {
		t.Fatal(err)
	}
	means := map[string][]float32{"one.npy": {0, 0, .5}, "two.npy": {.5, .5, 1}, "sum.npy": {0, -.115, 0}} // the last: .5 + .33 + 0
	for name, m := range means {
		d.picture(filepath.Join("in", name), m...)
	}
	d.krypton(0, "obe", in+"/one.npy", in+"/two.npy", in+"/sum.npy", "--model", model, "--patch", "8", "--stride", "8", "--fill", "mean", "--class", "all", "--out-dir", d.path("out"), "--scores", "{name}.json", "-q")
	for name, m := range means {
		b, err := os.ReadFile(d.path("out/" + strings.TrimSuffix(name, ".npy") + ".json"))
		if err != nil {
			t.Fatal(err)
		}
		var r explain.Record
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
		if want := []float64{sigmoid(6 * float64(m[0])), sigmoid(6 * float64(m[1])), sigmoid(6*float64(m[2]) - 6)}; r.Activation != "none" || !near(base(&r), want...) || r.ActivationReason != `the output is made by Sigmoid node "head"` {
			t.Errorf("%s: %v (%s, %s), want %v", name, base(&r), r.Activation, r.ActivationReason, want)
		}
	}
	one := d.path("in/two.npy")
	if _, errs := d.krypton(0, "obe", one, "--model", model, "--patch", "8", "--fill", "mean", "-o", d.path("x.png")); !strings.Contains(errs, `(activation none: the output is made by Sigmoid node "head";`) {
		t.Error(errs)
	}
	d.obe(one, model)
	out, _ := d.krypton(0, "score", d.path("map.json"), "--fill", "mean", "--start", "mean", "--steps", "4", "--json", "-q")
	if !strings.Contains(out, `"activation":"none","activation_reason":"the output is made by Sigmoid node \"head\""`) || !strings.Contains(out, `"has_nan":false`) {
		t.Error(out)
	}
	out, _ = d.krypton(0, "orv", smallPictures(t, 2, 16), "--model", model, "--preset", "unit", "-o", "-", "-q")
	if head, _, _ := strings.Cut(out, "\n"); !strings.Contains(head, `"activation":"none","activation_reason":"the output is made by Sigmoid node \"head\""`) {
		t.Error(head)
	}
	if _, errs := d.krypton(0, "tune", one, "--model", model, "--patch", "8", "--stride", "8", "--fill", "mean", "-o", "-"); !strings.Contains(errs, `scores: activation none: the output is made by Sigmoid node "head"`) {
		t.Error(errs)
	}
	asked := d.write("asked.onnx", headed([]float32{0, 0, -6}, node("Identity")).Marshal())
	d.write("asked.krypton.yaml", []byte("activation: sigmoid\n"))
	if _, errs := d.krypton(0, "tune", one, "--model", asked, "--patch", "8", "--stride", "8", "--fill", "mean", "-o", "-"); !strings.Contains(errs, "scores: activation sigmoid: the model's own file says so") {
		t.Error(errs)
	}
	if r := d.obe(one, asked, "--class", "all"); r.ActivationReason != "the model's own file says so" || !near(base(r), sigmoid(3), sigmoid(3), sigmoid(0)) {
		t.Errorf("%+v", r)
	}
	if r := d.obe(one, asked, "--activation", "none"); r.ActivationReason != "asked for" {
		t.Errorf("%+v", r)
	}
	if _, errs := d.krypton(0, "obe", one, "--model", model, "--activation", "softmax", "--patch", "8", "--fill", "mean", "-o", d.path("y.png")); !strings.Contains(errs, "note: softmax was asked for, but the output is made by Sigmoid") {
		t.Error(errs)
	}
}

// TestOneNumberTwoNames: each name can be asked for, and has its own probability.
func TestOneNumberTwoNames(t *testing.T) {
	d := newDesk(t)
	names := d.write("names.txt", []byte("negative\npositive\n"))
	p := d.picture("p.npy", -.1, 0, 0) // x = -.6
	s := sigmoid(-.6)
	for file, nodes := range map[string][]onnxwrite.Node{"sigmoid.onnx": {node("Sigmoid")}, "logit.onnx": {node("Identity")}} {
		model := d.write(file, headed([]float32{0}, nodes...).Marshal())
		for _, c := range []struct {
			class string
			index []int
			want  []float64
		}{{"", []int{1}, []float64{s}}, {"top", []int{0}, []float64{1 - s}}, {"positive", []int{1}, []float64{s}}, {"negative", []int{0}, []float64{1 - s}}, {"1", []int{1}, []float64{s}}, {"0", []int{0}, []float64{1 - s}}, {"all", []int{0, 1}, []float64{1 - s, s}}} {
			more := []string{"--labels", names}
			if c.class != "" {
				more = append(more, "--class", c.class)
			}
			r := d.obe(p, model, append(more, "--verify", "2")...)
			var index []int
			for _, k := range r.Classes {
				index = append(index, k.Index)
				if k.Label != []string{"negative", "positive"}[k.Index] {
					t.Errorf("class %d is called %q", k.Index, k.Label)
				}
			}
			if !slices.Equal(index, c.index) || !near(base(r), c.want...) || strings.Contains(fmt.Sprint(r.Notes), "labels for") {
				t.Errorf("%s, --class %q: classes %v, scores %v, want %v (%q)", file, c.class, index, base(r), c.want, r.Notes)
			}
		}
		if _, errs := d.krypton(exitUsage, "obe", p, "--model", model, "--labels", names, "--class", "2"); !strings.Contains(errs, "classes 0 to 1") {
			t.Error(errs)
		}
		// What lowers the one raises the other.
		d.obe(p, model, "--labels", names, "--class", "all")
		var r explain.Record
		b, err := os.ReadFile(d.path("map.json"))
		if err == nil {
			err = json.Unmarshal(b, &r)
		}
		if err != nil {
			t.Fatal(err)
		}
		for y, row := range r.Classes[0].Scores {
			for x, v := range row {
				if sum := float64(v) + float64(r.Classes[1].Scores[y][x]); math.Abs(sum-1) > 1e-6 {
					t.Errorf("%s: scores of both add to %g", file, sum)
				}
			}
		}
		out, _ := d.krypton(0, "score", d.path("map.json"), "--labels", names, "--fill", "mean", "--start", "mean", "--steps", "4", "--csv", "-q")
		if lines := strings.Split(strings.TrimSpace(out), "\n"); len(lines) != 3 || !strings.Contains(lines[1], ",0,negative,0.6") || !strings.Contains(lines[2], ",1,positive,0.3") {
			t.Error(out)
		}
		out, _ = d.krypton(0, "orv", smallPictures(t, 1, 16), "--model", model, "--labels", names, "--preset", "unit", "-o", "-", "--format", "csv", "-q")
		if !strings.Contains(out, ",positive,0.") || !strings.Contains(out, ",negative,0.") {
			t.Error(out)
		}
	}
}

// TestValues: a number with a name and a unit stays a number.
func TestValues(t *testing.T) {
	d := newDesk(t)
	model := d.write("m.onnx", headed([]float32{31}, node("Identity")).Marshal())
	d.write("m.krypton.yaml", []byte("value: {name: age, unit: years}\npreprocess: {preset: unit}\n"))
	p := d.picture("p.npy", 0, 0, 0)
	r := d.obe(p, model)
	if r.Activation != "none" || !near(base(r), 31) || r.Classes[0].Label != "age" || r.Value == nil || r.Value.Name != "age" || r.Value.Unit != "years" {
		t.Errorf("%+v", r)
	}
	if _, errs := d.krypton(0, "obe", p, "--model", model, "--patch", "8", "--fill", "mean", "-o", d.path("x.png")); !strings.Contains(errs, ": age  31 years;") {
		t.Error(errs)
	}
	out, _ := d.krypton(0, "orv", smallPictures(t, 1, 16), "--model", model, "-o", "-", "--format", "csv", "-q")
	if lines := strings.Split(out, "\n"); lines[0] != "frame,seconds,rank,class,label,score,how,unit" || !strings.HasPrefix(lines[1], "0,0.000,1,0,age,3") || !strings.HasSuffix(lines[1], ",whole,years") {
		t.Errorf("%q", out)
	}
	d.write("m.onnx", headed([]float32{31, 2}, node("Identity")).Marshal())
	if _, errs := d.krypton(exitData, "obe", p, "--model", model); !strings.Contains(errs, "m.krypton.yaml: value: output \"y\" has 2 numbers") {
		t.Error(errs)
	}
}

// TestNamesOfSeveralClasses are refused wherever a class is named.
func TestNamesOfSeveralClasses(t *testing.T) {
	d := newDesk(t)
	names := d.write("names.txt", []byte("n00000001 crane, bird\nn00000002 dog\nn00000003 crane, machine\n"))
	model := d.write("m.onnx", headed([]float32{1, 2, 3}, node("Softmax")).Marshal())
	p := d.picture("p.npy", 0, 0, 0)
	const want = `"crane" fits several classes: 0 (crane), 2 (crane); say a number`
	common := []string{"--model", model, "--labels", names}
	refused := func(args ...string) {
		t.Helper()
		if _, errs := d.krypton(exitUsage, append(args, common...)...); !strings.Contains(strings.ReplaceAll(errs, "Crane", "crane"), want) {
			t.Errorf("%q: %s", args, errs)
		}
	}
	refused("obe", p, "--class", "crane")
	refused("obe", p, "--class", "dog,Crane")
	refused("obe", p, "--class", "crane", "--dry-run")
	refused("obe", p, "--class", "crane", "--out-dir", d.path("o"))
	r := d.obe(p, model, "--labels", names, "--class", "2,dog,label:dog,index:0")
	if len(r.Classes) != 3 || r.Classes[0].Index != 2 || r.Classes[1].Index != 1 {
		t.Errorf("%+v", r.Classes)
	}
	refused("score", d.path("map.json"), "--class", "crane")
	refused("obe", "--config", d.write("krypton.yaml", []byte("class: crane\n")), p)

	list := d.write("list.csv", []byte("item,class\n"+p+",crane\n"+p+",dog\n"))
	d.krypton(exitPartial, append([]string{"obe", "--manifest", list, "--out-dir", d.path("out"), "--name", "{key}.png", "--patch", "8", "--fill", "mean", "-q"}, common...)...)
	b, err := os.ReadFile(d.path("out/results.jsonl"))
	if lines := strings.Split(string(b), "\n"); err != nil || !strings.Contains(lines[0], "fits several classes: 0 (crane), 2 (crane)") || !strings.Contains(lines[1], `"status":"done"`) {
		t.Errorf("%s, %v", b, err)
	}

	// Numbers that are labels.
	names = d.write("numbers.txt", []byte("2\n1\n3\n"))
	if _, errs := d.krypton(exitUsage, "obe", p, "--model", model, "--labels", names, "--class", "2"); !strings.Contains(errs, "--class 2 is the number of one class and the label of another: 2 (3), 0 (2); say index:2") {
		t.Error(errs)
	}
	for class, index := range map[string]int{"1": 1, "0": 0, "3": 2, "index:2": 2, "label:2": 0} {
		if r := d.obe(p, model, "--labels", names, "--class", class); r.Classes[0].Index != index {
			t.Errorf("--class %s: class %d, want %d", class, r.Classes[0].Index, index)
		}
	}
}

// TestNamesOfObjects: --classes of a detector's head.
func TestNamesOfObjects(t *testing.T) {
	d := newDesk(t)
	names := d.write("names.txt", []byte("crane\ndog\ncrane\n"))
	m := headed(make([]float32, 7), onnxwrite.Node{OpType: "Reshape", Inputs: []string{"x", "to"}, Outputs: []string{"y"}})
	m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.Raw("to", []int64{3}, []int64{1, 7, 1}))
	model := d.write("m.onnx", m.Marshal())
	d.write("m.krypton.yaml", []byte("detector: {form: yolov8}\npreprocess: {preset: unit}\n"))
	if _, errs := d.krypton(exitUsage, "orv", smallPictures(t, 1, 16), "--model", model, "--labels", names, "--classes", "crane", "-o", "-"); !strings.Contains(errs, `--classes "crane" fits several classes: 0 (crane), 2 (crane)`) {
		t.Error(errs)
	}
}

// TestNoRowOfClasses: every command refuses what is none, and names what is.
func TestNoRowOfClasses(t *testing.T) {
	d := newDesk(t)
	lists := headed(make([]float32, 8), onnxwrite.Node{OpType: "Softmax", Inputs: []string{"x"}, Outputs: []string{"y"}}, onnxwrite.Node{OpType: "Reshape", Inputs: []string{"x", "to"}, Outputs: []string{"lists"}})
	lists.Graph.Initializers = append(lists.Graph.Initializers, onnxwrite.Raw("to", []int64{3}, []int64{1, 2, 4}))
	lists.Graph.Outputs = []onnxwrite.ValueInfo{{Name: "lists"}, {Name: "y"}}
	alone := headed(make([]float32, 8), onnxwrite.Node{OpType: "Reshape", Inputs: []string{"x", "to"}, Outputs: []string{"y"}})
	alone.Graph.Initializers = lists.Graph.Initializers
	p := d.picture("p.npy", .1, .2, .3)
	for file, c := range map[string]struct {
		m    *onnxwrite.Model
		want string
	}{
		"lists.onnx": {lists, `output "lists" has shape [1 2 4], which is no row of classes (--output names another: y of shape [1 8])`},
		"alone.onnx": {alone, `output "y" has shape [1 2 4], which is no row of classes (the model has no other output that is)`},
	} {
		model := d.write(file, c.m.Marshal())
		d.one("map.npy")
		for _, args := range [][]string{{"obe", p}, {"obe", p, "--class", "2"}, {"obe", p, "--dry-run"}, {"obe", p, "--out-dir", d.path("out")}, {"tune", p}, {"orv", smallPictures(t, 1, 16), "--preset", "unit"},
			{"score", d.path("map.npy"), "--image", p}} {
			if _, errs := d.krypton(exitData, append(args, "--model", model)...); !strings.Contains(errs, c.want) {
				t.Errorf("%q: %s", args, errs)
			}
		}
	}
	if r := d.obe(p, d.path("lists.onnx"), "--output", "y", "--class", "1"); r.Output != "y" || r.Activation != "none" {
		t.Errorf("%+v", r)
	}
}

// TestLabelFirst: where a network gives its best class first, the map is of the one row of
// scores behind it, with the numbers that naming it gives; where there are two, or boxes
// besides, nobody can tell.
func TestLabelFirst(t *testing.T) {
	d := newDesk(t)
	label := func(more ...string) string {
		m := headed([]float32{1, 2, 3, 5}, onnxwrite.Node{OpType: "ArgMax", Inputs: []string{"y"}, Outputs: []string{"label"}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("axis", 1)}},
			onnxwrite.Node{OpType: "ReduceMax", Inputs: []string{"y"}, Outputs: []string{"best"}},
			onnxwrite.Node{OpType: "Softmax", Inputs: []string{"x"}, Outputs: []string{"y"}}, onnxwrite.Node{OpType: "Log", Inputs: []string{"y"}, Outputs: []string{"logs"}},
			onnxwrite.Node{OpType: "Reshape", Inputs: []string{"x", "to"}, Outputs: []string{"boxes"}})
		m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.Raw("to", []int64{3}, []int64{1, 2, 2}))
		m.Graph.Outputs = []onnxwrite.ValueInfo{{Name: "label"}}
		for _, name := range more {
			m.Graph.Outputs = append(m.Graph.Outputs, onnxwrite.ValueInfo{Name: name})
		}
		return d.write(strings.Join(more, "-")+".onnx", m.Marshal())
	}
	p := d.picture("p.npy", .1, .2, .3)
	for _, model := range []string{label("y"), label("best", "y")} {
		r, named := d.obe(p, model), d.obe(p, model, "--output", "y")
		if r.Output != "y" || r.Classes[0].Index != named.Classes[0].Index || r.Classes[0].BaseScore != named.Classes[0].BaseScore ||
			!strings.Contains(fmt.Sprint(r.Notes), `they are taken from "y" of shape [1 4]`) || strings.Contains(fmt.Sprint(named.Notes), "taken from") {
			t.Errorf("%s: %+v", model, r)
		}
		if _, errs := d.krypton(exitOK, "orv", smallPictures(t, 1, 16), "--model", model, "--preset", "unit", "-o", d.path(filepath.Base(model)+".jsonl")); !strings.Contains(errs, `they are taken from "y"`) {
			t.Error(errs)
		}
	}
	// A network that gives nothing else has them inside.
	for _, more := range [][]string{nil, {"best"}} {
		model := label(more...)
		if _, errs := d.krypton(exitData, "obe", p, "--model", model); !strings.Contains(errs, "(--output y takes the numbers that it chooses from)") {
			t.Error(errs)
		}
		if r, named := d.obe(p, model, "--output", "y"), d.obe(p, label("y"), "--output", "y"); r.Output != "y" || r.Activation != named.Activation || r.Classes[0].BaseScore != named.Classes[0].BaseScore {
			t.Errorf("%+v", r)
		}
	}
	for model, want := range map[string]string{label("y", "logs"): "another: y of shape [1 4], logs of shape [1 4])", label("boxes", "y"): "another: y of shape [1 4])"} {
		if _, errs := d.krypton(exitData, "obe", p, "--model", model); !strings.Contains(errs, want) {
			t.Errorf("%s: %s", model, errs)
		}
	}
}

// TestOutputOfNames: names of classes say which output has the scores, where the first has
// another number of them.
func TestOutputOfNames(t *testing.T) {
	d := newDesk(t)
	m := headed([]float32{1, 2, 3}, onnxwrite.Node{OpType: "ReduceSum", Inputs: []string{"x"}, Outputs: []string{"age"}}, onnxwrite.Node{OpType: "Softmax", Inputs: []string{"x"}, Outputs: []string{"y"}})
	m.Graph.Outputs = []onnxwrite.ValueInfo{{Name: "age"}, {Name: "y"}}
	model, p := d.write("m.onnx", m.Marshal()), d.picture("p.npy", .1, .2, .3)
	d.write("three.txt", []byte("a\nb\nc\n"))
	d.write("two.txt", []byte("a\nb\n"))
	for _, c := range []struct{ labels, output, note string }{{"", "age", ""}, {"three.txt", "y", "is not of 3 classes, as there are names: they are taken from \"y\" of shape [1 3]"}, {"two.txt", "age", ""}} {
		var more []string
		if c.labels != "" {
			more = []string{"--labels", d.path(c.labels)}
		}
		if r := d.obe(p, model, more...); r.Output != c.output || !strings.Contains(fmt.Sprint(r.Notes), c.note) || c.note == "" && strings.Contains(fmt.Sprint(r.Notes), "taken from") {
			t.Errorf("%q: %+v", c.labels, r)
		}
	}
	m = headed([]float32{1}, onnxwrite.Node{OpType: "Greater", Inputs: []string{"x", "x0"}, Outputs: []string{"decided"}}, onnxwrite.Node{OpType: "Cast", Inputs: []string{"decided"}, Outputs: []string{"y"}, Attributes: []onnxwrite.Attribute{onnxwrite.Int("to", 7)}})
	m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.Raw("x0", []int64{1}, []float32{.5}))
	for _, args := range [][]string{{"obe", p}, {"orv", smallPictures(t, 1, 16), "--preset", "unit"}} {
		if _, errs := d.krypton(exitData, append(args, "--model", d.write("g.onnx", m.Marshal()))...); !strings.Contains(errs, "(--output x takes the numbers that it is cut from)") || strings.Contains(errs, "detector") || strings.Contains(errs, "--target") {
			t.Error(errs)
		}
	}
}

// one writes a map of ones of 16 x 16 pixels.
func (d *desk) one(name string) {
	head := "{'descr': '<f4', 'fortran_order': False, 'shape': (16, 16), }"
	head += strings.Repeat(" ", 117-len(head)) + "\n"
	d.write(name, []byte(fmt.Sprintf("\x93NUMPY\x01\x00%c\x00%s%s", len(head), head, onnxwrite.Bytes(slices.Repeat([]float32{1}, 256)))))
}

// TestNearlyUniform: a prediction that says hardly anything is doubted, with the flags
// that may be at fault.
func TestNearlyUniform(t *testing.T) {
	d := newDesk(t)
	r := d.obe(d.picture("p.npy", 0, 0, 0), d.write("m.onnx", headed([]float32{.01, 0, 0, 0, 0}, node("Softmax")).Marshal()))
	if !strings.Contains(fmt.Sprint(r.Notes), "nearly uniform (0.2") || !strings.Contains(fmt.Sprint(r.Notes), "(--preset)") || !strings.Contains(fmt.Sprint(r.Notes), "; --activation)") {
		t.Errorf("%q", r.Notes)
	}
}

// TestNotANumber is told of, the clean picture's score included.
func TestNotANumber(t *testing.T) {
	d := newDesk(t)
	nan := float32(math.NaN())
	model := d.write("m.onnx", headed([]float32{1, nan}, node("Sigmoid")).Marshal())
	p := d.picture("p.npy", 0, 0, 0)
	if r := d.obe(p, model, "--class", "1"); !r.NaN || !strings.Contains(fmt.Sprint(r.Notes), "NaN") {
		t.Errorf("%+v", r)
	}
	d.one("map.npy")
	out, _ := d.krypton(0, "score", d.path("map.npy"), "--fill", "mean", "--start", "mean", "--steps", "2", "--class", "1", "--image", p, "--model", model, "--json", "-q")
	if !strings.Contains(out, `"has_nan":true`) {
		t.Error(out)
	}
	if r := d.obe(p, model, "--class", "0"); r.NaN {
		t.Errorf("%+v", r)
	}
}
