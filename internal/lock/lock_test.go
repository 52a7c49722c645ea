//go:build unix

package lock

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"krypton/internal/regular"
)

// either runs a test where the file system has locks, and for each answer of one that
// has none.
func either(t *testing.T, test func(t *testing.T)) {
	t.Run("locks", test)
	for _, answer := range []error{syscall.ENOSYS, syscall.ENOLCK, syscall.EOPNOTSUPP} {
		t.Run(answer.Error(), func(t *testing.T) {
			without(t, answer)
			test(t)
		})
	}
}

func without(t *testing.T, answer error) {
	real := flock
	t.Cleanup(func() { flock = real })
	flock = func(*os.File) error { return answer }
}

// only fails if the folder holds anything else than these.
func only(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the folder holds %q, want %q", got, want)
	}
}

func TestOneAtATime(t *testing.T) {
	either(t, func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "a")
		f, err := Open(path)
		if err != nil || !f.Made {
			t.Fatal(err)
		}
		if _, err := f.WriteString("one"); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); !errors.Is(err, ErrBusy) || strings.Contains(err.Error(), path+":") {
			t.Errorf("taken twice: %v", err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		only(t, dir, "a")
		f, err = Open(path)
		if err != nil || f.Made {
			t.Fatal(err)
		}
		if _, err := f.WriteString("two"); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != "onetwo" {
			t.Errorf("%q, %v", b, err)
		}
		if err := f.Remove(); err != nil {
			t.Fatal(err)
		}
		only(t, dir)
	})
}

// TestNamesMove: whoever gets the lock has the file that bears the name, while others
// give it another name and let go.
func TestNamesMove(t *testing.T) {
	either(t, func(t *testing.T) {
		dir := t.TempDir()
		path := filepath.Join(dir, "a.part")
		var wg sync.WaitGroup
		const workers, each = 4, 20
		for w := range workers {
			wg.Go(func() {
				for n := 0; n < each; {
					f, err := Open(path)
					if errors.Is(err, ErrBusy) {
						time.Sleep(time.Millisecond)
						continue
					}
					if err != nil {
						t.Error(err)
						return
					}
					_, err = fmt.Fprintf(f, "%d-%d", w, n)
					if err == nil {
						err = os.Rename(path, filepath.Join(dir, fmt.Sprintf("%d-%d", w, n)))
					}
					if e := f.Close(); err != nil || e != nil {
						t.Error(err, e)
						return
					}
					n++
				}
			})
		}
		wg.Wait()
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != workers*each {
			t.Fatalf("%d files, want %d: %v", len(entries), workers*each, err)
		}
		for _, e := range entries {
			if b, err := os.ReadFile(filepath.Join(dir, e.Name())); err != nil || string(b) != e.Name() {
				t.Errorf("%s holds %q: %v", e.Name(), b, err)
			}
		}
	})
}

// TestHolder is no test but the process that TestCrash kills.
func TestHolder(t *testing.T) {
	path := os.Getenv("LOCK_TEST_PATH")
	if path == "" {
		return
	}
	if os.Getenv("LOCK_TEST_WITHOUT") != "" {
		without(t, syscall.ENOSYS)
	}
	if _, err := Open(path); err != nil {
		t.Fatal(err)
	}
	fmt.Println("held")
	time.Sleep(time.Minute)
}

// TestCrash: what a killed process held is free at once, and what stood for its lock
// goes.
func TestCrash(t *testing.T) {
	for _, no := range []string{"", "locks"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "a")
		cmd := exec.Command(os.Args[0], "-test.run", "^TestHolder$", "-test.v")
		cmd.Env = append(os.Environ(), "LOCK_TEST_PATH="+path, "LOCK_TEST_WITHOUT="+no)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for s := bufio.NewScanner(out); s.Scan() && s.Text() != "held"; {
		}
		if no != "" {
			without(t, syscall.ENOSYS)
		}
		if _, err := Open(path); !errors.Is(err, ErrBusy) {
			t.Errorf("while it runs: %v", err)
		} else if no != "" && !strings.Contains(err.Error(), fmt.Sprintf("process %d on ", cmd.Process.Pid)) {
			t.Errorf("who has it is not said: %v", err)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		// It has ended, and nobody has asked how.
		for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			f, err := Open(path)
			if err == nil {
				if err := f.Remove(); err != nil {
					t.Error(err)
				}
				break
			}
			if !errors.Is(err, ErrBusy) || time.Since(start) > 10*time.Second {
				t.Fatalf("after it was killed: %v", err)
			}
		}
		only(t, dir)
		_ = cmd.Wait() // it was killed
	}
}

// TestOtherMachines: a lock of another machine counts while its file is touched; one
// of a number that another process has got since counts for nothing.
func TestOtherMachines(t *testing.T) {
	without(t, syscall.ENOLCK)
	for _, c := range []struct {
		name string
		age  time.Duration
		busy bool
	}{
		{"deadbeef-1-5-1", 0, true},
		{"deadbeef-1-5-1", abandoned - time.Minute, true},
		{"deadbeef-1-5-1", abandoned + time.Minute, false},
		{fmt.Sprintf("%s-%d-%d-1", place(), os.Getpid(), started(os.Getpid())), 2 * abandoned, true},
		{fmt.Sprintf("%s-%d-%d-1", place(), os.Getpid(), started(os.Getpid())+1), 0, started(os.Getpid()) == 0},
		{place() + "-999999999-5-1", 0, false},
		{"notes", 0, false},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "a")
		other := filepath.Join(dir, prefix(path)+c.name)
		if err := os.WriteFile(other, []byte("node7"), 0o644); err != nil {
			t.Fatal(err)
		}
		at := time.Now().Add(-c.age)
		if err := os.Chtimes(other, at, at); err != nil {
			t.Fatal(err)
		}
		f, err := Open(path)
		if errors.Is(err, ErrBusy) != c.busy || !c.busy && err != nil {
			t.Errorf("%s of %v ago: %v", c.name, c.age, err)
		}
		if c.busy && !strings.Contains(err.Error(), " on node7, says "+other) {
			t.Errorf("%v", err)
		}
		if _, err := os.Stat(other); (err == nil) != (c.busy || c.name == "notes") {
			t.Errorf("%s of %v ago: its file: %v", c.name, c.age, err)
		}
		if err == nil {
			if err := f.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestSomebodys: links, pipes and files with other names are left alone.
func TestSomebodys(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "precious")
	if err := os.WriteFile(precious, []byte("held"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		make func(path string) error
		want error
	}{
		"link":      {func(p string) error { return os.Symlink(precious, p) }, regular.ErrNot},
		"dangling":  {func(p string) error { return os.Symlink(filepath.Join(dir, "none"), p) }, regular.ErrNot},
		"hard link": {func(p string) error { return os.Link(precious, p) }, regular.ErrLinked},
		"pipe":      {func(p string) error { return syscall.Mkfifo(p, 0o600) }, regular.ErrNot},
		"folder":    {func(p string) error { return os.Mkdir(p, 0o700) }, regular.ErrNot},
	} {
		path := filepath.Join(dir, "a")
		if err := c.make(path); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(path); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(precious); err != nil || string(b) != "held" {
		t.Errorf("%q, %v", b, err)
	}
	only(t, dir, "precious")
	if _, err := Open(filepath.Join(dir, "none", "a")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("in no folder: %v", err)
	}
}
