package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"krypton/internal/batch"
	"krypton/internal/limits"
)

// smallPictures makes pictures of their own each, in a new folder.
func smallPictures(t testing.TB, n, side int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		rng := rand.New(rand.NewPCG(uint64(i), 1))
		img := image.NewNRGBA(image.Rect(0, 0, side, side))
		for y := range side {
			for x := range side {
				img.SetNRGBA(x, y, color.NRGBA{uint8(x * 255 / side), uint8(rng.IntN(256)), uint8(y * 255 / side), 255})
			}
		}
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("p%04d.png", i)), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// batchTree gives all files of a batch's folder but the journals and timings.
func batchTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	tree := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || e.IsDir() || strings.HasPrefix(rel, batch.JournalFolder) || rel == batch.TimingsFile {
			return err
		}
		b, err := os.ReadFile(path)
		tree[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Args = append([]string{"krypton"}, args...)
	return cmd
}

// TestBatchKilledAtAnyMoment kills a batch again and again. In the end its outputs
// are those of an undisturbed run, byte for byte, no temporary file is left, and
// nothing that was done was done twice.
func TestBatchKilledAtAnyMoment(t *testing.T) {
	pictures, kills := 300, 100
	if testing.Short() {
		pictures, kills = 40, 10
	}
	in := smallPictures(t, pictures, 48)
	root := t.TempDir()
	args := func(out string) []string {
		return []string{"obe", in, "--out-dir", filepath.Join(root, out), "--stride", "32", "--patch", "32", "--scores", "{name}.npy,{name}.json", "--scores-only", "-q", "--resume"}
	}
	if out, err := command(args("whole")...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := batchTree(t, filepath.Join(root, "whole"))
	if len(want) != 2*pictures+1 {
		t.Fatalf("%d files, want two for each of %d pictures and the results", len(want), pictures)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	killed, longest := 0, 150*time.Millisecond
	for range kills {
		cmd := command(args("killed")...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.Int64N(int64(longest))))
		_ = cmd.Process.Kill() // it may have ended
		if err := cmd.Wait(); err != nil {
			killed++
		}
	}
	if out, err := command(args("killed")...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := batchTree(t, filepath.Join(root, "killed"))
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: differs from the undisturbed run's", name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is left over", name)
		}
	}
	log, err := os.ReadFile(filepath.Join(root, "killed", batch.JournalFolder, "shard-1-of-1.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, line := range strings.Split(strings.TrimSpace(string(log)), "\n")[1:] {
		var r struct{ Item, Status string }
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.Status != "done" {
			t.Fatalf("%s: %v", line, err)
		}
		if times[r.Item]++; times[r.Item] > 1 {
			t.Errorf("%s was done twice", r.Item)
		}
	}
	if len(times) != pictures || killed == 0 {
		t.Errorf("%d pictures are in the journal, %d of %d runs were killed", len(times), killed, kills)
	}
	t.Logf("%d of %d runs were killed before their end", killed, kills)
}

// TestBatchMemoryIsFlat: ten times the pictures take no more memory.
func TestBatchMemoryIsFlat(t *testing.T) {
	if limits.Peak() == 0 {
		t.Skip("this system does not tell how much memory a process holds")
	}
	in := smallPictures(t, 300, 32)
	peak := func(args ...string) int64 {
		t.Helper()
		dir := t.TempDir()
		events := filepath.Join(dir, "events")
		all := append([]string{"obe", "--out-dir", filepath.Join(dir, "out"), "--stride", "32", "--patch", "32", "--threads", "1", "--scores", "{name}.npy", "--scores-only", "-q", "--events", events}, args...)
		if out, err := command(all...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		text, err := os.ReadFile(events)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		var last struct {
			Done int   `json:"pictures_done"`
			Peak int64 `json:"peak_memory"`
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || last.Peak == 0 {
			t.Fatalf("%s: %v", lines[len(lines)-1], err)
		}
		t.Logf("%d pictures: %d MiB", last.Done, last.Peak>>20)
		return last.Peak
	}
	few, err := filepath.Glob(filepath.Join(in, "p000*.png"))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := peak(few...), peak(in); b > a+a/4 {
		t.Errorf("10 pictures took %d MiB, 300 took %d", a>>20, b>>20)
	}
}
