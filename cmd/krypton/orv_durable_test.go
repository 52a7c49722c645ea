package main

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestORVKilledAtAnyMoment kills a run again and again, and goes on with it each
// time. In the end its files are those of an undisturbed run, byte for byte.
func TestORVKilledAtAnyMoment(t *testing.T) {
	dir := t.TempDir()
	video := filepath.Join(dir, "film.y4m")
	renderFilm(t, video, 1500)
	args := func(out string) []string {
		return []string{"orv", video, "-q", "--threads", "1", "--format", "jsonl,csv", "--resume", "-o", filepath.Join(dir, out)}
	}
	if out, err := command(args("whole")...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 7))
	killed := 0
	for range 20 {
		if _, err := os.Stat(filepath.Join(dir, "killed.jsonl")); err == nil {
			break // it came to its end
		}
		cmd := command(args("killed")...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20*time.Millisecond + time.Duration(rng.IntN(100))*time.Millisecond)
		_ = cmd.Process.Kill() // it may have ended
		if err := cmd.Wait(); err != nil {
			killed++
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "killed.jsonl")); err != nil {
		if out, err := command(args("killed")...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for _, ending := range []string{".jsonl", ".csv"} {
		a, err := os.ReadFile(filepath.Join(dir, "whole"+ending))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(filepath.Join(dir, "killed"+ending))
		if err != nil {
			t.Fatal(err)
		}
		if string(a) != string(b) {
			t.Errorf("%s differs from the undisturbed run's", ending)
		}
	}
	if killed == 0 {
		t.Error("no run was killed")
	}
	t.Logf("killed %d times", killed)
}
