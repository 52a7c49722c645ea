package main

import (
	"errors"
	"fmt"
	"testing"

	"krypton/internal/failure"
	"krypton/internal/graph"
	"krypton/internal/model"
	"krypton/internal/onnxload"
)

// TestHints: flags are added to what packages say, once, and the kind stays.
func TestHints(t *testing.T) {
	missing := &onnxload.InputsError{Free: []graph.Declared{{Name: "x", Dims: []string{"1", "3", "8", "8"}}, {Name: "t", Dims: []string{"1"}}, {Name: "l", Dims: []string{"4"}}, {Name: "n", Dims: []string{"N"}}}}
	for _, c := range []struct {
		err  error
		want string
	}{
		{failure.Mark(failure.Usagef("unknown preset"), model.ErrPreset), "--preset: unknown preset"},
		{failure.Mark(failure.Usagef("pad is 300"), model.ErrPad), "--pad is 300"},
		{failure.Usagef("model m: %w", onnxload.ErrOutput), "--output: model m: there is no output"},
		{failure.Usagef("model m: %w", onnxload.ErrShape), "model m: input shape is not known; say --size HxW, or --dim NAME=N"},
		{failure.Mark(failure.Usagef("model m: which number is black"), model.ErrBlack), "model m: which number is black: say --preset raw, and --mean 128 if pixels become 128 less, or --pixel-scale"},
		{failure.As(failure.Usage, &model.NotPulledError{Name: "m", Bytes: 1 << 20}), "model m is not in the cache: krypton model pull m fetches it (1.0 MiB)"},
		{failure.As(failure.Usage, missing), missing.Error() + "; say --input x if that is the picture, --bind t=NUMBER, --bind l=A,B,... of 4 numbers, --bind n=FILE.npy (or a number that fills it)"},
		{failure.Usagef("nothing is known of it"), "nothing is known of it"},
	} {
		err := hinted(c.err)
		if err.Error() != c.want {
			t.Errorf("%q, want %q", err, c.want)
		}
		if again := hinted(fmt.Errorf("a.png: %w", err)); again.Error() != "a.png: "+c.want {
			t.Errorf("twice: %q", again)
		}
		if !errors.Is(err, c.err) || exitCode(err) != exitUsage {
			t.Errorf("%v: is another error, or has exit code %d", err, exitCode(err))
		}
	}
	if hinted(nil) != nil {
		t.Error("an error of none")
	}
}
