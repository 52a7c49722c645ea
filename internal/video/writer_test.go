package video

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"krypton/internal/atomicfile"
)

// aviOf is an AVI of n pictures.
func aviOf(t testing.TB, w, h, n int) []byte {
	path := filepath.Join(t.TempDir(), "a.avi")
	v, err := NewWriter(context.Background(), path, w, h, 10, WriterOptions{FFmpeg: noFFmpeg})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := v.WriteFrame(rgb(picture(w, h, i)), time.Duration(i)*100*time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	return read(t, path)
}

// TestWriters: what is written is read back: sizes odd and even, times, pixels.
func TestWriters(t *testing.T) {
	needFFmpeg(t)
	leaks(t)
	for _, ext := range []string{".avi", ".mp4", ".mkv", ".MOV"} {
		path := filepath.Join(t.TempDir(), "a"+ext)
		const w, h = 63, 46
		v, err := NewWriter(context.Background(), path, w, h, 10, WriterOptions{})
		if err != nil {
			t.Fatal(err)
		}
		// A beginning that is not 0, rounding, two frames in one slot, a gap.
		for i, at := range []float64{7, 7.1004, 7.199, 7.202, 7.5} {
			if err := v.WriteFrame(rgb(picture(w, h, i)), time.Duration(at*1e9)); err != nil {
				t.Fatal(err)
			}
		}
		if err := v.WriteFrame(rgb(picture(w, h, 1)), 7*time.Second); err == nil {
			t.Error("a frame of the past is accepted")
		}
		if err := v.WriteFrame(make([]byte, 5), 8*time.Second); err == nil {
			t.Error("a short frame is accepted")
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: there before the end", ext)
		}
		if err := errors.Join(v.Close(), v.Close()); err != nil {
			t.Fatal(ext, err)
		}
		for _, which := range []string{"", noFFmpeg} {
			if which == noFFmpeg && ext != ".avi" {
				continue
			}
			g := readAll(t, path, Options{FFmpeg: which})
			want := []time.Duration{0, 1e8, 2e8, 3e8, 4e8, 5e8}
			if ext == ".avi" { // repeated frames are empty chunks, which are no frames
				want = []time.Duration{0, 1e8, 2e8, 5e8}
			}
			even := w + 1
			if ext == ".avi" {
				even = w
			}
			if g.err != nil || !slices.Equal(g.times, want) || g.info.Width != even || g.info.Height != h || g.info.FPS != 10 {
				t.Errorf("%s %q: %v, %+v, %v", ext, which, g.times, g.info, g.err)
				continue
			}
			// Red tells the number: 40 for each.
			if r := int(g.last[3*(h/2*even+w/2)]); r < 150 || r > 170 {
				t.Errorf("%s %q: the last frame has red %d, want 160", ext, which, r)
			}
		}
		if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
			t.Errorf("%s: left behind: %v, %v", ext, all, err)
		}
	}
}

// TestAVISegments: a large file goes on in further RIFF chunks.
func TestAVISegments(t *testing.T) {
	old := aviSegment
	defer func() { aviSegment = old }()
	aviSegment = 5000
	path := write(t, filepath.Join(t.TempDir(), "a.avi"), aviOf(t, 64, 64, 20))
	for _, which := range []string{"", noFFmpeg} {
		if which == "" {
			needFFmpeg(t)
		}
		if g := readAll(t, path, Options{FFmpeg: which}); g.err != nil || len(g.index) != 20 || g.times[19] != 1900*time.Millisecond {
			t.Errorf("%q: %d frames, %v", which, len(g.index), g.err)
		}
	}
	b := read(t, path)
	for cut := 300; cut < len(b)-1; cut += 97 {
		if g := stream(t, b[:cut], Options{}); g.err == nil && cut%2 == 0 && len(g.index) == 20 {
			t.Errorf("cut at %d of %d: %d frames", cut, len(b), len(g.index))
		}
	}
}

func TestWriterFailures(t *testing.T) {
	leaks(t)
	dir := t.TempDir()
	frame := rgb(picture(8, 8, 1))
	open := func(name string, opt WriterOptions) (Writer, error) {
		return NewWriter(context.Background(), filepath.Join(dir, name), 8, 8, 5, opt)
	}
	for name, opt := range map[string]WriterOptions{"a.xyz": {}, "a": {}, "no/a.avi": {}, "a.mp4": {FFmpeg: noFFmpeg}} {
		if _, err := open(name, opt); !errors.Is(err, atomicfile.ErrCannotWrite) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := open("a.mp4", WriterOptions{FFmpeg: noFFmpeg}); !errors.Is(err, ErrNoFFmpeg) {
		t.Errorf("without ffmpeg: %v", err)
	}
	write(t, filepath.Join(dir, "there.avi"), []byte("precious"))
	if _, err := open("there.avi", WriterOptions{}); !errors.Is(err, atomicfile.ErrExists) {
		t.Errorf("existing: %v", err)
	}
	programs := map[string]string{
		"dies.mp4":  "exit 1",
		"hangs.mp4": "sleep 100",
		"lies.mp4":  "cat >/dev/null",
	}
	for name, body := range programs {
		prog := fake(t, goodVersion, "case \"$*\" in *-encoders*) echo ' V libx264 x'; exit;; esac\n"+body, "true")
		v, err := open(name, WriterOptions{FFmpeg: prog, Timeout: 3 * time.Second})
		if err != nil {
			t.Fatal(name, err)
		}
		for i := 0; err == nil && i < 2000; i++ {
			err = v.WriteFrame(frame, time.Duration(i)*200*time.Millisecond)
		}
		if err == nil {
			err = v.Close()
		}
		if !errors.Is(err, atomicfile.ErrCannotWrite) {
			t.Errorf("%s: %v", name, err)
		}
		v.Abort()
	}
	for _, name := range []string{"aborted.avi", "empty.avi", "cancelled.avi", "there.avi"} {
		ctx, cancel := context.WithCancel(context.Background())
		v, err := NewWriter(ctx, filepath.Join(dir, name), 8, 8, 5, WriterOptions{Force: true})
		if err != nil {
			t.Fatal(err)
		}
		if name != "empty.avi" {
			if err := v.WriteFrame(frame, 0); err != nil {
				t.Fatal(err)
			}
		}
		switch name {
		case "cancelled.avi":
			cancel()
			if err := v.Close(); !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", name, err)
			}
		case "empty.avi":
			if err := v.Close(); !errors.Is(err, atomicfile.ErrCannotWrite) {
				t.Errorf("%s: %v", name, err)
			}
		default:
			v.Abort()
			v.Abort()
		}
		cancel()
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 || string(read(t, filepath.Join(dir, "there.avi"))) != "precious" {
		t.Errorf("left behind: %v, %v", all, err)
	}
}
