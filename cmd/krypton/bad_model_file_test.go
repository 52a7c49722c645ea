package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/onnxwrite"
)

// badInputs is row M22: models whose inputs are not those of a picture.
func badInputs() []badInput {
	dims := func(d ...onnxwrite.Dim) func(testing.TB, string) {
		return changed(func(m *onnxwrite.Model) { m.Graph.Inputs[0].Dims = d })
	}
	n := func(v int64) onnxwrite.Dim { return onnxwrite.Dim{Value: v} }
	symbol, none := onnxwrite.Symbolic, onnxwrite.Dim{Unknown: true}
	// One that takes lists of numbers: no plane to occlude.
	list := changed(func(m *onnxwrite.Model) {
		m.Graph.Inputs[0].Dims = onnxwrite.Fixed(1, 10)
		m.Graph.Nodes = []onnxwrite.Node{{OpType: "Relu", Inputs: []string{"x"}, Outputs: []string{"y"}}}
	})
	channels := changed(func(m *onnxwrite.Model) {
		m.Graph.Inputs[0].Dims = onnxwrite.Fixed(1, 5, 16, 16)
		m.Graph.Initializers[0] = onnxwrite.Raw("w", []int64{4, 5, 3, 3}, make([]float32, 180))
	})
	second := func(dims ...int64) func(testing.TB, string) {
		return changed(func(m *onnxwrite.Model) {
			m.Graph.Inputs = append(m.Graph.Inputs, onnxwrite.ValueInfo{Name: "x2", ElemType: onnxwrite.TypeFloat32, Dims: onnxwrite.Fixed(dims...)})
			m.Graph.Nodes[0] = onnxwrite.Node{OpType: "Conv", Inputs: []string{"both", "w"}, Outputs: []string{"c"}}
			m.Graph.Nodes = append(m.Graph.Nodes, onnxwrite.Node{OpType: "Add", Inputs: []string{"x", "x2"}, Outputs: []string{"both"}})
		})
	}
	return []badInput{
		looked("M22/zero-size", dims(n(1), n(3), n(0), n(16)), exitData, "padded input 0"),
		looked("M22/zero-channels", dims(n(1), n(0), n(16), n(16)), exitData, "0 channels"),
		looked("M22/symbolic-size", dims(n(1), n(3), symbol("h"), symbol("w")), exitUsage, "--size HxW"),
		looked("M22/symbolic-batch", dims(symbol("n"), n(3), n(16), n(16)), exitOK, ""),
		looked("M22/symbolic-channels", dims(n(1), symbol("c"), n(16), n(16)), exitOK, ""), // the convolution tells them
		looked("M22/symbolic-channels-untold", changed(func(m *onnxwrite.Model) {
			m.Graph.Inputs[0].Dims = []onnxwrite.Dim{n(1), symbol("c"), n(16), n(16)}
			m.Graph.Nodes = []onnxwrite.Node{{OpType: "Relu", Inputs: []string{"x"}, Outputs: []string{"y"}}}
		}), exitUsage, "dimension 1 (c)"),
		looked("M22/missing-sizes", dims(none, n(3), none, none), exitUsage, "dimension 2 (?)"),
		looked("M22/no-shape", changed(func(m *onnxwrite.Model) { m.Graph.Inputs[0].Dims = nil }), exitUsage, "declares no shape"),
		looked("M22/no-type", changed(func(m *onnxwrite.Model) { m.Graph.Inputs[0].ElemType = 0 }), exitData, `input "x" has element type`),
		looked("M22/negative-size", dims(n(1), n(3), n(-16), n(16)), exitUsage, "dimension 2"),
		looked("M22/huge-size", dims(n(1), n(3), n(1<<62), n(16)), exitUsage, "dimension 2"),
		looked("M22/large-size", dims(n(1), n(3), n(1<<20), n(1<<20)), exitData, "tensor size out of range"),
		looked("M22/no-input", changed(func(m *onnxwrite.Model) { m.Graph.Inputs = nil }), exitData, `reads "x"`),
		looked("M22/two-inputs", second(1, 3, 16, 16), exitData, `2 inputs: "x" (float32 [1 3 16 16]), "x2"`),
		looked("M22/no-plane", list, exitOK, ""),
		mapped("M22/symbolic-map", dims(n(1), n(3), symbol("h"), symbol("w")), exitUsage, "--size HxW"),
		mapped("M22/two-inputs-map", second(1, 3, 16, 16), exitData, `2 inputs: "x" (float32 [1 3 16 16]), "x2"`),
		mapped("M22/no-plane-map", list, exitData, "[1 10]"),
		mapped("M22/five-channels-map", channels, exitData, "5 channels"),
	}
}

