package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// answered is what a run of orv wrote: its header and its frames.
type answered struct {
	Width, Height int
	seconds       []float64
	classes       []int
	scores        []float64
}

// recognized runs orv on a file by the real command.
func recognized(t *testing.T, file string) answered {
	t.Helper()
	base := filepath.Join(t.TempDir(), "labels")
	if out, err := command("orv", file, "-q", "--mode", "naive", "-o", base).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", filepath.Base(file), err, out)
	}
	b, err := os.ReadFile(base + ".jsonl")
	if err != nil {
		t.Fatal(err)
	}
	var a answered
	for i, line := range bytes.Split(bytes.TrimSpace(b), []byte("\n")) {
		if i == 0 {
			if err := json.Unmarshal(line, &a); err != nil {
				t.Fatal(err)
			}
			continue
		}
		var f struct {
			Seconds float64
			Labels  []struct {
				Class int
				Score float64
			}
		}
		if err := json.Unmarshal(line, &f); err != nil || len(f.Labels) == 0 {
			t.Fatalf("%s: %v", line, err)
		}
		a.seconds, a.classes, a.scores = append(a.seconds, f.Seconds), append(a.classes, f.Labels[0].Class), append(a.scores, f.Labels[0].Score)
	}
	return a
}

// TestVideoForms: the forms of V06 that are unusual but right are recognized as
// what they show.
func TestVideoForms(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		if os.Getenv("KRYPTON_DATA") != "" {
			t.Fatal("ffmpeg is missing, and KRYPTON_DATA is set: the tests on real data need it")
		}
		t.Skip("there is no ffmpeg")
	}
	dir := t.TempDir()
	made := func(name string, args ...string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if out, err := exec.Command("ffmpeg", append(append([]string{"-nostdin", "-v", "error"}, args...), "-y", path)...).CombinedOutput(); err != nil {
			t.Fatalf("ffmpeg: %v: %s", err, out)
		}
		return path
	}
	test := func(size string) []string {
		return []string{"-f", "lavfi", "-i", "testsrc=size=" + size + ":rate=10:duration=1"}
	}

	// The size changes in mid-stream: all frames are read, in the first one's size.
	var both []byte
	for i, size := range []string{"64x48", "96x80"} {
		b, err := os.ReadFile(made(fmt.Sprintf("%d.h264", i), append(test(size), "-c:v", "libx264", "-pix_fmt", "yuv420p")...))
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, b...)
	}
	change := filepath.Join(dir, "change.h264")
	if err := os.WriteFile(change, both, 0o600); err != nil {
		t.Fatal(err)
	}
	if a := recognized(t, change); len(a.classes) != 20 || a.Width != 64 || a.Height != 48 {
		t.Errorf("change of size: %d frames of %d x %d", len(a.classes), a.Width, a.Height)
	}

	const near = 0.002 // of scores: conversions of colours round
	// same fails where a video is not recognized as what another one is.
	same := func(name string, a, b answered) {
		t.Helper()
		if a.Width != b.Width || a.Height != b.Height || len(a.classes) != 10 || len(b.classes) != 10 {
			t.Errorf("%s: %d frames of %d x %d, want %d of %d x %d", name, len(a.classes), a.Width, a.Height, len(b.classes), b.Width, b.Height)
			return
		}
		for i := range a.classes {
			if a.classes[i] != b.classes[i] || math.Abs(a.scores[i]-b.scores[i]) > near {
				t.Errorf("%s, frame %d: %d (%g), want %d (%g)", name, i, a.classes[i], a.scores[i], b.classes[i], b.scores[i])
			}
		}
	}
	differ := func(a, b answered) bool {
		for i := range a.classes {
			if a.classes[i] != b.classes[i] || math.Abs(a.scores[i]-b.scores[i]) > near {
				return true
			}
		}
		return false
	}

	// A picture that is to be shown turned is recognized as one that is.
	lossless := []string{"-c:v", "libx264", "-pix_fmt", "yuv444p", "-qp", "0"}
	flat := made("flat.mp4", append(test("96x64"), lossless...)...)
	plain := recognized(t, flat)
	for degrees, upright := range map[string]string{"90": "transpose=cclock", "180": "hflip,vflip", "270": "transpose=clock"} {
		turned := made("turned"+degrees+".mp4", "-i", flat, "-c", "copy", "-metadata:s:v", "rotate="+degrees)
		if out, _ := exec.Command("ffmpeg", "-nostdin", "-v", "info", "-i", turned).CombinedOutput(); !bytes.Contains(out, []byte("rotation")) {
			// Newer versions have an option in the place of the metadata.
			turned = made("optional"+degrees+".mp4", "-display_rotation:v:0", degrees, "-i", flat, "-c", "copy")
		}
		a := recognized(t, turned)
		same("turned by "+degrees, a, recognized(t, made("upright"+degrees+".mp4", append([]string{"-i", flat, "-vf", upright}, lossless...)...)))
		if !differ(a, plain) {
			t.Errorf("turning by %s makes no difference: the test says nothing", degrees)
		}
	}

	// Odd sizes; sixteen bits; transparency, behind which there is white.
	bright := recognized(t, made("bright.mkv", append(test("63x47"), "-c:v", "ffv1", "-pix_fmt", "bgr0")...))
	const mixed = "0.4*val+0.6*255"
	faint := recognized(t, made("faint.mkv", append(test("63x47"), "-c:v", "ffv1", "-vf", "format=gbrp,lutrgb=r="+mixed+":g="+mixed+":b="+mixed, "-pix_fmt", "bgr0")...))
	if !differ(bright, faint) {
		t.Error("white makes no difference: the test says nothing")
	}
	for name, of := range map[string]struct {
		want answered
		args []string
	}{
		"deep":        {bright, []string{"-pix_fmt", "rgb48le"}},
		"deep, clear": {faint, []string{"-vf", "format=rgba64le,colorchannelmixer=aa=0.4", "-pix_fmt", "rgba64le"}},
		"clear":       {faint, []string{"-vf", "format=rgba,colorchannelmixer=aa=0.4", "-pix_fmt", "bgra"}},
		"planes":      {bright, []string{"-pix_fmt", "gbrp16le"}},
	} {
		same(name, recognized(t, made(name+".mkv", append(append(test("63x47"), "-c:v", "ffv1"), of.args...)...)), of.want)
	}
	gray := recognized(t, made("gray.mkv", append(test("63x47"), "-c:v", "ffv1", "-pix_fmt", "gray")...))
	same("deep gray", recognized(t, made("gray16.mkv", append(test("63x47"), "-c:v", "ffv1", "-pix_fmt", "gray16le")...)), gray)
	if !differ(bright, gray) {
		t.Error("colours make no difference: the test says nothing")
	}

	// Frames that come at odd times have those.
	odd := recognized(t, made("vfr.mkv", "-f", "lavfi", "-i", "testsrc=size=32x32:rate=100:duration=1", "-vf", "settb=1/1000,setpts=N*N*10", "-frames:v", "12", "-fps_mode", "passthrough", "-enc_time_base", "1/1000"))
	for i, s := range odd.seconds {
		if want := float64(i*i) / 100; math.Abs(s-want) > 1e-6 {
			t.Errorf("frame %d at %g s, want %g", i, s, want)
		}
	}
	if len(odd.seconds) != 12 {
		t.Errorf("%d frames of a variable rate, want 12", len(odd.seconds))
	}
}

