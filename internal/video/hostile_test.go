package video

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

func write(t testing.TB, path string, b []byte) string {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// refused checks that a video gives no frame and an error of a kind, in one line.
func refused(t *testing.T, name string, opt Options, kind error) {
	t.Helper()
	begin := time.Now()
	g := readAll(t, name, opt)
	if !errors.Is(g.err, kind) || len(g.index) != 0 || time.Since(begin) > time.Minute {
		t.Errorf("%q: %d frames, %v, after %v", name, len(g.index), g.err, time.Since(begin))
		return
	}
	if m := g.err.Error(); !strings.HasPrefix(m, name+": ") || strings.Contains(strings.TrimPrefix(m, name), "\n") || len(m) > len(name)+500 {
		t.Errorf("%q: message %q", name, m)
	}
}

// TestBrokenFiles: empty, text, cut at the front, in the middle and at the end,
// index missing.
func TestBrokenFiles(t *testing.T) {
	needFFmpeg(t)
	leaks(t)
	dir := t.TempDir()
	refused(t, write(t, filepath.Join(dir, "empty.mp4"), nil), Options{}, ErrUnusable)
	refused(t, write(t, filepath.Join(dir, "text.mp4"), []byte("hello world, this is a text\n")), Options{}, ErrUnusable)
	refused(t, filepath.Join(dir, "none.mp4"), Options{}, os.ErrNotExist)
	for name, args := range map[string][]string{"a.mp4": {"-movflags", "faststart"}, "a.mkv": nil, "a.ts": nil, "a.avi": {"-c:v", "mjpeg"}, "b.avi": {"-c:v", "mpeg4"}, "a.webm": {"-c:v", "libvpx"}, "a.gif": nil, "a.y4m": {"-pix_fmt", "yuv420p"}, "a.mjpeg": {"-c:v", "mjpeg"}} {
		path := made(t, name, append([]string{"-g", "5"}, args...)...)
		b := read(t, path)
		whole := readAll(t, path, Options{})
		if whole.err != nil {
			t.Fatalf("%s: %v", name, whole.err)
		}
		for _, part := range []int{50, 90} {
			cut := write(t, filepath.Join(dir, fmt.Sprintf("cut%d%s", part, filepath.Ext(name))), b[:len(b)*part/100])
			g := readAll(t, cut, Options{})
			if name == "a.ts" && g.err == nil {
				continue // a transport stream declares no end, and the cut may fall between two frames
			}
			if g.err == nil || !errors.Is(g.err, ErrIncomplete) && !errors.Is(g.err, ErrUnusable) || len(g.index) >= 30 {
				t.Errorf("%s cut to %d %%: %d frames, %v", name, part, len(g.index), g.err)
			}
			for i := range g.sums[:max(0, len(g.sums)-1)] {
				if g.sums[i] != whole.sums[i] {
					t.Errorf("%s cut to %d %%: frame %d differs", name, part, i)
					break
				}
			}
			// Lenient delivers what can be, and counts.
			if l := readAll(t, cut, Options{Lenient: true}); len(l.index) < len(g.index) || l.err == nil && l.info.Damage == 0 && name != "a.avi" { // of AVI ffmpeg corrects the duration and says nothing

				t.Errorf("%s cut to %d %%, lenient: %d frames, damage %d, %v", name, part, len(l.index), l.info.Damage, l.err)
			}
		}
		if g := readAll(t, write(t, filepath.Join(dir, "front"+filepath.Ext(name)), b[len(b)/3:]), Options{}); g.err == nil && name != "a.ts" { // which may begin anywhere
			t.Errorf("%s without its front: %d frames", name, len(g.index))
		}
	}
	noIndex := read(t, made(t, "a.mp4"))
	refused(t, write(t, filepath.Join(dir, "noindex.mp4"), noIndex[:len(noIndex)*3/4]), Options{}, ErrUnusable)
}

// TestRealClipTruncated: the half of a real video is never taken for whole.
func TestRealClipTruncated(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.mp4")
	ffmpeg(t, "-i", clip(t, "car-detection.mp4"), "-c", "copy", "-movflags", "faststart", path)
	b := read(t, path)
	g := readAll(t, write(t, path, b[:len(b)/2]), Options{Fit: scaledTo(32, 32)})
	if !errors.Is(g.err, ErrIncomplete) || len(g.index) < 100 || len(g.index) > 250 {
		t.Errorf("%d frames, %v", len(g.index), g.err)
	}
}

// TestFlippedBytes: damage in the stream is reported, strict or lenient.
func TestFlippedBytes(t *testing.T) {
	path := made(t, "a.mp4", "-movflags", "faststart", "-x264-params", "keyint=10")
	b := read(t, path)
	r := rand.New(rand.NewPCG(1, 2))
	for range 40 {
		b[len(b)/2+r.IntN(len(b)/2)] ^= byte(1 + r.IntN(255))
	}
	write(t, path, b)
	if g := readAll(t, path, Options{}); !errors.Is(g.err, ErrIncomplete) && !errors.Is(g.err, ErrUnusable) {
		t.Errorf("strict: %d frames, %v", len(g.index), g.err)
	}
	g := readAll(t, path, Options{Lenient: true})
	if g.info.Damage == 0 || len(g.index) < 15 {
		t.Errorf("lenient: %d frames, %+v, %v", len(g.index), g.info, g.err)
	}
}

// TestScriptsAndPlaylists: files that lead to other files or the network are
// refused, whatever their name.
func TestScriptsAndPlaylists(t *testing.T) {
	needFFmpeg(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asked := make(chan bool, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			asked <- true
			c.Close()
		}
	}()
	media := made(t, "secret.ts")
	dir := filepath.Dir(media)
	remote := fmt.Sprintf("http://%s/x.ts", l.Addr())
	for k, target := range []string{"secret.ts", media, remote} {
		for name, text := range map[string]string{
			"concat": "ffconcat version 1.0\nfile '" + target + "'\n",
			"hls":    "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n" + target + "\n#EXT-X-ENDLIST\n",
			"dash":   "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\"><Period><AdaptationSet><Representation id=\"1\"><BaseURL>" + target + "</BaseURL></Representation></AdaptationSet></Period></MPD>",
			"sdp":    "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5000 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
			"image2": "secret.ts\n",
		} {
			for _, ext := range []string{"mp4", "txt", "m3u8"}[:3-min(2, 2*k)] {
				refused(t, write(t, filepath.Join(dir, fmt.Sprintf("%s%d.%s", name, k, ext)), []byte(text)), Options{}, ErrUnusable)
			}
		}
	}
	select {
	case <-asked:
		t.Error("a connection was made")
	case <-time.After(50 * time.Millisecond):
	}
}

// TestStrangeNames: names that look like options, patterns, addresses or shell
// are plain files.
func TestStrangeNames(t *testing.T) {
	b := read(t, made(t, "a.mp4"))
	t.Chdir(t.TempDir())
	for _, name := range []string{"http:x.mp4", "-y.mp4", "z%d.mp4", "a;touch b.mp4", "$(touch c).mp4", "concat:a|b", "a\nb.mp4", " .mp4", "file:x.mp4", "-", "pipe:0", "a*[b]?.mp4", "cache:x", "subfile,,start,0,end,9,,:x", "\xff.mp4", "é 中.mp4"} {
		name := write(t, name, b)
		if name == "-" {
			continue // is standard input
		}
		if g := readAll(t, name, Options{}); g.err != nil || len(g.index) != 30 {
			t.Errorf("%q: %d frames, %v", name, len(g.index), g.err)
		}
	}
	all, err := os.ReadDir(".")
	if err != nil || len(all) != 16 {
		t.Errorf("files were made: %v %v", all, err)
	}
}

// TestStreams: no video stream, a cover picture, two video streams, no frames,
// one frame, a size change in mid-stream, too many pixels.
func TestStreams(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	ffmpeg(t, "-f", "lavfi", "-i", "sine=duration=1", at("audio.mp4"))
	refused(t, at("audio.mp4"), Options{}, ErrUnusable)
	ffmpeg(t, "-f", "lavfi", "-i", "sine=duration=1", "-f", "lavfi", "-i", "testsrc=size=32x32:duration=1:rate=1", "-map", "0", "-map", "1", "-c:v", "mjpeg", "-frames:v", "1", "-disposition:v", "attached_pic", at("cover.mp4"))
	refused(t, at("cover.mp4"), Options{}, ErrUnusable)
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc=size=32x32:duration=1:rate=5", "-f", "lavfi", "-i", "testsrc=size=64x64:duration=1:rate=7", "-map", "0", "-map", "1", at("two.mkv"))
	if g := readAll(t, at("two.mkv"), Options{}); g.err != nil || len(g.index) != 5 || g.info.Width != 32 {
		t.Errorf("two streams: %d, %+v, %v", len(g.index), g.info, g.err)
	}
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc=size=32x32:duration=1:rate=5", "-frames:v", "1", at("one.mp4"))
	if g := readAll(t, at("one.mp4"), Options{}); g.err != nil || len(g.index) != 1 {
		t.Errorf("one frame: %d, %+v, %v", len(g.index), g.info, g.err)
	}
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc=size=32x32:duration=1:rate=5", "-frames:v", "0", at("none.mkv"))
	if g := readAll(t, at("none.mkv"), Options{}); g.err == nil || len(g.index) != 0 {
		t.Errorf("no frames: %d, %+v, %v", len(g.index), g.info, g.err)
	}
	// A stream whose size changes comes in the first size.
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc=size=64x48:duration=1:rate=5", at("p.ts"))
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc=size=32x64:duration=1:rate=5", at("q.ts"))
	both := write(t, at("pq.ts"), append(read(t, at("p.ts")), read(t, at("q.ts"))...))
	if g := readAll(t, both, Options{Lenient: true}); g.err != nil || g.info.Width != 64 || g.info.Height != 48 || len(g.index) < 9 {
		t.Errorf("size change: %d, %+v, %v", len(g.index), g.info, g.err)
	}
	ffmpeg(t, "-f", "lavfi", "-i", "color=size=8192x8192:rate=1:duration=1", "-c:v", "mjpeg", at("large.mkv"))
	refused(t, at("large.mkv"), Options{MaxPixels: 8192*8192 - 1}, ErrUnusable)
}

// TestNotFiles: what would block or never end is refused at once.
func TestNotFiles(t *testing.T) {
	dir := t.TempDir()
	refused(t, dir, Options{}, ErrUnusable) // a folder without pictures
	if runtime.GOOS == "linux" {
		refused(t, "/dev/zero", Options{}, ErrUnusable)
		refused(t, "/dev/null", Options{}, ErrUnusable)
	}
	fifo := filepath.Join(dir, "fifo.mp4")
	if err := makeFIFO(fifo); err != nil {
		t.Skip("no FIFOs here: ", err)
	}
	refused(t, fifo, Options{}, ErrUnusable)
	refused(t, "http://127.0.0.1:1/x.mp4", Options{}, ErrNetwork)
	refused(t, "rtsp://127.0.0.1:1/x", Options{}, ErrNetwork)
	refused(t, "file:///etc/passwd", Options{AllowNetwork: true}, ErrUnusable)
	refused(t, "concat://a", Options{AllowNetwork: true}, ErrUnusable)
}

// TestWrongDuration: a header that declares 10^9 s is no reason to wait or to
// allocate, and the end is not taken for complete.
func TestWrongDuration(t *testing.T) {
	b := read(t, made(t, "a.mkv"))
	i := strings.Index(string(b), "\x44\x89\x88") // EBML: Duration, a float64
	if i < 0 {
		t.Fatal("no duration in the header")
	}
	copy(b[i+3:], "\x42\x6d\x1a\x94\xa2\x00\x00\x00") // 10^12 ms
	path := filepath.Join(t.TempDir(), "a.mkv")
	// The tag of the stream would be believed first.
	b = []byte(strings.Replace(string(b), "DURATION", "XURATION", 1))
	g := readAll(t, write(t, path, b), Options{})
	if !errors.Is(g.err, ErrIncomplete) || len(g.index) != 30 {
		t.Errorf("%d frames, %+v, %v", len(g.index), g.info, g.err)
	}
	if g := readAll(t, path, Options{Lenient: true}); g.err != nil || len(g.index) != 30 {
		t.Errorf("lenient: %d frames, %v", len(g.index), g.err)
	}
	for _, r := range []string{"0:0", "0:1", "1000000000:1", "1:1000000000", "-1:1", "99999999999999999999:1"} {
		in := "YUV4MPEG2 W2 H2 F" + r + " Cmono\nFRAME\n1234FRAME\n1234"
		if g := readAll(t, "-", Options{Stdin: strings.NewReader(in)}); g.err != nil || len(g.index) != 2 || g.times[1] <= 0 {
			t.Errorf("rate %s: %d frames, %v, %v", r, len(g.index), g.times, g.err)
		}
	}
}

// fake makes an ffmpeg that is a shell script; ffprobe answers as told.
func fake(t *testing.T, version, body, probe string) string {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("needs a shell")
	}
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	script("ffprobe", probe)
	return script("ffmpeg", "case \"$*\" in *-version*) echo '"+version+"'; exit 0;; esac\n"+body)
}

