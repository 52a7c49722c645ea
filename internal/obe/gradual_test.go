package obe_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"krypton/internal/obe"
	"krypton/internal/prediction"
	"krypton/internal/target"
)

// TestGradual: a map from coarse to fine is the same map, whose positions are told of
// once each, the whole image first.
func TestGradual(t *testing.T) {
	task := builtIn(t, 16, 4)
	want, err := obe.Explain(context.Background(), task)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var order []int
	scores := make([]float32, task.Grid.Len())
	winners := make([]int32, task.Grid.Len())
	var clean obe.Result
	task.Gradual = true
	task.Clean = func(r *obe.Result) { clean = *r }
	task.Answered = func(i int, s []float32, winner int32) {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, i)
		scores[i], winners[i] = s[0], winner
	}
	for _, task.Mode = range []obe.Mode{obe.Exact, obe.Naive} {
		order = nil
		got, err := obe.Explain(context.Background(), task)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "gradual "+string(task.Mode), got, want)
		same(t, "told "+string(task.Mode), &obe.Result{Scores: [][]float32{scores}}, want)
		if !slices.Equal(winners, want.Winners) || !slices.Equal(clean.Base, want.Base) || !slices.Equal(clean.Probabilities, want.Probabilities) {
			t.Errorf("%s: other winners or another clean image", task.Mode)
		}
		if slices.Contains(got.Computed, false) {
			t.Errorf("%s: not all positions are computed", task.Mode)
		}
		if all := slices.Sorted(slices.Values(order)); len(all) != task.Grid.Len() || all[0] != 0 || len(slices.Compact(all)) != task.Grid.Len() {
			t.Errorf("%s: %d positions told of, of %d", task.Mode, len(all), task.Grid.Len())
		}
		// The grid has 29 rows: every fourth row and column is 64 positions.
		for _, i := range order[:64] {
			if i/29%4 != 0 || i%29%4 != 0 {
				t.Fatalf("%s: position %d is among the first", task.Mode, i)
			}
		}
	}
}

// TestReread: what outputs were kept for is what Explain computes, bit for bit.
func TestReread(t *testing.T) {
	task := builtIn(t, 16, 16)
	if r, err := obe.Explain(context.Background(), task); err != nil || r.Outputs != nil {
		t.Fatalf("%d outputs kept that nobody wanted, %v", len(r.Outputs), err)
	} else if _, err := task.Reread(r); !errors.Is(err, obe.ErrNotKept) {
		t.Errorf("read anew without outputs: %v", err)
	}
	task.Keep = true
	first, err := obe.Explain(context.Background(), task)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := int64(4*(len(first.Outputs[0])+len(first.Clean[0]))), obe.Kept(task.Grid, len(first.Probabilities)); got != want {
		t.Errorf("%d bytes are kept, %d were announced", got, want)
	}
	for _, score := range []target.Score{target.Value, target.Margin, target.Entropy} {
		for _, a := range []prediction.Activation{prediction.Softmax, prediction.Sigmoid, prediction.None} {
			task.Target = target.Classes{List: []int{3, 0}, Score: score, Reading: prediction.Reading{Activation: a}}
			want, err := obe.Explain(context.Background(), task)
			if err != nil {
				t.Fatal(err)
			}
			got, err := task.Reread(first)
			if err != nil {
				t.Fatal(err)
			}
			got.Views, got.Map = want.Views, want.Map
			bits := cmp.Options{cmp.Comparer(func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }), cmpopts.IgnoreFields(obe.Result{}, "Bound"), cmpopts.IgnoreUnexported(obe.Result{})}
			if d := cmp.Diff(want, got, bits); d != "" {
				t.Errorf("%s, %s: %s", score, a, d)
			}
		}
	}
	task.Mode, task.Approximation = obe.Approximate, obe.Approximation{Tau: .5}
	if r, err := obe.Explain(context.Background(), task); err != nil || r.Outputs != nil {
		t.Errorf("an approximate map keeps %d outputs, %v", len(r.Outputs), err)
	}
}