// TestFewDescriptors: where ffmpeg cannot be started for want of descriptors the run
// ends with that reason and 75, never as if the video were at fault.
func TestFewDescriptors(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		if os.Getenv("KRYPTON_DATA") != "" {
			t.Fatal("ffmpeg is missing, and KRYPTON_DATA is set: the tests on real data need it")
		}
		t.Skip("there is no ffmpeg")
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("there is no shell")
	}
	dir := t.TempDir()
	film := filepath.Join(dir, "a.mkv")
	if out, err := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=32x32:rate=5:duration=1", film).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	krypton := filepath.Join(dir, "krypton") // the test's binary is the command by that name
	if err := os.Symlink(self, krypton); err != nil {
		t.Skip("no links here: ", err)
	}
	seen := 0
	for _, limit := range []int{12, 14, 16, 18, 20} {
		sh := exec.Command("sh", "-c", fmt.Sprintf("ulimit -n %d && exec \"$@\"", limit), "sh", krypton, "orv", film, "-q", "--mode", "naive", "-o", filepath.Join(dir, fmt.Sprint(limit)))
		out, err := sh.CombinedOutput()
		switch code := sh.ProcessState.ExitCode(); {
		case code == exitTemporary && (bytes.Contains(out, []byte("too many open files")) || bytes.Contains(out, []byte("Too many open files")) || bytes.Contains(out, []byte("Error 24"))):
			seen++
		case err != nil:
			t.Errorf("%d descriptors: exit code %d: %s", limit, code, out)
		}
	}
	if seen == 0 {
		t.Error("no limit was low enough: the test says nothing")
	}
}

