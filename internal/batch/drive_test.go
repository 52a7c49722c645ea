package batch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"krypton/internal/failure"
)

// someItems are items whose inputs hold their own names.
func someItems(t *testing.T, n int) []Item {
	t.Helper()
	dir := t.TempDir()
	var items []Item
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("i%03d", i))
		if err := os.WriteFile(path, []byte(path), 0o600); err != nil {
			t.Fatal(err)
		}
		items = append(items, Item{Path: path})
	}
	return items
}

// start starts a run of all items.
func start(t *testing.T, dir string, items []Item, resume bool) *Run {
	t.Helper()
	r, err := Start(RunOptions{Dir: dir, Items: items, Shard: Shard{I: 1, N: 1}, Mine: items, Fingerprint: "f", Resume: resume})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// copies are stages that copy inputs to outputs. wrong, if set, fails an item at a stage.
func copies(r *Run, ahead bool, wrong func(stage string, it Item) error, computed *atomic.Int32, told func(*Task[string])) Stages[string] {
	fails := func(stage string, it Item) error {
		if wrong == nil {
			return nil
		}
		return wrong(stage, it)
	}
	return Stages[string]{
		Ahead: ahead,
		Read: func(_ context.Context, t *Task[string]) error {
			data, err := os.ReadFile(t.Item.Path)
			t.Work, t.Digest, t.Outputs = string(data), string(data), []string{NameOf(t.Item.Path) + ".out"}
			t.Already = r.Known(t.Item) && r.Done(t.Item, t.Digest)
			return errors.Join(err, fails("read", t.Item))
		},
		Compute: func(_ context.Context, t *Task[string]) error {
			if t.Idle() {
				return nil
			}
			computed.Add(1)
			return fails("compute", t.Item)
		},
		Write: func(t *Task[string]) error {
			return errors.Join(os.WriteFile(r.At(t.Outputs[0]), []byte(t.Work), 0o600), fails("write", t.Item))
		},
		Told: told,
	}
}

// TestDrive: items that fail at any stage do not stop the others, each is told of once
// and in order, and going on does what is left, and nothing else.
func TestDrive(t *testing.T) {
	for _, ahead := range []bool{false, true} {
		items, dir := someItems(t, 20), t.TempDir()
		broken := func(stage string, it Item) error {
			if i := slices.Index([]string{"read", "compute", "write"}, stage); strings.HasSuffix(it.Path, fmt.Sprint(3*i+1)) {
				return errors.New(stage)
			}
			return nil
		}
		for round, want := range []struct{ computed, failed, already int }{{18, 6, 0}, {6, 0, 14}, {0, 0, 20}} {
			r := start(t, dir, items, round > 0)
			wrong := broken
			if round > 0 {
				wrong = nil
			}
			var computed atomic.Int32
			var told []Item
			failed, already := 0, 0
			err := Drive(t.Context(), r, r.Mine, copies(r, ahead, wrong, &computed, func(x *Task[string]) {
				told = append(told, x.Item)
				if x.Err != nil {
					failed++
				}
				if x.Already {
					already++
				}
			}))
			if err := r.Close(false, err); err != nil {
				t.Fatal(err)
			}
			if got := int(computed.Load()); got != want.computed || failed != want.failed || already != want.already {
				t.Errorf("ahead %v, round %d: %d computed, %d failed, %d already: want %v", ahead, round, got, failed, already, want)
			}
			if !slices.EqualFunc(told, items, func(a, b Item) bool { return a.Path == b.Path }) {
				t.Errorf("ahead %v, round %d: told of %v", ahead, round, told)
			}
			m, err := Merge(dir, nil)
			if err != nil || m.Failed != want.failed || m.Done != 20-want.failed {
				t.Errorf("ahead %v, round %d: %+v, %v", ahead, round, m, err)
			}
		}
	}
}

// TestDriveEnds: an interruption ends it with its cause, with what is done on record;
// so does a journal that is gone.
func TestDriveEnds(t *testing.T) {
	cause := errors.New("enough")
	for _, ahead := range []bool{false, true} {
		items, dir := someItems(t, 20), t.TempDir()
		ctx, cancel := context.WithCancelCause(t.Context())
		r := start(t, dir, items, false)
		var computed atomic.Int32
		done := 0
		err := Drive(ctx, r, r.Mine, copies(r, ahead, func(stage string, it Item) error {
			if stage == "compute" && computed.Load() == 8 {
				cancel(cause)
			}
			return nil
		}, &computed, func(*Task[string]) { done++ }))
		if err := r.Close(ctx.Err() != nil, err); !errors.Is(err, cause) {
			t.Errorf("ahead %v: %v", ahead, err)
		}
		if n := computed.Load(); n != 8 || done != 7 {
			t.Errorf("ahead %v: %d computed, %d on record", ahead, n, done)
		}
		r = start(t, dir, items, true)
		err = Drive(t.Context(), r, r.Mine, copies(r, ahead, func(stage string, it Item) error {
			if stage == "write" && it.Path == items[12].Path {
				return os.Remove(r.journalPath(r.Shard))
			}
			return nil
		}, &computed, func(x *Task[string]) {
			if x.Item.Path > items[11].Path {
				t.Errorf("ahead %v: %s after the journal was gone", ahead, x.Item.Path)
			}
		}))
		if kind, _ := failure.Of(r.Close(false, err)); kind != failure.CantCreate || !errors.Is(err, ErrGone) {
			t.Errorf("ahead %v: %v", ahead, err)
		}
	}
}

// TestStart: who asks for nothing is told that a batch was here, and another batch is
// refused, which leaves nothing that would be in the way of this one.
func TestStart(t *testing.T) {
	items, dir := someItems(t, 2), t.TempDir()
	open := func(fingerprint string, shard Shard, resume, force bool) error {
		r, err := Start(RunOptions{Dir: dir, Items: items, Shard: shard, Mine: items, Fingerprint: fingerprint, Resume: resume, Force: force})
		if err != nil {
			return err
		}
		return r.Close(true, nil)
	}
	whole, half := Shard{I: 1, N: 1}, Shard{I: 1, N: 2}
	for i, c := range []struct {
		fingerprint   string
		shard         Shard
		resume, force bool
		err           error
		kind          failure.Kind
	}{
		{"f", whole, false, false, nil, failure.Other},
		{"f", whole, false, false, ErrBegun, failure.CantCreate},
		{"f", whole, true, false, nil, failure.Other},
		{"g", whole, true, false, ErrOther, failure.Usage},
		{"g", half, true, false, ErrOtherShard, failure.Usage},
		{"f", half, false, false, nil, failure.Other},
		{"f", whole, false, true, nil, failure.Other},
	} {
		err := open(c.fingerprint, c.shard, c.resume, c.force)
		if kind, _ := failure.Of(err); !errors.Is(err, c.err) || (err == nil) != (c.err == nil) || kind != c.kind {
			t.Errorf("%d: %v (%d), want %v (%d)", i, err, kind, c.err, c.kind)
		}
	}
}

// TestOutputNames: names stay in the folder, and are none of the batch's own.
func TestOutputNames(t *testing.T) {
	for _, c := range []struct{ path, out, template, want string }{
		{"a/b.png", "", "{name}.x", "b.x"},
		{"a/b.png", "", "{dir}/{name}.x", "a/b.x"},
		{"../a/b.png", "", "{dir}/{name}.x", "__/a/b.x"},
		{"/r/b.png", "", "/{dir}/{name}.x", "r/b.x"},
		{"b.png", "c.y", "{name}.x", "c.y"},
		{"b.png", "d/", "{name}.x", "d/b.x"},
		{"b.png", "/c.y", "{name}.x", ""},
		{"b.png", "../c.y", "{name}.x", ""},
		{"b.png", "", "results.jsonl", ""},
		{"b.png", "", ".krypton/{name}", ""},
	} {
		it := Item{Path: c.path}
		if c.out != "" {
			it.Set = map[string]string{"out": c.out}
		}
		if got, err := it.Output(c.template); got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
	items := []Item{{Path: "a/x.png"}, {Path: "b/x.png"}}
	var clash *Clash
	err := CheckNames(items, func(it Item) ([]string, error) {
		name, err := it.Output("{name}")
		return []string{name}, err
	})
	if !errors.As(err, &clash) || clash.Name != "x" || clash.Second != "b/x.png" {
		t.Errorf("%v", err)
	}
}
