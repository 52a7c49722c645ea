package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// FuzzConfig reads configuration files: one is refused in one line that names it or
// the setting whose value is wrong, or every setting is printed.
func FuzzConfig(f *testing.F) {
	f.Add([]byte("stride: 8\npatch: 24x24\nthreads: 2\nquiet: true\n"))
	f.Add([]byte("scores: [a.npy, b.csv]\nmemory: 2GiB\nkernels: avx2,direct\n"))
	f.Add([]byte("threads: many\n"))
	f.Add([]byte("nonsense: 1\n"))
	f.Add([]byte("stride: {a: [1, 2]}\nSTRIDE: 3\n"))
	f.Add([]byte("a: &a [x, x]\nb: &b [*a, *a]\nscores: [*b, *b]\n"))
	f.Add([]byte("stride: \"\\e[31m\"\n"))
	f.Add([]byte("\xff\xfe\x00"))
	path := filepath.Join(f.TempDir(), "krypton.yaml")
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		code := run([]string{"obe", "--config", path, "--print-config"}, strings.NewReader(""), &stdout, &stderr)
		text := stderr.String()
		for _, s := range []string{text, stdout.String()} {
			if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == 0x7f }); i >= 0 {
				t.Errorf("a control character in %q", s)
			}
		}
		switch {
		case code == exitOK:
			if !strings.Contains(stdout.String(), "stride: ") || strings.Count(stdout.String(), "\n") < 20 {
				t.Errorf("it printed %q", stdout.String())
			}
		case code != exitUsage || strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "krypton: ") || !strings.Contains(text, "krypton.yaml") && !strings.Contains(text, "--") || strings.Contains(text, "internal error"):
			t.Errorf("exit code %d: %q", code, text)
		}
	})
}

// TestMisspelt holds what is told of the environment: names one slip away from a setting's, and
// none of those that are settings, that programs around this one have, or that are empty.
func TestMisspelt(t *testing.T) {
	for _, c := range []struct{ variable, meant string }{
		{"KRYPTON_STIDE=8", "KRYPTON_STRIDE"},
		{"KRYPTON_STIRDE=8", "KRYPTON_STRIDE"},
		{"KRYPTON_STRIDES=8", "KRYPTON_STRIDE"},
		{"KRYPTON_TREADS=2", "KRYPTON_THREADS"},
		{"KRYPTON_MIN-SCORE=0.5", "KRYPTON_MIN_SCORE"},
		{"KRYPTON_OUTDIR=maps", "KRYPTON_OUT_DIR"},
		{"KRYPTON_STRIDE=8", ""},
		{"KRYPTON_MIN_SCORE=0.5", ""}, // orv's
		{"KRYPTON_STIDE=", ""},
		{"KRYPTON_SHARDS=4", ""},
		{"KRYPTON_DATA=data", ""},
		{"KRYPTON_PORT=tcp://10.0.0.7:80", ""}, // as Kubernetes sets beside a service of that name
		{"KRYPTON_SERVICE_HOST=10.0.0.7", ""},
		{"KRYPTON_COMMAND=obe", ""},
		{"KRYPTON_RESTARTS=2", ""},
		{"STIDE=8", ""},
	} {
		var want [][2]string
		if name, _, _ := strings.Cut(c.variable, "="); c.meant != "" {
			want = [][2]string{{name, c.meant}}
		}
		if got := misspelt([]string{"PATH=/bin", c.variable}); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", c.variable, got, want)
		}
	}
}
