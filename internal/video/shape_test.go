package video

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"image"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"krypton/internal/imagein"
)

func TestShape(t *testing.T) {
	for s, want := range map[Shape]string{{}: "1:1", {4, 3}: "4:3", {128, 90}: "64:45", {0, 3}: "1:1", {-4, 3}: "1:1", {33, 1}: "1:1", {1, 33}: "1:1", {32, 1}: "32:1"} {
		if s.String() != want {
			t.Errorf("%d:%d is %v, want %s", s.Width, s.Height, s, want)
		}
	}
}

// TestShapesOfPixels: pixels that are no squares are told of in every format, by ffmpeg
// and by our own decoders, and written.
func TestShapesOfPixels(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	ffmpeg(t, "-f", "lavfi", "-i", "testsrc=size=48x32:rate=5:duration=1", "-vf", "setsar=64/45", "-pix_fmt", "yuv420p", at("a.y4m"))
	for name, codec := range map[string]string{"a.mp4": "libx264", "a.mkv": "libx264", "a.avi": "mjpeg", "a.mjpeg": "mjpeg", "a.gif": "gif"} {
		ffmpeg(t, "-i", at("a.y4m"), "-c:v", codec, at(name))
	}
	for _, c := range []struct {
		name, ffmpeg string
	}{{"a.y4m", ""}, {"a.mp4", ""}, {"a.mkv", ""}, {"a.avi", ""}, {"a.avi", noFFmpeg}, {"a.mjpeg", ""}, {"a.gif", ""}} {
		want := Shape{64, 45}
		if c.name == "a.gif" {
			want = Shape{91, 64} // what GIF can say
		}
		g := readAll(t, at(c.name), Options{FFmpeg: c.ffmpeg})
		if g.err != nil || g.info.Shape != want || g.info.SourceWidth != 48 || g.info.SourceHeight != 32 {
			t.Errorf("%s %s: %+v, %v", c.name, c.ffmpeg, g.info, g.err)
		}
	}
	if g := readAll(t, "-", Options{Stdin: bytes.NewReader(read(t, at("a.mkv")))}); g.err != nil || g.info.Shape != (Shape{64, 45}) {
		t.Errorf("standard input: %+v, %v", g.info, g.err)
	}
	// Fit is told.
	opt := Options{Fit: func(w, h int, s Shape) imagein.Geometry {
		if w != 48 || h != 32 || s != (Shape{64, 45}) {
			t.Errorf("Fit: %d x %d, %v", w, h, s)
		}
		return scaledTo(8, 8)(w, h, s)
	}}
	for _, name := range []string{"a.y4m", "a.mp4"} {
		if g := readAll(t, at(name), opt); g.err != nil || g.info.Width != 8 {
			t.Errorf("%s: %+v, %v", name, g.info, g.err)
		}
	}
	for _, name := range []string{"w.avi", "w.mp4", "w.mkv"} {
		v, err := NewWriter(context.Background(), at(name), 48, 32, 5, WriterOptions{Pixels: Shape{64, 45}})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if err := v.WriteFrame(rgb(picture(48, 32, i)), time.Duration(i)*200*time.Millisecond); err != nil {
				t.Fatal(err)
			}
		}
		if err := v.Close(); err != nil {
			t.Fatal(err)
		}
		for _, which := range []string{"", noFFmpeg} {
			if which == noFFmpeg && name != "w.avi" {
				continue
			}
			if g := readAll(t, at(name), Options{FFmpeg: which}); g.err != nil || len(g.index) != 3 || g.info.Shape != (Shape{64, 45}) {
				t.Errorf("written %s, %q: %d frames, %+v, %v", name, which, len(g.index), g.info, g.err)
			}
		}
	}
}

// corners is a frame whose quarters are red, green, blue and white, 48 by 32.
const corners = "color=red:size=24x16:rate=5:duration=0.4[a];color=lime:size=24x16:rate=5:duration=0.4[b];color=blue:size=24x16:rate=5:duration=0.4[c];color=white:size=24x16:rate=5:duration=0.4[d];[a][b]hstack[e];[c][d]hstack[f];[e][f]vstack,setsar=4/3"

// quarter names the colour of a pixel of corners.
func quarter(g got, x, y int) byte {
	p := g.last[3*(y*g.info.Width+x):]
	switch r, gr, b := p[0] > 128, p[1] > 128, p[2] > 128; {
	case r && gr && b:
		return 'W'
	case r && !gr && !b:
		return 'R'
	case gr && !r && !b:
		return 'G'
	case b && !r && !gr:
		return 'B'
	}
	return '?'
}

