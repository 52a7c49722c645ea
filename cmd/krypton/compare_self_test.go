package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestCompareBinaries: a binary differs in nothing from itself, and one that does
// something else is found, whatever it is that it does.
func TestCompareBinaries(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("needs sh")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	real := filepath.Join(dir, "krypton")
	if err := os.Symlink(self, real); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "one.txtar")
	holding([]byte("krypton obe --stride 64 --json -o a.png --scores a.json\ncode 64 obe --stride 0\nkrypton model list\n! exists b\n"))(t, script)
	for name, c := range map[string]struct{ after, want string }{
		"the same":        {after: "exit $code"},
		"exit code":       {after: "[ $code = 0 ] || exit 1", want: "exit code"},
		"stdout":          {after: "[ $2 != list ] || echo more; exit $code", want: "stdout"},
		"stderr":          {after: "[ $2 != list ] || echo more >&2; exit $code", want: "stderr"},
		"a file more":     {after: "[ $2 != list ] || : >b; exit $code", want: "b"},
		"a file less":     {after: "[ $2 != list ] || rm -f a.json; exit $code", want: "a.json"},
		"a file's mode":   {after: "[ $2 != list ] || chmod 640 a.json; exit $code", want: "a.json"},
		"a score":         {after: `[ $2 != list ] || sed -i 's/"rows": 3/"rows": 4/' a.json; exit $code`, want: "a.json"},
		"a picture's end": {after: "[ $2 != list ] || echo >>a.png; exit $code", want: "a.png"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			other := filepath.Join(t.TempDir(), "other")
			if err := os.WriteFile(other, []byte("#!/bin/sh\n'"+real+"' \"$@\"; code=$?\n"+c.after+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			out, err := exec.Command("compare", real, other, script).CombinedOutput()
			if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			if last := lines[len(lines)-1]; !strings.HasPrefix(last, "3 commands of 1 scripts compared: ") {
				t.Fatalf("%s", out)
			}
			found := lines[:len(lines)-1]
			if (err != nil) != (c.want != "") || (len(found) > 0) != (c.want != "") {
				t.Errorf("%v:\n%s", err, out)
			}
			for i, line := range found {
				if i > 0 && !strings.Contains(line, "  "+c.want+"  ") {
					t.Errorf("found %q, want %q", line, c.want)
				}
			}
		})
	}
}

// TestTimeless: what is of the moment is replaced in what commands print, and nothing
// else.
func TestTimeless(t *testing.T) {
	for _, c := range []struct{ command, a, b string }{
		{"krypton obe", `{"rows":3,"seconds_map":0.01}`, `{"rows":3,"seconds_map":1.5e-05}`},
		{"krypton obe", "a.png: mug 0.97; 25 positions in 0.01 s", "a.png: mug 0.97; 25 positions in 12.02 s"},
		{"krypton obe", "a.png: 3 of 25, 769/s\na.png: mug", "a.png: mug"},
		{"krypton obe", "-rw\npicture=\nx=1\nprogress=continue\npicture=\nx=2\nprogress=end\n", "-rw\npicture=\nx=2\nprogress=end\n"},
		{"krypton orv", "frames: 64, 863/s\nf.y4m: 38 frames in 0.10 s, 7 a second", "f.y4m: 38 frames in 0.21 s, 91 a second"},
		{"krypton orv film.y4m -q --sweep s.csv", "approximate,8,1,0.45,18.71,40.94,2.188", "approximate,8,1,0.45,19.57,46.01,2.351"},
		{"KRYPTON_KERNELS=avx2 krypton env", "peak   218 GFLOP/s", "peak  1227 GFLOP/s"},
	} {
		if a, b := timeless(c.command, c.a), timeless(c.command, c.b); a != b {
			t.Errorf("%s: %q and %q differ", c.command, a, b)
		}
	}
	for _, c := range []struct{ command, a, b string }{
		{"krypton obe", `{"base_score":0.97}`, `{"base_score":0.96}`},
		{"krypton obe", "a.png: mug 0.97; 25 positions in 0.01 s", "a.png: mug 0.98; 25 positions in 0.01 s"},
		{"krypton orv", "f.y4m: 38 frames in 0.10 s", "f.y4m: 39 frames in 0.10 s"},
		{"krypton orv film.y4m -q --sweep s.csv", "approximate,8,1,0.45,18.71,40.94,2.188", "approximate,8,1,0.46,18.71,40.94,2.188"},
		{"krypton score", "heat.json mug 0.12", "heat.json mug 0.13"},
	} {
		if timeless(c.command, c.a) == timeless(c.command, c.b) {
			t.Errorf("%s: %q and %q are taken to be the same", c.command, c.a, c.b)
		}
	}
}
