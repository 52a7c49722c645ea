package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// holds is what a process holds: open files and threads, as the kernel counts
// them.
type holds struct{ files, threads int }

func heldBy(pid int) (h holds, err error) {
	names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return h, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return h, err
	}
	_, rest, _ := strings.Cut(string(status), "\nThreads:")
	_, err = fmt.Sscan(rest, &h.threads)
	h.files = len(names)
	return h, err
}

// watched runs a command and gives the most that it held in the first and in the
// last third of what it was seen holding.
func watched(t *testing.T, code int, args ...string) (first, last holds) {
	t.Helper()
	cmd := command(args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var seen []holds
	for {
		select {
		case err := <-done:
			if got := cmd.ProcessState.ExitCode(); got != code {
				t.Fatalf("%v, want exit code %d: %s", err, code, out.String())
			}
			if len(seen) < 9 {
				t.Fatalf("%v was seen only %d times", args[:1], len(seen))
			}
			most := func(of []holds) (h holds) {
				for _, s := range of {
					h.files, h.threads = max(h.files, s.files), max(h.threads, s.threads)
				}
				return h
			}
			third := len(seen) / 3
			return most(seen[:third]), most(seen[2*third:])
		case <-time.After(10 * time.Millisecond):
			if h, err := heldBy(cmd.Process.Pid); err == nil { // it may be gone
				seen = append(seen, h)
			}
		}
	}
}

// TestNothingIsHeld: a thousand pictures, good and bad, and many videos leave no
// file open and no thread behind.
func TestNothingIsHeld(t *testing.T) {
	n := 1000
	if testing.Short() {
		n = 200
	}
	in := smallPictures(t, n, 32)
	for i := 0; i < n; i += 10 { // cut ones
		path := filepath.Join(in, fmt.Sprintf("p%04d.png", i))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b[:len(b)/2], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first, last := watched(t, exitPartial, "obe", in, "--out-dir", filepath.Join(t.TempDir(), "out"), "--stride", "32", "--patch", "32", "--scores", "{name}.npy", "--scores-only", "-q")
	if last.files > first.files+2 || last.threads > first.threads+4 {
		t.Errorf("%d pictures: held %+v at first, %+v in the end", n, first, last)
	}
	t.Logf("pictures: %+v, then %+v", first, last)

	clips := t.TempDir()
	var names []string
	for i := range n / 20 {
		dir := filepath.Join(clips, fmt.Sprintf("clip%03d", i))
		if err := os.Rename(smallPictures(t, 3, 32), dir); err != nil {
			t.Fatal(err)
		}
		names = append(names, dir)
	}
	first, last = watched(t, 0, append([]string{"orv", "--out-dir", filepath.Join(t.TempDir(), "out"), "-q"}, names...)...)
	if last.files > first.files+2 || last.threads > first.threads+4 {
		t.Errorf("%d videos: held %+v at first, %+v in the end", len(names), first, last)
	}
	t.Logf("videos: %+v, then %+v", first, last)
}

// TestNoGoroutineStays: whatever a command does in this process, good or bad, ends
// with it.
func TestNoGoroutineStays(t *testing.T) {
	dir := t.TempDir()
	pictures := smallPictures(t, 6, 48)
	if err := os.WriteFile(filepath.Join(pictures, "p0003.png"), []byte("no picture"), 0o600); err != nil {
		t.Fatal(err)
	}
	clip := smallPictures(t, 6, 48)
	all := func(round int) {
		out := filepath.Join(dir, fmt.Sprint(round))
		if err := os.MkdirAll(out, 0o700); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			code int
			args []string
		}{
			{0, []string{"obe", "-q", "--stride", "64", "-o", filepath.Join(out, "map.png")}},
			{0, []string{"obe", "-q", "--within", "50ms", "-o", filepath.Join(out, "within.png")}},
			{exitPartial, []string{"obe", pictures, "-q", "--stride", "64", "--out-dir", filepath.Join(out, "batch")}},
			{exitData, []string{"obe", filepath.Join(pictures, "p0003.png"), "-q", "-o", filepath.Join(out, "no.png")}},
			{0, []string{"orv", clip, "-q", "-o", filepath.Join(out, "labels")}},
			{0, []string{"orv", clip, "-q", "--mode", "naive", "-o", filepath.Join(out, "naive"), "--annotate", filepath.Join(out, "a.avi")}},
			{exitUsage, []string{"orv", clip, "--tolerance", "999", "-o", filepath.Join(out, "no")}},
		} {
			if got := run(c.args, strings.NewReader(""), io.Discard, io.Discard); got != c.code {
				t.Fatalf("%v: exit code %d, want %d", c.args, got, c.code)
			}
		}
	}
	all(0) // what is made once stays
	before := runtime.NumGoroutine()
	for round := range 5 {
		all(1 + round)
	}
	after := 0
	for range 1500 { // the last ones may be about to end
		if after = runtime.NumGoroutine(); after <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	stacks := make([]byte, 1<<20)
	t.Errorf("%d goroutines, %d before:\n%s", after, before, stacks[:runtime.Stack(stacks, true)])
}