// TestOrientations: all eight ways in which a display matrix can turn and mirror a
// frame are carried out, and told of so that places can be brought back.
func TestOrientations(t *testing.T) {
	dir := t.TempDir()
	flat := filepath.Join(dir, "a.mp4")
	ffmpeg(t, "-f", "lavfi", "-i", corners, "-c:v", "libx264", "-pix_fmt", "yuv444p", "-qp", "0", flat)
	b := read(t, flat)
	i := bytes.Index(b, []byte("tkhd"))
	if i < 0 || b[i+4] != 0 {
		t.Fatal("no track header of version 0")
	}
	const one = 1 << 16
	for _, m := range [][4]int32{{one, 0, 0, one}, {0, one, -one, 0}, {-one, 0, 0, -one}, {0, -one, one, 0}, {-one, 0, 0, one}, {one, 0, 0, -one}, {0, one, one, 0}, {0, -one, -one, 0}} {
		for k, v := range m {
			// The matrix lies 40 bytes behind the version; its rows have three numbers.
			binary.BigEndian.PutUint32(b[i+4+40+4*(k+k/2):], uint32(v))
		}
		g := readAll(t, write(t, filepath.Join(dir, "b.mp4"), b), Options{})
		if g.err != nil || len(g.index) != 2 {
			t.Errorf("%v: %d frames, %v", m, len(g.index), g.err)
			continue
		}
		s := Stored{Width: 48, Height: 32}
		if g.info.Stored != nil {
			s = *g.info.Stored
		}
		if (g.info.Stored == nil) != (m == [4]int32{one, 0, 0, one}) || s.Width != 48 || s.Height != 32 {
			t.Errorf("%v: %+v", m, g.info.Stored)
		}
		shape, wide := Shape{4, 3}, true
		if s.Rotation%180 == 90 {
			shape, wide = Shape{3, 4}, false
		}
		if g.info.Shape != shape || (g.info.Width == 48) != wide {
			t.Errorf("%v: %+v", m, g.info)
		}
		// Where the middles of the stored quarters are shown.
		for _, q := range []struct {
			x, y int
			want byte
		}{{12, 8, 'R'}, {36, 8, 'G'}, {12, 24, 'B'}, {36, 24, 'W'}} {
			x, y, w, h := q.x, q.y, s.Width, s.Height
			if s.Mirrored {
				x = w - x
			}
			for range s.Rotation / 90 {
				x, y, w, h = h-y, x, h, w
			}
			if w != g.info.Width || h != g.info.Height {
				t.Fatalf("%v: %d x %d pixels, want %d x %d", m, g.info.Width, g.info.Height, w, h)
			}
			if c := quarter(g, x, y); c != q.want {
				t.Errorf("%v, %+v: at %d, %d is %c, want %c", m, s, x, y, c, q.want)
			}
		}
	}
}

