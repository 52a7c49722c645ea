package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/onnxwrite"
)

// outsideText is what lies outside the model's folder: no message may hold any of
// it.
const outsideText = "secret"

// external makes a model whose weights lie in another file; entries are pairs of
// what says where. Beside it lie a sound file and links of every kind to
// files that must not be read.
func external(pairs ...string) func(testing.TB, string) {
	return func(t testing.TB, path string) {
		dir := filepath.Dir(path)
		in := func(name string) string { return filepath.Join(dir, name) }
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		outside := in("../outside.bin")
		holding([]byte(strings.Repeat(outsideText, 72)))(t, outside)
		for _, name := range []string{"inside.bin", "..inside.bin"} {
			holding(make([]byte, 432))(t, in(name))
		}
		must(os.Mkdir(in("sub"), 0o700))
		holding(make([]byte, 432))(t, in("sub/inside.bin"))
		must(os.Symlink(outside, in("link.bin")))
		must(os.Symlink("inside.bin", in("link-inside.bin")))
		must(os.Symlink("..", in("up")))
		must(os.Symlink("/dev/zero", in("link-device")))
		must(os.Link(outside, in("hard.bin")))
		must(makeFIFO(in("pipe")))
		m := sound()
		w := &m.Graph.Initializers[0]
		w.RawData, w.External = nil, map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			w.External[pairs[i]] = pairs[i+1]
		}
		holding(m.Marshal())(t, path)
	}
}

// badExternal are the rows M11 to M13: weights in another file, which must be a
// plain one below the model's folder, whether the model is named by an absolute
// path or, from its own folder, by its bare name.
func badExternal() []badInput {
	var rows []badInput
	for _, c := range []struct {
		name, location string
		code           int
		says           string
	}{
		{"sound", "inside.bin", exitOK, ""}, {"sound-in-folder", "sub/inside.bin", exitOK, ""},
		{"missing", "none.bin", exitNoInput, "none.bin"}, {"missing-folder", "none/inside.bin", exitNoInput, "none"},
		{"parent", "../outside.bin", exitData, "plain name"}, {"through-parent", "sub/../../outside.bin", exitData, "plain name"}, {"and-back", "../001/inside.bin", exitData, "plain name"},
		{"absolute", "/etc/passwd", exitData, "plain name"}, {"device", "/dev/zero", exitData, "plain name"},
		{"link", "link.bin", exitData, "not a regular file"}, {"link-inside", "link-inside.bin", exitData, "not a regular file"}, {"linked-parent", "up/outside.bin", exitData, "not a regular file"},
		{"linked-device", "link-device", exitData, "not a regular file"}, {"hard-link", "hard.bin", exitData, "hard links"}, {"pipe", "pipe", exitData, "not a regular file"},
		{"folder", "sub", exitData, "not a regular file"}, {"own-folder", ".", exitData, "not a regular file"}, {"file-as-folder", "inside.bin/x", exitData, "inside.bin"},
		{"empty", "", exitData, "plain name"}, {"nul", "inside.bin\x00", exitData, "plain name"}, {"nul-inside", "inside.bin\x00.txt", exitData, "plain name"},
		{"itself", "m.onnx", exitData, "m.onnx"},
	} {
		rows = append(rows, looked("M11/"+c.name, external("location", c.location), c.code, c.says))
		here := looked("M13/"+c.name, external("location", c.location), c.code, c.says)
		here.args = []string{"model", "info", "m.onnx"}
		rows = append(rows, here)
	}
	dotted := looked("M13/dotted", external("location", "../outside.bin"), exitData, "plain name")
	dotted.args = []string{"model", "info", "./m.onnx"}
	rows = append(rows, dotted, mapped("M11/map", external("location", "link.bin"), exitData, "not a regular file"))

	for _, c := range []struct{ name, key, value, says string }{
		{"offset-negative", "offset", "-1", "offset -1"}, {"offset-past-end", "offset", "9999", "432 bytes at 9999"}, {"offset-just-past-end", "offset", "1", "432 bytes at 1"},
		{"offset-text", "offset", "x", `"x", not a number`}, {"offset-empty", "offset", "", `"", not a number`}, {"offset-fraction", "offset", "1.5", `"1.5", not a number`},
		{"offset-2^63", "offset", "9223372036854775808", "not a number"}, {"offset-2^63-1", "offset", "9223372036854775807", "at 9223372036854775807"},
		{"length-past-end", "length", "9999", "length 9999"}, {"length-short", "length", "4", "length 4"}, {"length-negative", "length", "-1", "length -1"}, {"length-text", "length", "x", "not a number"},
		{"unknown-key", "colour", "red", `unknown key "colour"`},
	} {
		rows = append(rows, looked("M12/"+c.name, external("location", "inside.bin", c.key, c.value), exitData, c.says))
	}
	both := looked("M12/inside-and-outside", func(t testing.TB, path string) {
		external("location", "inside.bin")(t, path)
		m := sound()
		m.Graph.Initializers[0].External = map[string]string{"location": "inside.bin"}
		holding(m.Marshal())(t, path)
	}, exitData, "both inside and outside")
	huge := looked("M12/more-than-the-limit", func(t testing.TB, path string) {
		m := sound()
		for i := range 3 {
			m.Graph.Initializers = append(m.Graph.Initializers, onnxwrite.ExternalTensor(string(rune('a'+i)), onnxwrite.TypeFloat32, []int64{1 << 20}, map[string]string{"location": "large.bin"}))
		}
		holding(m.Marshal())(t, path)
		holding(make([]byte, 4<<20))(t, filepath.Join(filepath.Dir(path), "large.bin"))
	}, exitData, "exceeds the limit of 10485760")
	huge.args = append(huge.args, "--max-model-bytes", "10MiB")
	return append(rows, both, huge)
}
