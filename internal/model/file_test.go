package model

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"krypton/internal/failure"
	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
)

// TestRefuses: what is wrong with a file, with what lies beside it or with what is asked
// of it has a kind, names what it is about, and names no flag.
func TestRefuses(t *testing.T) {
	good := network(1).Marshal()
	open := network(1)
	open.Graph.Inputs[0].Dims = []onnxwrite.Dim{{Value: 1}, {Value: 3}, onnxwrite.Symbolic("h"), onnxwrite.Symbolic("w")}
	two := network(1)
	two.Graph.Inputs = append(two.Graph.Inputs, onnxwrite.ValueInfo{Name: "t", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1)})
	two.Graph.Nodes = append(two.Graph.Nodes, onnxwrite.Node{OpType: "Mul", Inputs: []string{"y", "t"}, Outputs: []string{"z"}})
	two.Graph.Outputs = []onnxwrite.ValueInfo{{Name: "z"}}
	named := func(names string) []byte {
		m := network(1)
		m.Metadata = map[string]string{"names": names}
		return m.Marshal()
	}
	var inputs *onnxload.InputsError
	for name, c := range map[string]struct {
		model  []byte
		config string
		load   LoadOptions
		with   Preparation
		kind   failure.Kind
		is     error // nil if none is named
		says   string
	}{
		"damaged":             {model: good[:len(good)/2], kind: failure.Data, says: "m.onnx: model cannot be used"},
		"empty":               {model: []byte{}, kind: failure.Data, says: "m.onnx"},
		"too large":           {model: slices.Concat(good, make([]byte, 1<<20)), kind: failure.Data, says: "more than the limit"},
		"no such input":       {model: good, load: LoadOptions{Input: "q"}, kind: failure.Usage, is: onnxload.ErrInput, says: `"q"`},
		"no such output":      {model: good, load: LoadOptions{Output: "q"}, kind: failure.Usage, is: onnxload.ErrOutput, says: `"q": the model has y`},
		"size is open":        {model: open.Marshal(), kind: failure.Usage, is: onnxload.ErrShape, says: "x"},
		"another input":       {model: two.Marshal(), kind: failure.Data, says: "t"},
		"unknown key":         {model: good, config: "colour: red\n", kind: failure.Data, says: "m.krypton.yaml: yaml: unmarshal errors: line 1: field colour not found"},
		"two unknown keys":    {model: good, config: "a: 1\nb: 2\n", kind: failure.Data, says: "(and 1 more)"},
		"not YAML":            {model: good, config: "a: [\n", kind: failure.Data, says: "m.krypton.yaml"},
		"three sizes":         {model: good, config: "size: [1, 2, 3]\n", kind: failure.Data, says: "m.krypton.yaml: size: want [height, width]"},
		"a size of texts":     {model: good, config: "size: [a, b]\n", kind: failure.Data, says: "line 1"},
		"sizes beyond ints":   {model: good, config: "size: [99999999999999999999, 2]\n", kind: failure.Data, says: "line 1"},
		"unknown preparation": {model: good, config: "preprocess: {blur: 3}\n", kind: failure.Data, says: `preprocess has an unknown key "blur"`},
		"configuration large": {model: good, config: strings.Repeat("#", 16<<20+1), kind: failure.Data, says: "larger than 16 MiB"},
		"aliases of aliases":  {model: good, config: aliases(), kind: failure.Data, says: "m.krypton.yaml"},
		"labels elsewhere":    {model: good, config: "labels: ../l.txt\n", kind: failure.Data, is: ErrLabelsOutside, says: "l.txt"},
		"labels absent":       {model: good, config: "labels: l.txt\n", kind: failure.Missing, says: "l.txt: no such file"},
		"labels are numbers":  {model: good, config: "labels: [[1], [2]]\n", kind: failure.Data, says: "labels: yaml"},
		"labels in metadata":  {model: named("{0: 'a', 0: 'b'"), kind: failure.Data, is: ErrLabelsUnread, says: "m.onnx: names in its metadata"},
		"no file of labels":   {model: good, with: Preparation{Labels: "nowhere.txt"}, kind: failure.Missing, says: "labels nowhere.txt"},
		"value absent":        {model: good, config: "bind: {x: v.npy}\n", kind: failure.Missing, says: `bind: x: "v.npy"`},
		"value elsewhere":     {model: good, config: "bind: {x: /v.npy}\n", kind: failure.Data, says: "v.npy"},
		"no preset":           {model: good, with: Preparation{Preset: "q"}, kind: failure.Usage, is: ErrPreset, says: `unknown preset "q"`},
		"no gray":             {model: good, with: Preparation{Pad: 256}, kind: failure.Usage, is: ErrPad, says: "pad is 256"},
		"window of a film":    {model: good, config: "preprocess: {window: [0, 1]}\n", kind: failure.Usage, says: "frames of videos"},
		"no order":            {model: good, with: Preparation{Order: "xyz"}, kind: failure.Usage, says: "preprocessing"},
		"series of NaN":       {model: good, config: "series: {mean: [.nan]}\n", kind: failure.Data, says: "m.krypton.yaml: series: mean is NaN, want numbers"},
		"series by 0":         {model: good, config: "series: {std: [0]}\n", kind: failure.Data, says: "m.krypton.yaml: series: std is 0, want numbers above 0"},
		"bad profile":         {model: good, config: "approximate: {samples: -1, points: [{tau: 7}]}\n", kind: failure.Data, says: "m.krypton.yaml: approximate"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := put(t, dir, "m.onnx", c.model)
			if c.config != "" {
				put(t, dir, "m.krypton.yaml", []byte(c.config))
			}
			_, err := prepared(path, c.load, c.with)
			if err == nil {
				t.Fatal("it is taken")
			}
			if kind(err) != c.kind || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, of kind %v; want %q of kind %v, as %v", err, kind(err), c.says, c.kind, c.is)
			}
			if name == "another input" && !errors.As(err, &inputs) {
				t.Errorf("%v does not tell the inputs", err)
			}
			if strings.ContainsAny(err.Error(), "\n") || strings.Contains(err.Error(), "--") {
				t.Errorf("more than a line, or it names a flag: %q", err)
			}
		})
	}
}

