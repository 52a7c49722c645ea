package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// badInput is a row of docs/bad-inputs.md: a file that something is wrong with,
// what is done with it, and what must come of that.
type badInput struct {
	id   string // of the row, with a word on the case
	file string // its name in a folder of its own
	make func(t testing.TB, path string)
	args []string // FILE stands for the path, DIR for its folder
	code int
	says string // a part of the message besides the file's name; "" for exit code 0
}

// Limits of what a refusal may take. Memory is what the program, its kernels and
// the built-in model take, with room; time is there to catch what hangs.
const (
	badMemory = 700 << 20
	badTime   = 60 * time.Second
)

// runBad runs the real command over each input and checks what holds for all:
// the exit code, one line that names the file and the reason, nothing on standard
// output, no output and no temporary file, little memory, an end.
func runBad(t *testing.T, rows []badInput) {
	for i, row := range rows {
		if raceDetector && testing.Short() && i%8 != 0 {
			continue // the detector makes each start of the command slow
		}
		t.Run(row.id, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, row.file)
			if row.make != nil {
				row.make(t, path)
			}
			before := contents(t, dir)
			temporary := t.TempDir()
			args, files := []string{}, []string{row.file}
			for _, a := range row.args {
				arg := strings.NewReplacer("FILE", path, "DIR", dir).Replace(a)
				args = append(args, arg)
				if arg != a {
					files = append(files, arg)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), badTime)
			defer cancel()
			cmd := exec.CommandContext(ctx, os.Args[0])
			cmd.Args = append([]string{"krypton"}, args...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "TMPDIR="+temporary)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			err := cmd.Run()
			if ctx.Err() != nil {
				t.Fatal("it hangs")
			}
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != row.code {
				t.Errorf("exit code %d, want %d", got, row.code)
			}
			if n := peakMemory(cmd.ProcessState); !raceDetector && n > badMemory {
				t.Errorf("it took %d MiB", n>>20)
			}
			text := stderr.String()
			if left := contents(t, temporary); len(left) > 0 {
				t.Errorf("it left temporary files: %v", left)
			}
			for _, word := range []string{"panic", "goroutine ", "internal error", "runtime error"} {
				if strings.Contains(text, word) {
					t.Fatalf("%s", text)
				}
			}
			if row.code == exitOK {
				return
			}
			if stdout.Len() > 0 {
				t.Errorf("standard output has %q", stdout.String())
			}
			if !strings.HasPrefix(text, "krypton: ") || strings.Count(text, "\n") != 1 {
				t.Errorf("want one line, got %q", text)
			}
			// The folder's name has the row's in it: it says nothing.
			text = strings.ReplaceAll(text, dir, "")
			if row.file != "" && !namesOne(text, files) || !strings.Contains(text, row.says) {
				t.Errorf("%q does not say %q of %q", text, row.says, row.file)
			}
			if after := contents(t, dir); !maps.Equal(after, before) {
				t.Errorf("the folder had %v, and has %v", before, after)
			}
		})
	}
}

// namesOne says whether a message names one of these files, as a message writes
// control characters.
func namesOne(text string, files []string) bool {
	return slices.ContainsFunc(files, func(file string) bool {
		return strings.Contains(text, strings.Map(func(r rune) rune {
			if r < ' ' {
				return '\uFFFD'
			}
			return r
		}, filepath.Base(file)))
	})
}

// contents are the names of a folder's files with a word on what is in them.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		i, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = fmt.Sprint(i.Mode(), " ", i.Size())
		if i.Mode().IsRegular() && i.Size() < 1<<20 && i.Mode().Perm()&0o400 != 0 {
			b, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				t.Fatal(err)
			}
			out[e.Name()] += fmt.Sprintf(" %x", sha256.Sum256(b))
		}
	}
	return out
}

// names are those of a folder's files.
func names(t *testing.T, dir string) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(contents(t, dir)))
}

// beside puts an earlier output, map.png, into the folder too: what fails must
// leave it as it is.
func beside(make func(testing.TB, string)) func(testing.TB, string) {
	return func(t testing.TB, path string) {
		make(t, path)
		holding([]byte("an earlier map"))(t, filepath.Join(filepath.Dir(path), "map.png"))
	}
}

// holding makes a file of these bytes.
func holding(b []byte) func(testing.TB, string) {
	return func(t testing.TB, path string) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
