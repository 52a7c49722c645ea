package model

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"krypton/internal/failure"
	"krypton/internal/tune"
)

// TestProfileFile: a profile goes into a file that keeps what else it holds, takes the
// place of another only if it may, and nothing is written into what is no configuration.
func TestProfileFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.krypton.yaml")
	put := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write := func(replace bool, speed float64) error {
		f, err := OpenProfile(path, replace)
		if err != nil {
			return err
		}
		return f.Write(nil, &tune.Profile{Samples: 3, Exact: speed, Points: []tune.Point{{Speedup: 2}}})
	}
	read := func() (c struct {
		Labels      string
		Approximate *tune.Profile
	}) {
		b, err := os.ReadFile(path)
		if err == nil {
			err = yaml.Unmarshal(b, &c)
		}
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	if err := write(false, 1); err != nil || read().Approximate.Exact != 1 {
		t.Errorf("%v, %+v", err, read())
	}
	if err := write(false, 2); !errors.Is(err, ErrProfileThere) || read().Approximate.Exact != 1 {
		t.Errorf("%v, %+v", err, read())
	}
	if err := write(true, 3); err != nil || read().Approximate.Exact != 3 {
		t.Errorf("%v, %+v", err, read())
	}
	put("labels: l.txt # of ours\n")
	if err := write(false, 4); err != nil || read().Approximate.Exact != 4 || read().Labels != "l.txt" {
		t.Errorf("%v, %+v", err, read())
	}
	for _, text := range []string{"- a\n", "a: [\n"} {
		put(text)
		err := write(true, 5)
		if kind, _ := failure.Of(err); kind != failure.Data {
			t.Errorf("%q: %v", text, err)
		}
	}
	var b strings.Builder
	if err := (&ProfileFile{}).Write(&b, &tune.Profile{Samples: 3}); err != nil || !strings.HasPrefix(b.String(), "approximate:\n  samples: 3\n") {
		t.Errorf("%v: %s", err, b.String())
	}
}
