//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// slowORV is a run that waits for more of its film, with the outputs base.
func slowORV(t *testing.T, base string, first []byte, args ...string) (*exec.Cmd, io.WriteCloser) {
	t.Helper()
	cmd := command(append([]string{"orv", "-", "-q", "--mode", "naive", "-o", base}, args...)...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if _, err := in.Write(first); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		if b, err := os.ReadFile(base + ".jsonl.part"); err == nil && bytes.Count(b, []byte("\n")) > 2 {
			return cmd, in
		}
		if time.Since(start) > badTime {
			t.Fatal("no frames come")
		}
	}
}

// TestTwoVideosOneOutput: the second of two runs is told to come again, whatever it
// shares with the first, and the first one's files are what they would have been.
func TestTwoVideosOneOutput(t *testing.T) {
	dir := t.TempDir()
	video := filepath.Join(dir, "film.y4m")
	renderFilm(t, video, 64)
	b := []byte(readText(t, video))
	orvCode(t, 0, video, "-o", filepath.Join(dir, "alone"), "--format", "jsonl,csv", "--mode", "naive")

	base := filepath.Join(dir, "both")
	first, in := slowORV(t, base, b[:len(b)/2], "--format", "jsonl,csv")
	for _, args := range [][]string{{"--top", "1"}, {"--format", "csv"}, {"--force", "--format", "srt,jsonl"}, {"--resume"}} {
		said := orvCode(t, exitTemporary, append([]string{video, "-o", base}, args...)...)
		if !strings.Contains(said, "both."+map[bool]string{true: "csv", false: "jsonl"}[slices.Contains(args, "csv")]+".part: another run is working on it") || strings.Contains(said, "frames are in") {
			t.Errorf("%v: %s", args, said)
		}
	}
	if _, err := in.Write(b[len(b)/2:]); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if err := first.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, ending := range []string{".csv", ".jsonl"} {
		want, got := readText(t, filepath.Join(dir, "alone"+ending)), readText(t, base+ending)
		_, want, _ = strings.Cut(want, "\n") // the header names the video
		_, got, _ = strings.Cut(got, "\n")
		if got != want {
			t.Errorf("%s is not what a run alone writes", ending)
		}
	}
	if got := names(t, dir); !slices.Equal(got, []string{"alone.csv", "alone.jsonl", "both.csv", "both.jsonl", "film.y4m"}) {
		t.Errorf("there is %q", got)
	}
}

// TestFramesDoneStay: whatever stands in the way of another output, the frames of an
// interrupted run stay, with --resume and without.
func TestFramesDoneStay(t *testing.T) {
	dir := t.TempDir()
	video := filepath.Join(dir, "film.y4m")
	renderFilm(t, video, 32)
	orvCode(t, 0, video, "-o", filepath.Join(dir, "whole"), "--format", "jsonl,csv,srt")
	whole := readText(t, filepath.Join(dir, "whole.jsonl"))
	saved := whole[:len(whole)*2/3]
	saved = saved[:strings.LastIndexByte(saved, '\n')+1]
	base := filepath.Join(dir, "v")
	part := base + ".jsonl.part"
	for name, c := range map[string]struct {
		make func(path string) error
		args []string
	}{
		"folder":          {func(p string) error { return os.Mkdir(p, 0o700) }, nil},
		"pipe":            {func(p string) error { return syscall.Mkfifo(p, 0o600) }, nil},
		"link":            {func(p string) error { return os.Symlink(video, p) }, nil},
		"link to nothing": {func(p string) error { return os.Symlink(p+"1", p) }, nil},
		"hard link":       {func(p string) error { return os.Link(video, p) }, nil},
		"annotate":        {nil, []string{"--annotate", filepath.Join(dir, "none", "a.avi")}},
		"annotate ending": {nil, []string{"--annotate", filepath.Join(dir, "a.xyz")}},
	} {
		for _, resume := range []bool{true, false} {
			if resume && c.args != nil {
				continue // they exclude each other
			}
			holding([]byte(saved))(t, part)
			args := append([]string{video, "-o", base, "--format", "jsonl,csv,srt"}, c.args...)
			if resume {
				args = append(args, "--resume")
			}
			before := maps.Clone(contents(t, dir))
			if c.make != nil {
				if err := c.make(base + ".csv.part"); err != nil {
					t.Fatal(err)
				}
			}
			said := orvCode(t, exitCantCreate, args...)
			if c.make != nil {
				if !strings.Contains(said, "v.csv.part") {
					t.Errorf("%s: %s", name, said)
				}
				if err := os.Remove(base + ".csv.part"); err != nil {
					t.Fatal(err)
				}
			}
			if got := contents(t, dir); !maps.Equal(got, before) {
				t.Errorf("%s, resume %v: it left %q, want %q", name, resume, got, before)
			}
			if got := readText(t, part); got != saved {
				t.Fatalf("%s, resume %v: of %d bytes %d are left", name, resume, len(saved), len(got))
			}
		}
	}
	orvCode(t, 0, video, "-o", base, "--format", "jsonl,csv,srt", "--resume")
	for _, ending := range []string{".jsonl", ".csv", ".srt"} {
		if readText(t, base+ending) != readText(t, filepath.Join(dir, "whole"+ending)) {
			t.Errorf("%s is not that of an undisturbed run", ending)
		}
	}
}

