package video

import (
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// probed gives the times of a video's frames as ffprobe has them, from the file's
// beginning on, which is that of its first stream.
func probed(t testing.TB, path string) []float64 {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-select_streams", "V:0", "-show_entries", "frame=best_effort_timestamp_time:format=start_time", "-of", "json", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Frames []struct {
			Time string `json:"best_effort_timestamp_time"`
		} `json:"frames"`
		Format struct {
			Start string `json:"start_time"`
		} `json:"format"`
	}
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatal(err)
	}
	start, _ := strconv.ParseFloat(v.Format.Start, 64) // some have none
	var times []float64
	for _, f := range v.Frames {
		s, err := strconv.ParseFloat(f.Time, 64)
		if err != nil {
			s = math.NaN() // some have none, which ffmpeg reckons
		}
		times = append(times, s-start)
	}
	return times
}

// asProbed fails unless a video's frames have the times that ffprobe gives them, to
// the microsecond in which it prints them.
func asProbed(t *testing.T, path string) got {
	t.Helper()
	g := readAll(t, path, Options{})
	want := probed(t, path)
	if g.err != nil || len(g.times) != len(want) || len(want) == 0 {
		t.Errorf("%s: %d frames of %d, %v", filepath.Base(path), len(g.times), len(want), g.err)
		return g
	}
	for i := range want {
		if math.Abs(g.times[i].Seconds()-want[i]) > 1.01e-6 {
			t.Errorf("%s: frame %d at %v, want %.6f", filepath.Base(path), i, g.times[i], want[i])
			break
		}
	}
	return g
}

// TestTimesAreTheContainers: frames of variable rates have the times that the file
// gives them, in every container, however near they are to each other.
func TestTimesAreTheContainers(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	for pattern, pts := range map[string]string{
		"jitter": "N*3000+mod(N*7919,1200)",                           // of 30 frames a second
		"bursts": "floor(N/8)*29700+mod(N,8)*270",                     // eight frames 3 ms apart, then a pause
		"late":   "if(eq(N,0),0,N*3003+45000)",                        // one frame, a pause, then 29.97 a second
		"drift":  "floor(N*90000/23.976)+if(gte(N,20),mod(N,2)*90,0)", // by a millisecond to and fro
	} {
		source := at(pattern + ".mp4")
		ffmpeg(t, "-f", "lavfi", "-i", "testsrc=size=32x32:rate=30:duration=1.4", "-vf", "settb=1/90000,setpts='"+pts+"'", "-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-video_track_timescale", "90000", "-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", source)
		if g := asProbed(t, source); len(g.times) != 42 {
			t.Errorf("%s: %d frames", pattern, len(g.times))
		}
		if pattern != "jitter" && pattern != "bursts" {
			continue
		}
		for _, name := range []string{"copy.mkv", "copy.ts", "copy.flv"} {
			ffmpeg(t, "-i", source, "-c", "copy", at(pattern+name))
			asProbed(t, at(pattern+name))
		}
		ffmpeg(t, "-i", source, "-c:v", "libvpx", "-fps_mode", "passthrough", "-enc_time_base", "1:90000", at(pattern+".webm"))
		asProbed(t, at(pattern+".webm"))
	}

	// AVI's count has the times at which no picture comes in it, of B-frames that were
	// copied for one: nothing is missing.
	ffmpeg(t, "-f", "lavfi", "-i", "color=s=64x64:r=25:d=2,format=gray,geq=lum='mod(N*4,200)+20':cb=128:cr=128", "-pix_fmt", "yuv420p", "-c:v", "libx264", "-bf", "3", "-g", "12", "-qp", "0", at("bframes.mp4"))
	ffmpeg(t, "-i", at("bframes.mp4"), "-c", "copy", at("bframes.avi"))
	if f := readAll(t, at("bframes.avi"), Options{}); f.err != nil || len(f.times) != 50 {
		t.Errorf("%d frames of an AVI with B-frames, want 50: %v", len(f.times), f.err)
	}

	// Through a pipe the container's ticks are not known beforehand.
	b := read(t, at("jittercopy.ts"))
	f := readAll(t, at("jittercopy.ts"), Options{})
	g := readAll(t, "-", Options{Stdin: strings.NewReader(string(b))})
	if len(g.times) != len(f.times) || g.err != nil {
		t.Fatalf("standard input: %d frames of %d, %v", len(g.times), len(f.times), g.err)
	}
	for i := range f.times {
		if d := g.times[i] - f.times[i]; max(d, -d) > time.Microsecond {
			t.Errorf("standard input: frame %d at %v, in the file at %v", i, g.times[i], f.times[i])
		}
	}

	// More frames than the container's ticks: they keep their equal times.
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc=size=32x32:rate=3000:duration=0.02", "-c:v", "ffv1", at("equal.mkv"))
	if g := asProbed(t, at("equal.mkv")); len(g.times) == 60 && (g.times[1] != 0 || g.times[59] != 20*time.Millisecond) {
		t.Errorf("equal times: %v", g.times)
	}

	// Positions go by those times.
	start, end := Position{Time: 329 * time.Millisecond}, Position{Time: 666 * time.Millisecond}
	g = readAll(t, at("bursts.mp4"), Options{Start: &start, End: &end, Every: 3})
	if want := []int{8, 11, 14, 17}; len(g.index) != len(want) || g.index[0] != want[0] || g.times[0] != 330*time.Millisecond || g.index[3] != 17 {
		t.Errorf("from %v to %v: %v at %v", start, end, g.index, g.times)
	}
}