// aliases is YAML of a few hundred bytes that stands for a billion texts.
func aliases() string {
	var b strings.Builder
	b.WriteString("training:\n  a0: &a0 [x, x, x, x, x, x, x, x]\n")
	for i := range 10 {
		fmt.Fprintf(&b, "  a%d: &a%d [%s*a%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 7), i)
	}
	return b.String()
}

// prepared goes all the way from a name to a model.
func prepared(name string, load LoadOptions, with Preparation) (*Model, error) {
	f, err := Open(name, opening)
	if err != nil {
		return nil, err
	}
	if _, err := f.Settings(); err != nil {
		return nil, err
	}
	n, err := f.Load(load)
	if err != nil {
		return nil, err
	}
	made, err := n.Plan(Need{})
	if err != nil {
		return nil, err
	}
	return n.Prepare(made, with)
}

// TestNames: which names are files, built-in models and public ones, and what is said of
// those that are nothing.
func TestNames(t *testing.T) {
	t.Chdir(t.TempDir())
	opt := opening
	opt.Cache = t.TempDir()
	f, err := Open("", opt)
	if err != nil || f.Path != "" || f.Name == "" || !strings.HasPrefix(f.Where, "built-in ") {
		t.Fatalf("the built-in model: %+v, %v", f, err)
	}
	if again, err := Open(f.Name, opt); err != nil || again.SHA256 != f.SHA256 {
		t.Errorf("by its name: %v", err)
	}
	if _, err := prepared(f.Name, LoadOptions{}, Preparation{}); err != nil {
		t.Error(err)
	}
	var pull *NotPulledError
	if _, err := Open("squeezenet1.1", opt); !errors.As(err, &pull) || pull.Name != "squeezenet1.1" || pull.Bytes == 0 || kind(err) != failure.Missing {
		t.Errorf("a public one: %v", err)
	}
	var unknown *UnknownError
	if _, err := Open("squeezenet", opt); !errors.As(err, &unknown) || !strings.Contains(err.Error(), `did you mean "squeezenet1.0"`) || kind(err) != failure.Missing {
		t.Errorf("part of a name: %v", err)
	}
	for _, path := range []string{"a/b", "q.onnx"} {
		if _, err := Open(path, opt); errors.As(err, &unknown) || kind(err) != failure.Missing {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Open("squeezenet1.1", OpenOptions{}); kind(err) != failure.Missing {
		t.Errorf("a public one without a catalogue: %v", err)
	}
	// A file is before a model of its name.
	put(t, ".", f.Name, network(3).Marshal())
	if file, err := Open(f.Name, opt); err != nil || file.Path != f.Name || file.SHA256 == f.SHA256 {
		t.Errorf("a file of the name: %+v, %v", file, err)
	}
}

// TestLabels: a file that is asked for is before the model's own file, and that before
// the metadata; every name is one printable line.
func TestLabels(t *testing.T) {
	dir := t.TempDir()
	m := network(1)
	m.Metadata = map[string]string{"names": "{0: 'm0', 1: 'm1', 2: 'm2', 3: 'm3'}"}
	path := put(t, dir, "m.onnx", m.Marshal())
	file := put(t, dir, "l.txt", []byte("f0\nf1\nf2\nf3\n"))
	for name, c := range map[string]struct {
		config, file string
		want         []string
	}{
		"metadata":      {"", "", []string{"m0", "m1", "m2", "m3"}},
		"configuration": {"labels: [c0, c1, c2, c3]\n", "", []string{"c0", "c1", "c2", "c3"}},
		"file beside":   {"labels: l.txt\n", "", []string{"f0", "f1", "f2", "f3"}},
		"asked for":     {"labels: [c0, c1, c2, c3]\n", file, []string{"f0", "f1", "f2", "f3"}},
		"odd ones":      {"labels: [\"a\\nb\", \"\\e[31m\", c, d]\n", "", []string{"a b", "\uFFFD[31m", "c", "d"}},
	} {
		t.Run(name, func(t *testing.T) {
			put(t, dir, "m.krypton.yaml", []byte(c.config))
			got, err := prepared(path, LoadOptions{}, Preparation{Labels: c.file})
			if err != nil || !slices.Equal(got.Labels, c.want) {
				t.Fatalf("%q, %v, want %q", got.Labels, err, c.want)
			}
			if got.Label(1) != c.want[1] || got.Label(7) != "" {
				t.Errorf("class 1 is %q, class 7 %q", got.Label(1), got.Label(7))
			}
		})
	}
}

// TestSettings: what the configuration and what the metadata say of the same is told
// apart, so that the configuration can be first.
func TestSettings(t *testing.T) {
	dir := t.TempDir()
	m := network(1)
	m.Metadata = map[string]string{"Image.BitmapPixelFormat": "Bgr8", "Image.NominalPixelRange": "NominalRange_0_255"}
	path := put(t, dir, "m.onnx", m.Marshal())
	put(t, dir, "v.npy", nil)
	put(t, dir, "m.krypton.yaml", []byte("input: x\nsize: [24, 32]\npreprocess: {preset: unit, order: rgb, scale: 0.5, mean: [1, 2.5, 3], crop_fraction: 0.9, interpolation: bicubic, pad: 7}\nlabels: [a]\nactivation: none\nbind: {b: v.npy, a: 1, c: [1, 2]}\n"))
	f, err := Open(path, opening)
	if err != nil {
		t.Fatal(err)
	}
	list, err := f.Settings()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range list {
		got = append(got, s.Key+"="+strings.Join(s.Values, " "))
	}
	want := []string{"input=x", "size=24x32", "activation=none", "crop-fraction=0.9", "interpolation=bicubic", "mean=1,2.5,3", "order=rgb", "pad=7", "preset=unit", "pixel-scale=0.5", "labels=",
		"bind=a=1 b=" + filepath.Join(dir, "v.npy") + " c=[1,2]"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	says := map[string]string{}
	for _, v := range f.Says.Values {
		says[v.Key] = v.Value
	}
	if says["preset"] != "raw" || says["order"] != "bgr" {
		t.Errorf("the metadata say %v", says)
	}
}

// TestBeside: what Hugging Face's libraries leave is found in the model's folder, or above
// one that is called onnx.
func TestBeside(t *testing.T) {
	open := network(1)
	open.Graph.Inputs[0].Dims = []onnxwrite.Dim{{Value: 1}, {Value: 3}, onnxwrite.Symbolic("h"), onnxwrite.Symbolic("w")}
	for folder, want := range map[string][2]string{"": {"cat", "64x64"}, "onnx": {"cat", "64x64"}, "other": {}, "fixed/onnx": {"cat", ""}} {
		m := open
		if folder == "fixed/onnx" {
			m = network(1)
		}
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o777); err != nil {
			t.Fatal(err)
		}
		beside := filepath.Dir(filepath.Join(dir, folder, "x"))
		if filepath.Base(beside) == "onnx" {
			beside = filepath.Dir(beside)
		} else {
			beside = dir
		}
		put(t, beside, "config.json", []byte(`{"model_type":"vit","id2label":{"0":"cat"}}`))
		put(t, beside, "preprocessor_config.json", []byte(`{"do_normalize":false,"do_resize":true,"size":64}`))
		f, err := Open(put(t, filepath.Join(dir, folder), "m.onnx", m.Marshal()), opening)
		if err != nil {
			t.Fatal(err)
		}
		size := ""
		for _, v := range f.Says.Values {
			if v.Key == "size" {
				size = v.Value
			}
		}
		if strings.Join(f.Says.Labels, "") != want[0] || size != want[1] {
			t.Errorf("in %q: %q, %q", folder, f.Says.Labels, size)
		}
	}
}

// TestBindings: values of inputs by their texts.
func TestBindings(t *testing.T) {
	text := func(of ...string) string {
		values, bound, err := Bindings(of)
		if err != nil {
			if !errors.Is(err, ErrBindings) || strings.Contains(err.Error(), "--") {
				t.Errorf("%q: %v", of, err)
			}
			return err.Error()
		}
		v := values[bound[0].Input]
		return fmt.Sprintf("%s%v%v", bound[0].Input, v.Shape, v.Data)
	}
	for in, want := range map[string]string{
		"a=1":                 "a[][1]",
		"a=[7]":               "a[1][7]",
		"a=1,2.5":             "a[2][1 2.5]",
		"a=true,false":        "a[2][1 0]",
		"a=1x3:2":             "a[1 3][2 2 2]",
		"a=2:0.5":             "a[2][0.5 0.5]",
		"a=2x:1":              `bind a: "2x" is no shape: want lengths such as 2x1x128`,
		"a=0x2:1":             `bind a: "0x2" is no shape: want lengths such as 2x1x128`,
		"a=2:1,2":             `bind a: "1,2": one number fills a shape`,
		"a=99999x99999:1":     `bind a: shape "99999x99999" has too many elements`,
		"a=9007199254740993":  "a[][9007199254740993]",
		"a=":                  `bind "a=": want NAME=NUMBER, a list NAME=A,B, a shape and a number NAME=2x1x128:0, or NAME=FILE.npy`,
		"=1":                  `bind "=1": want NAME=NUMBER, a list NAME=A,B, a shape and a number NAME=2x1x128:0, or NAME=FILE.npy`,
		"a=x":                 `bind a: "x" is neither a number, nor a list of numbers, nor the name of a .npy file`,
		"a=Inf":               `bind a: "Inf" is neither a number, nor a list of numbers, nor the name of a .npy file`,
		"a=1e999":             `bind a: "1e999" is neither a number, nor a list of numbers, nor the name of a .npy file`,
		"a=no/such/dir/v.npy": "bind a: no/such/dir/v.npy: no such file or directory",
		"a=b=3":               `bind a: "b=3" is neither a number, nor a list of numbers, nor the name of a .npy file`,
	} {
		if got := text(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
	if got := text("a=1", "a=2"); got != `bind: "a" has two values` {
		t.Error(got)
	}
}

// TestBoundInputs: another input's value comes from outside, is part of what the model
// is, and a second plan made from the file read again has it too.
func TestBoundInputs(t *testing.T) {
	m := network(1)
	m.Graph.Inputs = append(m.Graph.Inputs, onnxwrite.ValueInfo{Name: "t", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(1)})
	m.Graph.Nodes = append(m.Graph.Nodes, onnxwrite.Node{OpType: "Mul", Inputs: []string{"y", "t"}, Outputs: []string{"z"}})
	m.Graph.Outputs = []onnxwrite.ValueInfo{{Name: "z"}}
	path := put(t, t.TempDir(), "m.onnx", m.Marshal())
	identities := map[string]bool{}
	for _, value := range []string{"1", "2"} {
		opt := LoadOptions{}
		var err error
		if opt.Bind, opt.Bound, err = Bindings([]string{"t=" + value}); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path, opening)
		if err != nil {
			t.Fatal(err)
		}
		n, err := f.Load(opt)
		if err != nil {
			t.Fatal(err)
		}
		for _, need := range []Need{{}, patches(4)} {
			made, err := n.Plan(need)
			if err != nil {
				t.Fatal(err)
			}
			sum := float32(0)
			for _, v := range scores(t, made.First) {
				sum += v
			}
			if fmt.Sprintf("%.3g", sum) != value {
				t.Errorf("%+v: probabilities by %s have the sum %g", need, value, sum)
			}
			ready, err := n.Prepare(made, Preparation{})
			if err != nil {
				t.Fatal(err)
			}
			identities[ready.Identity()] = true
		}
	}
	if len(identities) != 2 {
		t.Errorf("%d identities for two values", len(identities))
	}
}
