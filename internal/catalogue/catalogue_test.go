package catalogue

import (
	"strings"
	"testing"
)

const small = `
source: https://example.org/zoo/
labels:
    - {name: two, list: [a, b]}
    - {name: far, address: https://example.org/l.json, size: 3, sha256: 0000000000000000000000000000000000000000000000000000000000000000, license: MIT}
models:
    - name: one
      description: a classifier
      path: a/one.onnx
      size: 5
      sha256: 1111111111111111111111111111111111111111111111111111111111111111
      license: MIT
      opset: 7
      kind: classifier
      labels: two
      config: {size: [4, 4], preprocess: {preset: unit}}
    - name: two.5-x
      description: a detector
      path: two.onnx
      address: https://elsewhere.example.org/two.onnx
      size: 6
      sha256: 2222222222222222222222222222222222222222222222222222222222222222
      license: MIT
      opset: 11
      kind: detector
      form: ssd
      labels: far
`

func TestParse(t *testing.T) {
	c, err := Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(c.Names(), " "); got != "one two.5-x" {
		t.Errorf("names %s", got)
	}
	one, ok := c.Lookup("one")
	if !ok || one.File.Address != "https://example.org/zoo/a/one.onnx" || one.File.Path != "a/one.onnx" || len(one.Labels) != 2 || one.LabelFile != nil || !strings.Contains(string(one.Config), "preset: unit") {
		t.Errorf("one is %+v", one)
	}
	two, ok := c.Lookup("two.5-x")
	if !ok || two.File.Address != "https://elsewhere.example.org/two.onnx" || two.LabelFile == nil || two.LabelFile.Path != "labels/l.json" || two.Config != nil {
		t.Errorf("two is %+v", two)
	}
	if _, ok := c.Lookup("three"); ok {
		t.Error("a model that is not there is found")
	}
}

// Each edit makes the catalogue one that must be refused.
func TestParseRefuses(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{"name: one", "name: two.5-x", "not there yet"},
		{"name: one", "name: ../one", "small letters"},
		{"name: one", "name: one.onnx", "small letters"},
		{"name: one", "name: One", "small letters"},
		{"path: a/one.onnx", "path: ../one.onnx", "plain"},
		{"path: a/one.onnx", "path: /one.onnx", "plain"},
		{"path: a/one.onnx", "path: one.onnx?x", "https"},
		{"source: https:", "source: http:", "https"},
		{"address: https://elsewhere", "address: file://elsewhere", "https"},
		{"size: 5", "size: 0", "size is 0"},
		{"size: 5", "size: 99999999999", "size is"},
		{"sha256: 1111", "sha256: X111", "sha256"},
		{"sha256: 1111", "sha256: \"\" #", "sha256"},
		{"opset: 7", "opset: -6", "operator set -6"},
		{"kind: classifier", "kind: thing", "kind"},
		{"kind: classifier", "kind: detector", "form"},
		{"form: ssd", "form: x", "form"},
		{"labels: two", "labels: none", "no labels"},
		{"license: MIT\n      opset: 7", "opset: 7", "license"},
		{"config: {size: [4, 4], preprocess: {preset: unit}}", "config: [1]", "no mapping"},
		{"list: [a, b]", "list: []", "either"},
		{"opset: 7", "opset: 7\n      colour: red", "colour"},
	} {
		text := strings.Replace(small, c.old, c.new, 1)
		if text == small {
			t.Fatalf("%q is not there", c.old)
		}
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.new, err, c.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := Parse(b)
		if err != nil {
			return
		}
		for _, m := range c.Models {
			if m.File.Size < 1 || len(m.File.SHA256) != 64 || !strings.HasPrefix(strings.ToLower(m.File.Address), "https://") || strings.ContainsAny(m.Name, "/\\") {
				t.Errorf("accepted %+v", m)
			}
		}
	})
}

func TestParseMirror(t *testing.T) {
	for text, ok := range map[string]bool{
		"https://example.org": true, "http://localhost:8080/zoo/": true, "https://me:secret@example.org/x": true,
		"": false, "example.org": false, "file:///etc": false, "ftp://example.org": false, "https://": false, "https://x?y": false, "https://x#y": false, "http://[": false,
	} {
		u, err := ParseMirror(text)
		if (err == nil) != ok {
			t.Errorf("%q: %v, %v", text, u, err)
		}
	}
	if _, err := ParseMirror("ftp://me:secret@example.org"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the error shows a password: %v", err)
	}
}