// TestCuts: cuts without encoding anew, whose first frame is not at 0, are complete,
// and what is truncated of them is not.
func TestCuts(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc=size=32x32:rate=25:duration=4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-bf", "2", at("a.mkv"))
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc=size=32x32:rate=25:duration=4", "-c:v", "libvpx", "-g", "25", at("v.mkv"))
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc=size=32x32:rate=25:duration=4", "-c:v", "mpeg4", "-g", "25", at("4.mkv"))
	for _, c := range []struct{ from, to string }{{"a.mkv", "a.mkv"}, {"a.mkv", "a.mp4"}, {"a.mkv", "a.ts"}, {"v.mkv", "v.webm"}, {"4.mkv", "4.avi"}} {
		// From the key frame behind the place on, and from the one in front of it on,
		// which MP4 hides by an edit list.
		behind, before := at("behind-"+c.to), at("before-"+c.to)
		ffmpeg(t, "-i", at(c.from), "-ss", "1.21", "-c", "copy", behind)
		ffmpeg(t, "-ss", "1.21", "-i", at(c.from), "-c", "copy", before)
		if g := asProbed(t, behind); len(g.times) != 50 {
			t.Errorf("%s: %d frames, want 50", behind, len(g.times))
		}
		hidden := strings.HasSuffix(c.to, ".mp4")
		if g := asProbed(t, before); len(g.times) != 75 && !hidden || hidden && len(g.times) != 69 && len(g.times) != 70 {
			t.Errorf("%s: %d frames", before, len(g.times))
		}
	}
	// A cluster is missing at the end: every byte is in its place, but for the duration.
	for _, name := range []string{"whole.mkv", "cut.mkv"} {
		args := []string{"-i", at("a.mkv"), "-ss", "1.21", "-c", "copy", "-cluster_time_limit", "300", at(name)}
		if name == "whole.mkv" {
			args = append(args[:2], args[4:]...)
		}
		ffmpeg(t, args...)
		b := read(t, at(name))
		i := strings.LastIndex(string(b), "\x1f\x43\xb6\x75")
		if g := readAll(t, write(t, at("short-"+name), b[:i]), Options{}); !errors.Is(g.err, ErrIncomplete) {
			t.Errorf("%s without its last cluster: %d frames, %v", name, len(g.index), g.err)
		}
	}
	// An empty edit, and a video that begins later than the sound.
	ffmpeg(t, "-itsoffset", "1", "-i", at("a.mkv"), "-c", "copy", at("empty.mp4"))
	if g := asProbed(t, at("empty.mp4")); len(g.times) != 100 {
		t.Errorf("an empty edit: %d frames", len(g.times))
	}
	for _, name := range []string{"late.mp4", "late.ts", "late.mpg"} {
		codec := map[string]string{"late.mpg": "mpeg2video"}[name]
		if codec == "" {
			codec = "copy"
		}
		ffmpeg(t, "-f", "lavfi", "-i", "sine=duration=4", "-itsoffset", "1", "-i", at("a.mkv"), "-map", "0:a", "-map", "1:v", "-c:v", codec, "-bf", "0", "-fps_mode", "passthrough", at(name))
		if g := asProbed(t, at(name)); len(g.times) < 99 || g.times[0] < 900*time.Millisecond {
			t.Errorf("%s: %d frames, the first at %v", name, len(g.times), g.times[:min(1, len(g.times))])
		}
	}
}

