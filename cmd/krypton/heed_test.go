//go:build unix

package main

import (
	"bytes"
	"context"
	"errors"
	"io"
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
			stdin, keep, err := os.Pipe() // nobody writes
			if err != nil {
				t.Fatal(err)
			}
			defer keep.Close()
			unread, stdout, err := os.Pipe() // nobody reads
			if err != nil {
				t.Fatal(err)
			}
			defer unread.Close()
			var stderr bytes.Buffer
			cmd := command(args...)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			stdin.Close()
			stdout.Close()
			time.Sleep(time.Second)
			if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			late := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
			err = cmd.Wait()
			late.Stop()
			// It is a second on a machine of its own.
			if took := time.Since(begun); took > 4*time.Second {
				t.Errorf("it ended %v after the signal", took)
			}
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != exitTerminated {
				t.Errorf("%v, want exit code %d: %s", err, exitTerminated, stderr.String())
			}
		})
	}
}

// TestHeed: what was done in time is given, the panic of a goroutine is the caller's,
// and the context's end is not kept waiting.
func TestHeed(t *testing.T) {
	if n, err := heed(context.Background(), func() (int, error) { return 3, io.EOF }); n != 3 || err != io.EOF {
		t.Error(n, err)
	}
	func() {
		defer func() {
			if r, ok := recover().(string); !ok || !strings.Contains(r, "heed_test.go") {
				t.Errorf("recovered %v", r)
			}
		}()
		_, err := heed(context.Background(), func() (int, error) { panic("no") })
		t.Errorf("no panic: %v", err)
	}()
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("enough"))
	block := make(chan int)
	defer close(block)
	if _, err := heed(ctx, func() (int, error) { return <-block, nil }); err == nil || err.Error() != "enough" {
		t.Error(err)
	}
	var b bytes.Buffer
	if _, err := (heeding{ctx, &b}).Write([]byte("text")); err != nil || b.String() != "text" {
		t.Errorf("an output that is read: %q, %v", b.String(), err)
	}
}
