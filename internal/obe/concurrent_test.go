package obe_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"krypton/internal/obe"
)

// TestConcurrentExplains: a plan may be asked by several at once, each with an image,
// a mode and workers of its own, and each gets the map that it gets alone.
func TestConcurrentExplains(t *testing.T) {
	first := builtIn(t, 16, 16)
	second := first
	second.Base = make([]float32, len(first.Base))
	for i, v := range first.Base {
		second.Base[i] = 1 - v
	}
	second.Workers = 1
	third := second
	third.Mode = obe.Naive
	fourth := first
	fourth.Gradual = true
	tasks := []obe.Task{first, second, third, fourth}
	want := make([]*obe.Result, len(tasks))
	for i, task := range tasks {
		var err error
		if want[i], err = obe.Explain(context.Background(), task); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 3 {
		got := make([]*obe.Result, len(tasks))
		errs := make([]error, len(tasks))
		var group sync.WaitGroup
		for i, task := range tasks {
			group.Go(func() { got[i], errs[i] = obe.Explain(context.Background(), task) })
		}
		group.Wait()
		for i := range tasks {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			same(t, fmt.Sprintf("round %d, task %d", round, i), got[i], want[i])
		}
	}
}