// TestTransportStreamClocks: clocks that wrap, are set back or jump go on as one.
func TestTransportStreamClocks(t *testing.T) {
	needFFmpeg(t)
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	ts := func(name string, args ...string) []byte {
		ffmpeg(t, append(append([]string{"-f", "lavfi", "-i", "testsrc=size=32x32:rate=25:duration=2", "-c:v", "libx264", "-preset", "ultrafast", "-mpegts_flags", "initial_discontinuity"}, args...), at(name))...)
		return read(t, at(name))
	}
	one := ts("one.ts")
	write(t, at("again.ts"), append(one[:len(one):len(one)], one...))
	write(t, at("jump.ts"), append(one[:len(one):len(one)], ts("far.ts", "-output_ts_offset", "70")...))
	ts("wrap.ts", "-output_ts_offset", "95442.3") // 2^33 ticks are 95443.7 s; it begins at 1.4 behind the offset
	for name, frames := range map[string]int{"one.ts": 50, "again.ts": 100, "jump.ts": 100, "wrap.ts": 50} {
		g := readAll(t, at(name), Options{})
		if g.err != nil || len(g.times) != frames {
			t.Errorf("%s: %d frames, %v", name, len(g.times), g.err)
			continue
		}
		for i, v := range g.times {
			if want := time.Duration(i) * 40 * time.Millisecond; max(v-want, want-v) > 12*time.Microsecond {
				t.Errorf("%s: frame %d at %v, want %v", name, i, v, want)
				break
			}
		}
	}
}

// TestCannotStart: what the system lacks is temporary, what ffmpeg lacks is not, and
// neither is a missing input.
func TestCannotStart(t *testing.T) {
	for _, c := range []struct {
		err, kind error
	}{
		{&os.PathError{Op: "open", Path: os.DevNull, Err: syscall.ENOENT}, ErrBusy},
		{os.NewSyscallError("pipe2", syscall.EMFILE), ErrBusy},
		{&os.PathError{Op: "fork/exec", Path: "/usr/bin/ffmpeg", Err: syscall.EBADF}, ErrBusy},
		{&os.PathError{Op: "fork/exec", Path: "/usr/bin/ffmpeg", Err: syscall.EAGAIN}, ErrBusy},
		{&os.PathError{Op: "fork/exec", Path: "/usr/bin/ffmpeg", Err: syscall.ENOMEM}, ErrBusy},
		{&os.PathError{Op: "fork/exec", Path: "/usr/bin/ffmpeg", Err: syscall.ENOENT}, ErrNoFFmpeg},
		{&os.PathError{Op: "fork/exec", Path: "/usr/bin/ffmpeg", Err: syscall.ENOEXEC}, ErrNoFFmpeg},
	} {
		err := cannotStart(c.err)
		if !errors.Is(err, c.kind) || errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), c.err.Error()) {
			t.Errorf("%v: %v", c.err, err)
		}
	}
}