// badFiles are the rows M23 and M25: files that are too large, or none.
func badFiles() []badInput {
	info := []string{"model", "info", "FILE"}
	sparse := func(size int64) func(testing.TB, string) {
		return func(t testing.TB, path string) {
			holding(nil)(t, path)
			if err := os.Truncate(path, size); err != nil {
				t.Skip("this file system has no sparse files of that size")
			}
		}
	}
	link := func(to string) func(testing.TB, string) {
		return func(t testing.TB, path string) {
			if err := os.Symlink(to, path); err != nil {
				t.Fatal(err)
			}
		}
	}
	folder := func(t testing.TB, path string) {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	pipe := func(t testing.TB, path string) {
		if err := makeFIFO(path); err != nil {
			t.Fatal(err)
		}
	}
	text, good := holding([]byte("text")), holding(sound().Marshal())
	rows := []badInput{
		looked("M23/sparse-2GiB-and-1", sparse(2<<30+1), exitData, "2147483649 bytes are more than the limit of 2147483648"),
		looked("M23/sparse-terabyte", sparse(1<<40), exitData, "1099511627776 bytes are more than the limit"),
		mapped("M23/map", sparse(1<<40), exitData, "more than the limit"),
		looked("M25/folder", folder, exitData, "not a regular file"),
		looked("M25/pipe", pipe, exitData, "not a regular file"),
		looked("M25/linked-pipe", func(t testing.TB, path string) { pipe(t, path+".pipe"); link(path+".pipe")(t, path) }, exitData, "not a regular file"),
		looked("M25/dangling-link", link("nowhere"), exitNoInput, "no such file"),
		looked("M25/link-to-itself", link("m.onnx"), exitData, "too many levels of symbolic links"),
		looked("M25/file-as-folder", nil, exitData, "m.onnx"),
		looked("M25/missing", nil, exitNoInput, "no such file"),
		mapped("M25/pipe-map", pipe, exitData, "not a regular file"),
		{id: "M25/device", args: []string{"model", "info", "/dev/zero"}, code: exitData, says: "/dev/zero"},
		{id: "M25/file-without-size", args: []string{"model", "info", "/proc/self/maps"}, code: exitData, says: "/proc/self/maps"},
		{id: "M25/leading-dash", file: "-m.onnx", make: good, args: []string{"model", "info", "-m.onnx"}, code: exitUsage, says: "flag"},
		{id: "M25/leading-dash-after-dashes", file: "-m.onnx", make: text, args: []string{"model", "info", "--", "-m.onnx"}, code: exitData},
		{id: "M25/4096-characters", args: []string{"model", "info", strings.Repeat("n", 4096)}, code: exitNoInput, says: "nnn"},
		{id: "M25/4096-characters-with-folders", args: []string{"model", "info", strings.Repeat("n/", 2048)}, code: exitData, says: "n/n/n"},
	}
	rows[len(rows)-9].args = []string{"model", "info", "FILE/m.onnx"}
	rows[len(rows)-9].make = text
	for id, name := range map[string]string{"spaces": "a b.onnx", "newline": "a\nb.onnx", "escape": "a\x1b[31mb.onnx", "unicode": "é名\u202e.onnx", "no-utf-8": "a\xff.onnx", "shell": "$(x);`y`.onnx", "percent": "%d%s%!.onnx"} {
		rows = append(rows, badInput{id: "M25/name-" + id, file: name, make: text, args: info, code: exitData},
			badInput{id: "M25/good-name-" + id, file: name, make: good, args: info, code: exitOK})
	}
	return rows
}

// TestForbiddenModel is the part of row M25 on a file that may not be read. It
// may always be by root, who therefore runs the command as nobody.
func TestForbiddenModel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	holding(sound().Marshal())(t, path)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	cmd := command("model", "info", path)
	if os.Geteuid() == 0 {
		// The test binary lies in a folder that nobody may not enter.
		self, err := os.Open(os.Args[0])
		if err != nil {
			t.Fatal(err)
		}
		defer self.Close()
		cmd.Path, cmd.Dir, cmd.ExtraFiles = "/proc/self/fd/3", "/", []*os.File{self}
		asNobody(cmd)
	}
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Skipf("this system does not let the command run as another user: %v", err)
	}
	text := string(out)
	if code := cmd.ProcessState.ExitCode(); code != exitData || !strings.Contains(text, "permission denied") || !strings.Contains(text, "m.onnx") || strings.Count(text, "\n") != 1 {
		t.Errorf("M25: exit code %d: %s", code, text)
	}
}