const (
	goodVersion = "ffmpeg version 5.1.9-0+deb12u1 Copyright"
	goodProbe   = `echo '{"streams":[{"width":4,"height":2,"avg_frame_rate":"5/1","duration":"0.4","nb_frames":"2"}],"format":{"nb_streams":1}}'`
)

// TestFakeFFmpeg: programs that are missing, wrong, hang, babble, die or lie.
func TestFakeFFmpeg(t *testing.T) {
	leaks(t)
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.mp4"), []byte("some bytes that are no video of ours"))
	good := filepath.Join(dir, "good.nut")
	frames := strings.Repeat("0123456789abcdefghijklmn", 2)
	write(t, good, nutFile(4, 2, []byte(frames)))
	half := filepath.Join(dir, "half.nut")
	b := read(t, good)
	write(t, half, b[:len(b)-5])
	t.Run("programs", func(t *testing.T) {
		for name, c := range map[string]struct {
			version, body, probe string
			opt                  Options
			err                  error
			frames               int
		}{
			"good":                   {goodVersion, "cat " + good, goodProbe, Options{}, nil, 2},
			"development build":      {"ffmpeg version N-109000-gabc Copyright", "cat " + good, goodProbe, Options{}, nil, 2},
			"old version":            {"ffmpeg version 2.8.17 Copyright", "cat " + good, goodProbe, Options{}, ErrNoFFmpeg, 0},
			"not ffmpeg":             {"hello", "cat " + good, goodProbe, Options{}, ErrNoFFmpeg, 0},
			"hangs at once":          {goodVersion, "sleep 100", goodProbe, Options{Timeout: 300 * time.Millisecond}, ErrStalled, 0},
			"hangs later":            {goodVersion, "cat " + good + "; sleep 100", goodProbe, Options{Timeout: 3 * time.Second}, ErrStalled, 2},
			"hangs, output closed":   {goodVersion, "cat " + good + "; exec >&-; sleep 100", goodProbe, Options{Timeout: 3 * time.Second}, ErrStalled, 2},
			"ignores signals":        {goodVersion, "trap '' TERM INT HUP; cat " + good + "; sleep 100; sleep 100", goodProbe, Options{Timeout: 3 * time.Second}, ErrStalled, 2},
			"leaves a child behind":  {goodVersion, "sleep 100 & cat " + good, goodProbe, Options{Timeout: 3 * time.Second}, ErrStalled, 2},
			"probe hangs":            {goodVersion, "cat " + good, "sleep 100", Options{Timeout: 300 * time.Millisecond}, ErrStalled, 0},
			"probe babbles":          {goodVersion, "cat " + good, "yes", Options{}, ErrUnusable, 0},
			"probe says nothing":     {goodVersion, "cat " + good, "true", Options{}, ErrUnusable, 0},
			"half a frame, exit 0":   {goodVersion, "cat " + half, goodProbe, Options{}, ErrIncomplete, 1},
			"half a frame, lenient":  {goodVersion, "cat " + half, goodProbe, Options{Lenient: true}, nil, 1},
			"killed in mid-run":      {goodVersion, "cat " + half + "; kill -9 $$", goodProbe, Options{}, ErrBusy, 1},
			"killed, lenient":        {goodVersion, "cat " + half + "; kill -9 $$", goodProbe, Options{Lenient: true}, ErrBusy, 1},
			"cannot be loaded":       {goodVersion, "echo 'ffmpeg: error while loading shared libraries: libx.so: cannot open shared object file: Error 24' >&2; exit 127", goodProbe, Options{}, ErrBusy, 0},
			"no descriptors":         {goodVersion, "cat " + good, "echo 'x: Too many open files' >&2; exit 1", Options{}, ErrBusy, 0},
			"fails at the end":       {goodVersion, "cat " + good + "; exit 3", goodProbe, Options{}, ErrIncomplete, 2},
			"complains at the end":   {goodVersion, "cat " + good + "; echo oh >&2", goodProbe, Options{}, ErrIncomplete, 2},
			"garbage":                {goodVersion, "head -c 100000 /dev/urandom", goodProbe, Options{}, ErrUnusable, 0},
			"nothing, exit 0":        {goodVersion, "true", goodProbe, Options{}, ErrUnusable, 0},
			"100 MB of complaints":   {goodVersion, "yes | head -c 100000000 >&2; cat " + good, goodProbe, Options{Lenient: true}, nil, 2},
			"other size than probed": {goodVersion, "cat " + good, strings.Replace(goodProbe, `"width":4`, `"width":5`, 1), Options{Fit: scaledTo(5, 2)}, ErrUnusable, 0},
		} {
			t.Run(name, func(t *testing.T) {
				c.opt.FFmpeg = fake(t, c.version, c.body, c.probe)
				t.Parallel() // all programs are written by then: none is while another starts
				begin := time.Now()
				g := readAll(t, in, c.opt)
				if !errors.Is(g.err, c.err) || len(g.index) != c.frames || time.Since(begin) > time.Minute {
					t.Errorf("%d frames, %v, after %v", len(g.index), g.err, time.Since(begin))
				}
				if c.opt.Lenient && c.err == nil && g.info.Damage == 0 {
					t.Error("no damage was counted")
				}
				if g.err != nil && (len(g.err.Error()) > 1000 || strings.Contains(g.err.Error(), "\n")) {
					t.Errorf("message %q", g.err)
				}
			})
		}
	}) // waits for all of them
	counted := strings.Replace(goodProbe, `"nb_frames":"2"`, `"nb_frames":"3"`, 1)
	for n, want := range map[int]error{2: nil, 3: ErrIncomplete} {
		probe := fmt.Sprintf("case \"$*\" in *packet*) for i in $(seq %d); do echo 'packet|pts_time=0.2|duration_time=0.2|flags=K_'; done; echo 'packet|flags=_D'; exit;; esac\n%s", n, counted)
		if g := readAll(t, in, Options{FFmpeg: fake(t, goodVersion, "cat "+good, probe)}); !errors.Is(g.err, want) || len(g.index) != 2 {
			t.Errorf("%d packets: %d frames, %v", n, len(g.index), g.err)
		}
	}
	refused(t, in, Options{FFmpeg: noFFmpeg}, ErrNoFFmpeg)
	refused(t, in, Options{FFmpeg: filepath.Join(dir, "no-such-program")}, ErrNoFFmpeg)
	t.Setenv("PATH", dir)
	refused(t, in, Options{}, ErrNoFFmpeg)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, in, Options{FFmpeg: fake(t, goodVersion, "cat "+good, goodProbe)}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
}
