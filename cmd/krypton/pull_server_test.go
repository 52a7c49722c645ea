package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"krypton/models"
)

// serveModels starts a server for a script, with a catalogue of what it serves: the
// built-in network as far, with labels in a file, and as near, with a list of
// labels. The first folder of a path says how it is served: ok, or cut short,
// slow to end, missing, failing, in a circle, or with other bytes.
func serveModels(ts *testscript.TestScript, _ bool, _ []string) {
	model := models.Default().Model
	same := append(bytes.Clone(model), 0x32, 0) // an empty doc_string: the same network in another file
	labels := []byte("star ring heart crescent cross arrow key fish house tree cup bicycle")
	labels = bytes.ReplaceAll(labels, []byte(" "), []byte("\n"))
	handler := func(w http.ResponseWriter, r *http.Request) {
		how, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		content := map[string][]byte{"zoo/far.onnx": model, "zoo/near.onnx": same, "labels/far.txt": labels}[path]
		switch {
		case content == nil || how == "missing":
			http.NotFound(w, r)
		case how == "nolabels" && content[0] == labels[0]:
			http.NotFound(w, r)
		case how == "ok" || how == "nolabels":
			http.ServeContent(w, r, path, time.Time{}, bytes.NewReader(content))
		case how == "cut":
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = w.Write(content[:len(content)/2])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case how == "slow":
			w.Header().Set("Content-Length", fmt.Sprint(len(content)))
			_, _ = w.Write(content[:1000])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		case how == "other":
			other := bytes.Clone(content)
			other[len(other)/2]++
			_, _ = w.Write(other)
		case how == "circle":
			http.Redirect(w, r, r.URL.Path, http.StatusFound)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}
	s := httptest.NewServer(http.HandlerFunc(handler))
	ts.Defer(s.Close)
	entry := func(name string, content []byte) string {
		sum := sha256.Sum256(content)
		return fmt.Sprintf("size: %d, sha256: %s, license: MIT, %s", len(content), hex.EncodeToString(sum[:]), name)
	}
	config := `config: {size: [128, 128], preprocess: {preset: unit, order: rgb, resize: stretch}, output: logits, activation: softmax}}`
	text := "source: https://example.org/models/\nlabels:\n" +
		"  - {" + entry("name: far, address: https://example.org/far.txt", labels) + "}\n" +
		"  - {name: near, list: [a, b, c, d, e, f, g, h, i, j, beaker, l]}\nmodels:\n" +
		"  - {" + entry("name: far, path: zoo/far.onnx, description: one, opset: 13, kind: classifier, labels: far, note: no doubt, ", model) + config + "\n" +
		"  - {" + entry("name: near, path: zoo/near.onnx, description: two, opset: 13, kind: classifier, labels: near, ", same) + config + "\n"
	path := ts.MkAbs("catalogue.yaml")
	ts.Check(os.WriteFile(path, []byte(text), 0o600))
	ts.Setenv("TEST_CATALOGUE", path)
	ts.Setenv("SERVER", s.URL)
	ts.Setenv("NO_PROXY", "127.0.0.1")
	ts.Setenv("KRYPTON_CACHE", ts.MkAbs("cache"))
}

// damage changes a byte of each file in the cache that is as large as a model.
func damage(ts *testscript.TestScript, _ bool, _ []string) {
	dir := ts.MkAbs("cache/sha256")
	entries, err := os.ReadDir(dir)
	ts.Check(err)
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		b, err := os.ReadFile(path)
		ts.Check(err)
		if len(b) > 100000 {
			b[len(b)/2]++
			ts.Check(os.WriteFile(path, b, 0o600))
		}
	}
}
