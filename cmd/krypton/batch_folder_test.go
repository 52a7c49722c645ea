package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"krypton/internal/batch"
)

// TestFolderRemovedWhileABatchRuns: outputs in no journal would be nobody's. The run
// ends at the next item, and does not begin the folder anew.
func TestFolderRemovedWhileABatchRuns(t *testing.T) {
	for name, take := range map[string]func(dir string) error{
		"removed": os.RemoveAll,
		"renamed": func(dir string) error { return os.Rename(dir, dir+".old") },
		"journal removed": func(dir string) error {
			return os.Remove(filepath.Join(dir, batch.JournalFolder, "shard-1-of-1.jsonl"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			pictures, dir := smallPictures(t, 60, 64), filepath.Join(t.TempDir(), "out")
			cmd := command("obe", pictures, "--out-dir", dir, "--stride", "16", "--scores", "{name}.npy", "--scores-only", "-q")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for begun := time.Now(); ; time.Sleep(time.Millisecond) {
				if _, err := os.Stat(filepath.Join(dir, "p0002.npy")); err == nil {
					break
				}
				if time.Since(begun) > time.Minute {
					t.Fatal("it does not get on")
				}
			}
			// While a folder is removed files may come into it: once more, until none does.
			err := take(dir)
			for begun := time.Now(); err != nil && time.Since(begun) < time.Minute; err = take(dir) {
				time.Sleep(time.Millisecond)
			}
			if err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait() // its code is looked at
			if code := cmd.ProcessState.ExitCode(); code != exitCantCreate || strings.Count(stderr.String(), "\n") != 1 || !strings.Contains(stderr.String(), "it is gone") && !strings.Contains(stderr.String(), "no such file") {
				t.Errorf("exit code %d, want %d: %s", code, exitCantCreate, stderr.String())
			}
			if left, err := os.ReadDir(dir); name != "journal removed" && err == nil && len(left) > 2 {
				t.Errorf("%d files were written after it", len(left))
			}
		})
	}
}

// TestSplitsOfOneFolderTogether: shards of different splits that start at the same
// moment take no temporary file from each other.
func TestSplitsOfOneFolderTogether(t *testing.T) {
	pictures := smallPictures(t, 12, 32)
	for range 2 {
		dir := filepath.Join(t.TempDir(), "out")
		var all []*exec.Cmd
		for _, shard := range []string{"1/2", "2/2", "1/1"} {
			cmd := command("obe", pictures, "--out-dir", dir, "--stride", "64", "--scores", "{name}.npy", "--scores-only", "-q", "--resume", "--shard", shard)
			cmd.Stderr = new(bytes.Buffer)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			all = append(all, cmd)
		}
		for _, cmd := range all {
			if err := cmd.Wait(); err != nil {
				t.Errorf("%v: %v: %s", cmd.Args[len(cmd.Args)-1], err, cmd.Stderr)
			}
		}
		if tree := batchTree(t, dir); len(tree) != 13 { // with results.jsonl
			t.Errorf("%d files", len(tree))
		}
	}
}
