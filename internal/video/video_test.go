package video

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"krypton/internal/imagein"
)

// needFFmpeg skips a test where there is no ffmpeg, unless the machine is one
// where everything must be tested.
func needFFmpeg(t testing.TB) {
	t.Helper()
	for _, name := range []string{"ffmpeg", "ffprobe"} {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("KRYPTON_DATA") != "" {
				t.Fatalf("%s is not installed, and KRYPTON_DATA asks for all tests", name)
			}
			t.Skipf("%s is not installed", name)
		}
	}
}

// clip gives the path of a real video.
func clip(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set: it names the folder of real videos")
	}
	needFFmpeg(t)
	return filepath.Join(dir, "videos", name)
}

// ffmpeg runs the real program to make a test file.
func ffmpeg(t testing.TB, args ...string) {
	t.Helper()
	needFFmpeg(t)
	out, err := exec.Command("ffmpeg", append([]string{"-nostdin", "-v", "error", "-y"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg %v: %v\n%s", args, err, out)
	}
}

// made makes a test video of 3 s by 10 frames, 64 x 48, of a moving pattern.
func made(t testing.TB, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	a := append([]string{"-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=3"}, args...)
	ffmpeg(t, append(a, path)...)
	return path
}

// got is what reading a video gave.
type got struct {
	info  Info
	index []int
	times []time.Duration
	sums  []uint32 // of the pixels
	last  []byte
	err   error // nil at a complete end
}

func sum(b []byte) uint32 {
	h := uint32(2166136261)
	for _, c := range b {
		h = (h ^ uint32(c)) * 16777619
	}
	return h
}

// readAll reads a whole video and closes it.
func readAll(t testing.TB, name string, opt Options) got {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := Open(ctx, name, opt)
	if err != nil {
		return got{err: err}
	}
	g := got{}
	for {
		f, err := s.Next(ctx)
		if err != nil {
			if err != io.EOF {
				g.err = err
			}
			break
		}
		if i := s.Info(); len(f.Pixels) != 3*i.Width*i.Height {
			t.Fatalf("%s: frame of %d bytes, size %d x %d", name, len(f.Pixels), i.Width, i.Height)
		}
		g.index, g.times, g.sums = append(g.index, f.Index), append(g.times, f.Time), append(g.sums, sum(f.Pixels))
		g.last = append(g.last[:0], f.Pixels...)
		s.Release(f)
	}
	g.info = s.Info()
	if err := s.Close(); err != nil {
		t.Errorf("%s: close: %v", name, err)
	}
	return g
}

// leaks fails a test that leaves goroutines or children.
func leaks(t *testing.T) {
	t.Helper()
	before := runtime.NumGoroutine()
	t.Cleanup(func() {
		for range 1500 {
			if runtime.NumGoroutine() <= before && children() == "" {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
		b := make([]byte, 1<<16)
		t.Errorf("%d goroutines, before %d; children %q\n%s", runtime.NumGoroutine(), before, children(), b[:runtime.Stack(b, true)])
	})
}

// children lists this process's child processes, where the system tells.
func children() string {
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	all := ""
	for _, f := range tasks {
		b, _ := os.ReadFile(f) // a thread may have gone
		all += string(b)
	}
	return strings.TrimSpace(all)
}

func TestRealClips(t *testing.T) {
	leaks(t)
	for name, want := range map[string]struct {
		w, h, frames int
		fps          float64
		step         time.Duration
	}{"bottle-detection.mp4": {640, 360, 1189, 179. / 6, 0}, "car-detection.mp4": {768, 432, 377, 12.5, 80 * time.Millisecond}} {
		path := clip(t, name)
		g := readAll(t, path, Options{Fit: scaledTo(64, 36)})
		if g.err != nil || len(g.index) != want.frames || g.info.SourceWidth != want.w || g.info.SourceHeight != want.h || g.info.Frames != want.frames || g.info.FPS != want.fps {
			t.Errorf("%s: %d frames, %+v, %v", name, len(g.index), g.info, g.err)
			continue
		}
		if g.info.Width != 64 || g.info.Height != 36 || !strings.HasPrefix(g.info.Decoder, "ffmpeg ") {
			t.Errorf("%s: %+v", name, g.info)
		}
		for i := range g.index {
			if g.index[i] != i || i > 0 && g.times[i] <= g.times[i-1] || want.step > 0 && g.times[i] != time.Duration(i)*want.step {
				t.Fatalf("%s: frame %d has index %d and time %v", name, i, g.index[i], g.times[i])
			}
		}
		if i, err := Probe(context.Background(), path, Options{}); err != nil || i.Width != want.w || i.Frames != want.frames {
			t.Errorf("%s: probed %+v, %v", name, i, err)
		}
	}
}

func TestStartEndEvery(t *testing.T) {
	path := made(t, "a.mkv")
	all := readAll(t, path, Options{})
	if all.err != nil || len(all.index) != 30 {
		t.Fatal(len(all.index), all.err)
	}
	for _, c := range []struct {
		start, end string
		every      int
		want       []int
	}{
		{"", "", 7, []int{0, 7, 14, 21, 28}}, {"5f", "20f", 5, []int{5, 10, 15}}, {"1s", "1.25", 0, []int{10, 11, 12}},
		{"0:02.5", "", 2, []int{25, 27, 29}}, {"9s", "", 0, nil}, {"", "0f", 0, nil},
	} {
		o := Options{Every: c.every}
		for _, p := range []struct {
			s string
			d **Position
		}{{c.start, &o.Start}, {c.end, &o.End}} {
			if p.s != "" {
				v, err := ParsePosition(p.s)
				if err != nil {
					t.Fatal(err)
				}
				*p.d = &v
			}
		}
		g := readAll(t, path, o)
		if g.err != nil || fmt.Sprint(g.index) != fmt.Sprint(c.want) {
			t.Errorf("%+v: %v, %v", c, g.index, g.err)
		}
		for k, i := range g.index {
			if g.sums[k] != all.sums[i] || g.times[k] != all.times[i] {
				t.Errorf("%+v: frame %d is another one", c, i)
			}
		}
	}
}

func TestCropAndScale(t *testing.T) {
	// The left half is red, the right half blue.
	path := filepath.Join(t.TempDir(), "a.mkv")
	ffmpeg(t, "-f", "lavfi", "-i", "color=red:size=32x48:rate=5:duration=1", "-f", "lavfi", "-i", "color=blue:size=32x48:rate=5:duration=1", "-filter_complex", "hstack", "-c:v", "ffv1", "-pix_fmt", "gbrp", path)
	y4m := filepath.Join(t.TempDir(), "a.y4m")
	ffmpeg(t, "-i", path, "-pix_fmt", "yuv444p", y4m)
	for _, name := range []string{path, y4m} {
		for _, c := range []struct {
			opt        Options
			w, h       int
			left, blue bool // the middle of the left and right quarter are red and blue
		}{
			{Options{}, 64, 48, true, true},
			{Options{Fit: scaledTo(16, 16)}, 16, 16, true, true},
			{Options{Fit: scaledTo(128, 96)}, 128, 96, true, true},
			{Options{Fit: part(rect(33, 1, 64, 32))}, 31, 31, false, true},
			{Options{Fit: func(w, h int, _ Shape) imagein.Geometry { return cutTo(w, h, 14, 11, rect(0, 0, 7, 7)) }}, 7, 7, true, false},
		} {
			g := readAll(t, name, c.opt)
			if g.err != nil || len(g.index) != 5 || g.info.Width != c.w || g.info.Height != c.h || g.info.SourceWidth != 64 || g.info.SourceHeight != 48 {
				t.Errorf("%s %+v: %d frames, %+v, %v", name, c.opt, len(g.index), g.info, g.err)
				continue
			}
			for k, red := range []bool{c.left, !c.blue} {
				p := g.last[3*(c.h/2*c.w+(1+2*k)*c.w/4):]
				if (p[0] > 240 && p[2] < 15) != red || (p[2] > 240 && p[0] < 15) == red {
					t.Errorf("%s %+v: quarter %d is %v", name, c.opt, k, p[:3])
				}
			}
		}
		if _, err := Open(context.Background(), name, Options{Fit: part(rect(0, 0, 65, 10))}); !errors.Is(err, ErrUnusable) {
			t.Errorf("crop beyond the picture: %v", err)
		}
		if _, err := Open(context.Background(), name, Options{MaxPixels: 64*48 - 1}); !errors.Is(err, ErrUnusable) {
			t.Errorf("too large: %v", err)
		}
		if _, err := Open(context.Background(), name, Options{Fit: scaledTo(1<<20, 1<<20)}); !errors.Is(err, ErrUnusable) {
			t.Errorf("scaled too large: %v", err)
		}
	}
}

// TestRotation: a quarter turn in the metadata is carried out.
func TestRotation(t *testing.T) {
	flat := made(t, "a.mp4")
	turned := filepath.Join(t.TempDir(), "b.mp4")
	ffmpeg(t, "-i", flat, "-c", "copy", "-metadata:s:v:0", "rotate=90", turned)
	g := readAll(t, turned, Options{})
	if g.err != nil || g.info.SourceWidth != 48 || g.info.SourceHeight != 64 || g.info.Width != 48 || len(g.index) != 30 {
		t.Errorf("%d frames, %+v, %v", len(g.index), g.info, g.err)
	}
	if g := readAll(t, turned, Options{Fit: scaledTo(24, 30)}); g.err != nil || g.info.Width != 24 || g.info.Height != 30 {
		t.Errorf("scaled: %+v, %v", g.info, g.err)
	}
}

func TestVariableRate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.mkv")
	// Frames at n*n/100 s.
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc=size=32x32:rate=100:duration=1", "-vf", "settb=1/1000,setpts=N*N*10", "-frames:v", "12", "-fps_mode", "passthrough", "-enc_time_base", "1/1000", path)
	g := readAll(t, path, Options{})
	if g.err != nil || len(g.times) != 12 {
		t.Fatal(len(g.times), g.err)
	}
	for i, v := range g.times {
		if v != time.Duration(i*i)*10*time.Millisecond {
			t.Errorf("frame %d at %v", i, v)
		}
	}
}

// TestContainers: formats and codecs, among them those whose counts lie, with an
// edit list, odd sizes, more bits and alpha.
func TestContainers(t *testing.T) {
	for name, args := range map[string][]string{
		"a.mp4": nil, "a.mkv": nil, "a.webm": {"-c:v", "libvpx", "-b:v", "200k"}, "b.webm": {"-c:v", "libvpx-vp9", "-b:v", "200k"}, "a.ts": nil, "a.mov": {"-c:v", "prores", "-pix_fmt", "yuv422p10le"},
		"a.avi": {"-c:v", "mpeg4"}, "m.avi": {"-c:v", "mjpeg"}, "a.flv": nil, "a.ogv": nil, "a.wmv": nil, "a.gif": nil, "b.mkv": {"-c:v", "ffv1", "-pix_fmt", "rgba64le"},
		"c.mkv": {"-vf", "scale=63:47", "-c:v", "ffv1", "-pix_fmt", "bgra"}, "a.y4m": {"-pix_fmt", "yuv420p"}, "h.mp4": {"-c:v", "libx265", "-x265-params", "log-level=error"}, "a.mjpeg": {"-c:v", "mjpeg"}, "a.mpg": {"-r", "25"},
	} {
		if strings.HasPrefix(name, "a.ogv") {
			args = []string{"-c:v", "libtheora"}
		}
		path := made(t, name, args...)
		g := readAll(t, path, Options{})
		want := 30
		if name == "a.mpg" {
			want = 75
		}
		if g.err != nil || len(g.index) != want || g.info.Damage != 0 {
			t.Errorf("%s: %d frames, %+v, %v", name, len(g.index), g.info, g.err)
			continue
		}
		if d := g.times[want-1] - g.times[0]; name != "a.mjpeg" && (d < 2850*time.Millisecond || d > 3*time.Second) {
			t.Errorf("%s: the last frame at %v", name, d)
		}
	}
	whole := made(t, "w.mp4", "-c:v", "libx264", "-g", "30", "-bf", "3")
	cut := filepath.Join(t.TempDir(), "cut.mp4")
	ffmpeg(t, "-ss", "1.05", "-i", whole, "-c", "copy", cut)
	if g := readAll(t, cut, Options{}); g.err != nil || len(g.index) >= 30 || len(g.index) < 15 {
		t.Errorf("edit list: %d frames, %+v, %v", len(g.index), g.info, g.err)
	}
}

func TestCancel(t *testing.T) {
	leaks(t)
	path := clip(t, "car-detection.mp4")
	ctx, cancel := context.WithCancelCause(context.Background())
	s, err := Open(ctx, path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		f, err := s.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		s.Release(f)
		s.Release(f) // twice does nothing
	}
	why := errors.New("enough")
	cancel(why)
	if _, err := s.Next(ctx); !errors.Is(err, why) {
		t.Errorf("cancelled: %v", err)
	}
	begin := time.Now()
	if err := s.Close(); err != nil || time.Since(begin) > 30*time.Second {
		t.Errorf("close: %v after %v", err, time.Since(begin))
	}
	// Close without reading, and twice.
	s, err = Open(context.Background(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
}

// TestMemoryIsBounded: many frames, held by nobody, take the memory of few.
func TestMemoryIsBounded(t *testing.T) {
	const w, h, n = 320, 240, 2000
	frame := make([]byte, 3*w*h)
	r := io.LimitReader(repeat(frame), n*int64(len(frame)))
	s, err := Open(context.Background(), "-", Options{Stdin: r, RawWidth: w, RawHeight: h})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	count := 0
	for {
		f, err := s.Next(context.Background())
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		count++
		s.Release(f)
	}
	runtime.ReadMemStats(&after)
	if total := after.TotalAlloc - before.TotalAlloc; count != n || total > 60*uint64(len(frame)) {
		t.Errorf("%d frames took %d bytes", count, total)
	}
}

// repeat reads the same bytes for ever.
type repeat []byte

func (r repeat) Read(p []byte) (int, error) { return copy(p, r), nil }

func TestStdin(t *testing.T) {
	path := made(t, "a.y4m", "-pix_fmt", "yuv420p")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if g := readAll(t, "-", Options{Stdin: bytes.NewReader(b)}); g.err != nil || len(g.index) != 30 || g.info.Decoder != "builtin y4m" {
		t.Errorf("y4m: %d frames, %+v, %v", len(g.index), g.info, g.err)
	}
	ts := made(t, "a.ts")
	if b, err = os.ReadFile(ts); err != nil {
		t.Fatal(err)
	}
	if g := readAll(t, "-", Options{Stdin: bytes.NewReader(b), Fit: scaledTo(20, 10)}); g.err != nil || len(g.index) != 30 || g.info.Width != 20 {
		t.Errorf("ts: %d frames, %+v, %v", len(g.index), g.info, g.err)
	}
	for _, in := range []io.Reader{nil, strings.NewReader(""), strings.NewReader("hello"), iotestErr{}} {
		if g := readAll(t, "-", Options{Stdin: in}); g.err == nil || len(g.index) != 0 {
			t.Errorf("%v: %v", in, g.err)
		}
	}
	if g := readAll(t, "-", Options{Stdin: strings.NewReader("hello"), RawWidth: 1, RawHeight: 1}); !errors.Is(g.err, ErrIncomplete) || len(g.index) != 1 {
		t.Errorf("half a raw frame: %d, %v", len(g.index), g.err)
	}
	if _, err := Probe(context.Background(), "-", Options{}); !errors.Is(err, ErrUnusable) {
		t.Errorf("probe: %v", err)
	}
}

type iotestErr struct{}

func (iotestErr) Read([]byte) (int, error) { return 0, errors.New("no") }

// TestStdinThatBlocks: Close does not wait for ever for a silent pipe.
func TestStdinThatBlocks(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	go func() { _, _ = w.WriteString("YUV4MPEG2 W2 H2 F1:1\nFRAME\n123") }() // the test ends if it fails
	s, err := Open(context.Background(), "-", Options{Stdin: r})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Next(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("next: %v", err)
	}
	begin := time.Now()
	if err := s.Close(); err != nil || time.Since(begin) > 30*time.Second {
		t.Errorf("close: %v after %v", err, time.Since(begin))
	}
}

func TestOptionsChecked(t *testing.T) {
	for _, o := range []Options{{Every: -1}, {MaxPixels: -1}, {MaxPixels: 1 << 40}, {Ahead: -1}, {RawWidth: 3}, {RawWidth: -1, RawHeight: 2}, {RawFPS: -1}, {RawFPS: 1e9}} {
		if _, err := Open(context.Background(), "x", o); err == nil || errors.Is(err, os.ErrNotExist) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
