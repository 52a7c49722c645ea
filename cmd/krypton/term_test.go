//go:build unix

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestTermIsHeardEverywhere: a command that waits for somebody ends soon after
// SIGTERM, whatever it waits for.
func TestTermIsHeardEverywhere(t *testing.T) {
	dir := t.TempDir()
	pipe := func(name string) string {
		path := filepath.Join(dir, name)
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	picture := filepath.Join(dir, "sample.png")
	holding(samplePicture())(t, picture)
	for name, args := range map[string][]string{
		"events":           {"obe", "--events", pipe("events"), "-o", filepath.Join(dir, "a.png")},
		"progress":         {"obe", "--progress", pipe("progress"), "-o", filepath.Join(dir, "b.png")},
		"events of batch":  {"obe", picture, "--out-dir", filepath.Join(dir, "out"), "--events", pipe("events2")},
		"files-from":       {"obe", "--files-from", pipe("list"), "-o", dir + "/"},
		"files-from stdin": {"obe", "--files-from", "-", "-o", dir + "/"},
		"list":             {"obe", "@" + pipe("list2"), "-o", dir + "/"},
		"manifest":         {"obe", "--manifest", pipe("manifest"), "--out-dir", filepath.Join(dir, "out2")},
		"manifest stdin":   {"orv", "--manifest", "-", "--out-dir", filepath.Join(dir, "out3")},
		"picture":          {"obe", "-", "-o", filepath.Join(dir, "c.png")},
		"tune":             {"tune", "-", "-o", filepath.Join(dir, "c.yaml")},
		"raw input":        {"bench", "--raw", pipe("raw")},
		"long list":        {"obe", picture, "--patch", strings.Repeat("16,", 15) + "16", "--stride", "1", "-o", filepath.Join(dir, "d.png")},
		"output":           {"obe", picture, "--stride", "16", "-o", "-"}, // more than a pipe takes
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// Before it hears signals the first one kills it: a loaded machine needs
			// longer to get there.
			for wait := time.Second; ; wait *= 2 {
				ended, said := terminated(t, command(args...), wait)
				if status := ended.Sys().(syscall.WaitStatus); status.Signal() == syscall.SIGTERM && wait < time.Minute {
					continue
				}
				if ended.ExitCode() != exitTerminated {
					t.Errorf("%v, want exit code %d: %s", ended, exitTerminated, said)
				}
				return
			}
		})
	}
}

// terminated starts a command whose input nobody writes and whose output nobody reads,
// gives it SIGTERM after a while and says how it ended. What does not end within a
// minute, where a moment is meant, is killed.
func terminated(t *testing.T, cmd *exec.Cmd, after time.Duration) (ended *os.ProcessState, said string) {
	t.Helper()
	stdin, keep, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer keep.Close()
	unread, stdout, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer unread.Close()
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stdin.Close()
	stdout.Close()
	time.Sleep(after)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	_ = cmd.Wait() // its state says it
	return cmd.ProcessState, stderr.String()
}