// TestMarksOfTheCodec: H.264's own marks cut and turn frames, whatever the container
// says: to the pixel, and before anything else is cut out.
func TestMarksOfTheCodec(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	ffmpeg(t, "-f", "lavfi", "-i", corners, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-qp", "0", at("a.mp4"))
	ffmpeg(t, "-i", at("a.mp4"), "-c", "copy", "-bsf:v", "h264_metadata=crop_left=10:crop_top=6:crop_right=2:crop_bottom=4", at("cut.mp4"))
	ffmpeg(t, "-i", at("a.mp4"), "-vf", "crop=36:22:10:6", "-c:v", "ffv1", at("want.mkv"))
	for _, o := range []Options{{}, {Fit: part(rect(3, 2, 30, 21))}, {Fit: func(w, h int, _ Shape) imagein.Geometry {
		return cutTo(w, h, w/2, h/2, rect(2, 0, 12, 10))
	}}} {
		a, b := readAll(t, at("cut.mp4"), o), readAll(t, at("want.mkv"), o)
		if a.err != nil || b.err != nil || a.info.SourceWidth != 36 || a.info.SourceHeight != 22 || !bytes.Equal(a.last, b.last) {
			t.Errorf("%v: %+v, %v, %v; the same pixels: %v", o, a.info, a.err, b.err, bytes.Equal(a.last, b.last))
		}
	}
	ffmpeg(t, "-i", at("a.mp4"), "-c", "copy", "-bsf:v", "h264_metadata=display_orientation=insert:rotate=90", at("turned.mp4"))
	out, err := exec.Command("ffmpeg", "-v", "error", "-i", at("turned.mp4"), "-f", "framecrc", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	w, h := 48, 32
	if bytes.Contains(out, []byte("32x48")) { // versions of ffmpeg differ
		w, h = h, w
	}
	fits := 0
	for _, o := range []Options{{}, {Fit: func(sw, sh int, _ Shape) imagein.Geometry {
		fits = 100*sw + sh
		return cutTo(sw, sh, 16, 16, rect(8, 0, 16, 8))
	}}} {
		g := readAll(t, at("turned.mp4"), o)
		if g.err != nil || g.info.SourceWidth != w || g.info.SourceHeight != h {
			t.Errorf("turned: %+v, %v", g.info, g.err)
		}
		if o.Fit != nil {
			// The upper right quarter is that of one colour.
			first := quarter(g, 2, 2)
			if fits != 100*w+h || first == '?' || quarter(g, 5, 2) != first || quarter(g, 2, 5) != first || quarter(g, 5, 5) != first {
				t.Errorf("turned: Fit was told %d; %v", fits, g.last)
			}
		}
	}
}

// TestOptionsOfVersions: versions of ffmpeg that know containers' crop marks are told to
// pass them over, as the others do; the others do not know the option.
func TestOptionsOfVersions(t *testing.T) {
	for version, want := range map[string]bool{"4.1": false, "5.1.9-0+deb12u1": false, "7.0.2": false, "7.1": true, "n7.1.1": true, "8.0": true, "N-112233-gabc": false} {
		tool := tools{version: version}
		tool.major, tool.minor = versionNumbers(version)
		if a := tool.asCoded(); slices.Contains(a, "-apply_cropping") != want || !slices.Contains(a, "+unaligned") {
			t.Errorf("%s: %v", version, a)
		}
	}
}

// TestFramesOfOtherSizes: what is cut out of frames that follow in another size is the
// same part of them.
func TestFramesOfOtherSizes(t *testing.T) {
	dir := t.TempDir()
	var both []byte
	for i, scale := range []string{"48:32", "96:64", "64:96"} {
		path := filepath.Join(dir, fmt.Sprintf("%d.h264", i))
		ffmpeg(t, "-f", "lavfi", "-i", corners+",scale="+scale+":flags=neighbor", "-c:v", "libx264", "-pix_fmt", "yuv420p", path)
		both = append(both, read(t, path)...)
	}
	path := write(t, filepath.Join(dir, "a.h264"), both)
	for n, where := range map[int]image.Rectangle{'R': rect(0, 0, 22, 14), 'G': rect(26, 0, 48, 14), 'B': rect(0, 18, 22, 32), 'W': rect(26, 18, 48, 32)} {
		s, err := Open(context.Background(), path, Options{Fit: part(where)})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			f, err := s.Next(context.Background())
			if err != nil {
				t.Fatal(i, err)
			}
			g := got{info: s.Info(), last: f.Pixels}
			for _, p := range [][2]int{{4, 3}, {18, 3}, {4, 10}, {18, 10}} {
				if c := quarter(g, p[0], p[1]); c != byte(n) {
					t.Errorf("frame %d, part %v: at %v is %c, want %c", i, where, p, c, n)
				}
			}
			s.Release(f)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestFields: fields are told of and stay woven, and so is high dynamic range.
func TestFields(t *testing.T) {
	path := made(t, "a.mpg", "-vf", "setfield=bff", "-r", "25", "-c:v", "mpeg2video", "-flags", "+ilme+ildct")
	if g := readAll(t, path, Options{}); g.err != nil || g.info.Fields != "bb" && g.info.Fields != "bt" || g.info.Height != 48 {
		t.Errorf("MPEG-2: %+v, %v", g.info, g.err)
	}
	path = made(t, "hlg.mkv", "-c:v", "ffv1", "-color_trc", "arib-std-b67")
	if g := readAll(t, path, Options{}); g.err != nil || g.info.Transfer != "arib-std-b67" {
		t.Errorf("HLG: %+v, %v", g.info, g.err)
	}
	for mark, want := range map[string]string{"It": "tt", "Ib": "bb", "Ip": "", "Im": "", "I?": ""} {
		in := "YUV4MPEG2 W2 H2 F5:1 " + mark + " A4:3 Cmono\nFRAME\n1234"
		if g := readAll(t, "-", Options{Stdin: bytes.NewReader([]byte(in))}); g.err != nil || g.info.Fields != want || g.info.Shape != (Shape{4, 3}) || len(g.index) != 1 {
			t.Errorf("%s: %+v, %v", mark, g.info, g.err)
		}
	}
}