// TestGrowingFilesAreOurs: what a .part that is no file of ours stands for is not
// written to, and nothing waits for a pipe.
func TestGrowingFilesAreOurs(t *testing.T) {
	dir := t.TempDir()
	video, precious := filepath.Join(dir, "film.y4m"), filepath.Join(dir, "precious")
	renderFilm(t, video, 2)
	holding([]byte("held"))(t, precious)
	for name, make := range map[string]func(path string) error{
		"link":            func(p string) error { return os.Symlink(precious, p) },
		"link to nothing": func(p string) error { return os.Symlink(filepath.Join(dir, "new"), p) },
		"hard link":       func(p string) error { return os.Link(precious, p) },
		"pipe":            func(p string) error { return syscall.Mkfifo(p, 0o600) },
		"device":          func(p string) error { return os.Symlink(os.DevNull, p) },
	} {
		for _, more := range [][]string{nil, {"--force"}, {"--resume"}} {
			path := filepath.Join(dir, "film.krypton.jsonl.part")
			if err := make(path); err != nil {
				t.Fatal(err)
			}
			if said := orvCode(t, exitCantCreate, append([]string{video}, more...)...); !strings.Contains(said, path) {
				t.Errorf("%s: %s", name, said)
			}
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := readText(t, precious); got != "held" {
		t.Errorf("it now holds %q", got)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"film.y4m", "precious"}) {
		t.Errorf("there is %q", got)
	}
}

// TestFailedDrawing: what goes on without the drawing is offered without it, and does.
func TestFailedDrawing(t *testing.T) {
	dir := t.TempDir()
	video := filepath.Join(dir, "film.y4m")
	renderFilm(t, video, 32)
	b := readText(t, video)
	orvCode(t, 0, video, "-o", filepath.Join(dir, "whole"))
	holding([]byte(b[:len(b)*2/3]))(t, video)
	said := orvCode(t, exitData, video, "-o", filepath.Join(dir, "cut"), "--annotate", filepath.Join(dir, "cut.avi"))
	if !strings.Contains(said, "frames are in "+filepath.Join(dir, "cut.jsonl.part")+"; --resume without --annotate goes on with them") {
		t.Error(said)
	}
	lines := strings.Split(strings.TrimSpace(readText(t, filepath.Join(dir, "cut.jsonl.part"))), "\n")
	for _, l := range lines {
		if !json.Valid([]byte(l)) {
			t.Errorf("no JSON: %s", l)
		}
	}
	said = orvCode(t, exitData, video, "-o", filepath.Join(dir, "cut"), "--resume")
	if !strings.Contains(said, "; --resume goes on with them") {
		t.Error(said)
	}
}

// TestMemoryOfVideos: what cannot be kept is said before any frame, and nothing is left.
func TestMemoryOfVideos(t *testing.T) {
	dir := t.TempDir()
	video := filepath.Join(dir, "film.y4m")
	renderFilm(t, video, 2)
	if said := orvCode(t, exitTemporary, video, "--memory", "20MiB"); !strings.Contains(said, "--memory is 20 MiB") {
		t.Error(said)
	}
	if got := names(t, dir); !slices.Equal(got, []string{"film.y4m"}) {
		t.Errorf("there is %q", got)
	}
	orvCode(t, 0, video, "--memory", "400MiB")
	orvCode(t, exitUsage, video, "--fps", "NaN", "--force")
}