// TestVideoShape: the header tells how pixels are to be shown, and the network sees
// what is shown.
func TestVideoShape(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		if os.Getenv("KRYPTON_DATA") != "" {
			t.Fatal("ffmpeg is missing, and KRYPTON_DATA is set: the tests on real data need it")
		}
		t.Skip("there is no ffmpeg")
	}
	dir := t.TempDir()
	square := filepath.Join(dir, "square.y4m")
	renderFilm(t, square, 8)
	made := func(name, filter string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if out, err := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-i", square, "-vf", filter, "-c:v", "ffv1", "-y", path).CombinedOutput(); err != nil {
			t.Fatalf("ffmpeg: %v: %s", err, out)
		}
		return path
	}
	// scores are those of all classes of all frames.
	scores := func(file string) (header map[string]any, all map[string]float64) {
		t.Helper()
		out, err := command("orv", file, "-q", "--mode", "naive", "--resize", "letterbox", "--top", "10", "-o", "-").Output()
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all = map[string]float64{}
		for i, line := range bytes.Split(bytes.TrimSpace(out), []byte("\n")) {
			if i == 0 {
				if err := json.Unmarshal(line, &header); err != nil {
					t.Fatal(err)
				}
				continue
			}
			var f struct {
				Frame  int
				Labels []struct {
					Label string
					Score float64
				}
			}
			if err := json.Unmarshal(line, &f); err != nil {
				t.Fatal(err)
			}
			for _, l := range f.Labels {
				all[fmt.Sprint(f.Frame, l.Label)] = l.Score
			}
		}
		return header, all
	}
	apart := func(a, b map[string]float64) (sum float64) {
		for k, v := range a {
			sum += math.Abs(v - b[k])
		}
		return sum
	}
	_, whole := scores(square)
	h, narrow := scores(made("narrow.mkv", "scale=64:128:flags=area,setsar=2"))
	_, flat := scores(made("flat.mkv", "scale=64:128:flags=area,setsar=1"))
	if h["width"] != 64. || h["height"] != 128. || h["sample_aspect_ratio"] != "2:1" || h["stored"] != nil || h["coordinates"] == nil {
		t.Errorf("header %v", h)
	}
	if a, b := apart(whole, narrow), apart(whole, flat); !(a < b/3) {
		t.Errorf("scores of pixels twice as wide are off by %g in all, by %g if they are taken as squares", a, b)
	}
	h, _ = scores(made("turned.mkv", "scale=64:128,setsar=2,transpose=clock"))
	if h["width"] != 128. || h["height"] != 64. || h["sample_aspect_ratio"] != "1:2" {
		t.Errorf("header %v", h)
	}
}

// TestVideoNumbers are the rows of V06 and V09 whose headers promise what nobody
// can hold: they end soon, in little memory.
func TestVideoNumbers(t *testing.T) {
	y4m := func(rate string) []byte {
		return append([]byte("YUV4MPEG2 W16 H16 "+rate+" Ip A1:1 C420\n"), bytes.Repeat(append([]byte("FRAME\n"), make([]byte, 16*16*3/2)...), 5)...)
	}
	var rows []badInput
	add := func(id, file string, b []byte, code int, says string) {
		rows = append(rows, badInput{id: id, file: file, make: holding(b), args: []string{"orv", "FILE", "-q", "--format", "csv", "-o", "DIR/labels"}, code: code, says: says})
	}
	for _, rate := range []string{"F0:0", "F0:1", "F1000000000:1", "F1:1000000000"} {
		add("V09/"+rate, "a.y4m", y4m(rate), exitOK, "")
	}
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		if os.Getenv("KRYPTON_DATA") != "" {
			t.Fatal("ffmpeg is missing, and KRYPTON_DATA is set: the tests on real data need it")
		}
		runBad(t, rows)
		t.Skip("there is no ffmpeg: its rows are left out")
	}
	dir := t.TempDir()
	made := func(name string, args ...string) []byte {
		t.Helper()
		path := filepath.Join(dir, name)
		if out, err := exec.Command("ffmpeg", append(append([]string{"-nostdin", "-v", "error", "-f", "lavfi", "-i"}, args...), "-y", path)...).CombinedOutput(); err != nil {
			t.Fatalf("ffmpeg: %v: %s", err, out)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	add("V06/16000x16000", "a.mkv", made("huge.mkv", "color=size=16000x16000:rate=1:duration=1", "-c:v", "ffv1", "-pix_fmt", "gray"), exitData, "16000")
	mp4 := made("a.mp4", "testsrc=size=64x48:rate=10:duration=1", "-c:v", "libx264", "-pix_fmt", "yuv420p")
	// boxes sets a number of 32 bits some bytes into boxes of an MP4 file.
	boxes := func(at int, value uint32, names ...string) []byte {
		b := bytes.Clone(mp4)
		for _, name := range names {
			i := bytes.Index(b, []byte(name))
			if i < 0 {
				t.Fatalf("no box %s", name)
			}
			binary.BigEndian.PutUint32(b[i+at:], value)
		}
		return b
	}
	add("V09/duration", "a.mp4", boxes(20, 0xfffffff0, "mvhd", "mdhd"), exitOK, "")
	add("V09/no-time-scale", "a.mp4", boxes(16, 0, "mvhd", "mdhd"), exitData, "damaged")
	// Frames: stsz names the number of samples behind its default size.
	add("V09/frames", "a.mp4", boxes(12, 10_000_000, "stsz"), exitData, "a.mp4")
	runBad(t, rows)
}
