package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A real model of the real catalogue, from pull to plan.
func TestPullRealModel(t *testing.T) {
	data := os.Getenv("KRYPTON_DATA")
	if data == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/m/validated/vision/body_analysis/ultraface/models/version-RFB-320.onnx" {
			http.NotFound(w, r)
			return
		}
		http.ServeFile(w, r, filepath.Join(data, "models", "ultraface_rfb320.onnx"))
	}))
	defer s.Close()
	t.Chdir(t.TempDir())
	for _, args := range []string{
		"model pull ultraface-320 --cache c --mirror " + s.URL + "/m",
		"model info ultraface-320 --cache c",
		"orv " + filepath.Join(data, "images", "faces_1.jpg") + " --model ultraface-320 --cache c --format csv -o -",
	} {
		var out, errOut bytes.Buffer
		if code := run(strings.Fields(args), strings.NewReader(""), &out, &errOut); code != exitOK {
			t.Fatalf("%s: exit code %d: %s", args, code, errOut.String())
		}
		if strings.HasPrefix(args, "model info") && !strings.Contains(out.String(), "scores [1 4420 2]") {
			t.Errorf("%s: %s", args, out.String())
		}
		if strings.HasPrefix(args, "orv") && strings.Count(out.String(), ",face,") < 5 {
			t.Errorf("%s: %.2000s", args, out.String())
		}
	}
}
