package video

import (
	"bytes"
	"encoding/binary"
	"io"
	"os/exec"
	"testing"
	"time"
)

// nutFile makes the NUT file of frames of planes with times of 1/5 s.
func nutFile(w, h int, frames []byte) []byte {
	v := func(n uint64) []byte {
		b := []byte{byte(n & 0x7f)}
		for n >>= 7; n > 0; n >>= 7 {
			b = append([]byte{byte(n) | 0x80}, b...)
		}
		return b
	}
	cat := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	packet := func(code uint64, body []byte) []byte {
		return cat(binary.BigEndian.AppendUint64(nil, code), v(uint64(len(body)+4)), body, make([]byte, 4))
	}
	// One entry of the table: all 256 codes have everything coded.
	main := cat(v(3), v(1), v(1<<15), v(1), v(1), v(5), v(nutFlagCoded), v(6), v(0), v(1), v(0), v(0), v(0), v(255), v(0))
	stream := cat(v(0), v(0), v(4), []byte(nutPlanes), v(0), v(7), v(8), v(0), v(0), v(0), v(uint64(w)), v(uint64(h)), v(0), v(0), v(0))
	out := cat([]byte(nutFileID), packet(nutMain, main), packet(nutStream, stream), packet(nutInfo, []byte("whatever")))
	size := 3 * w * h
	for i := range len(frames) / size {
		out = cat(out, packet(nutSyncpoint, cat(v(uint64(i)), v(0))))
		out = cat(out, []byte{0}, v(nutFlagCodedPTS|nutFlagSizeMSB|nutFlagChecksum), v(uint64(i+1<<7)), v(uint64(size)), make([]byte, 4), frames[i*size:(i+1)*size])
	}
	return out
}

func TestNUT(t *testing.T) {
	want := []byte("0123456789abcdefghijklmnABCDEFGHIJKLMNOPQRSTUVWX+++---+++---+++---+++---")
	b := nutFile(4, 2, want)
	n, err := newNUT(bytes.NewReader(b), 3)
	if err != nil || n.width != 4 || n.height != 2 {
		t.Fatal(n, err)
	}
	dst := make([]byte, 24)
	for i := range 3 {
		at, err := n.next()
		if err != nil || at != time.Duration(i)*200*time.Millisecond {
			t.Fatalf("frame %d: %v, %v", i, at, err)
		}
		if i == 1 {
			continue // a frame may be passed over
		}
		if err := n.pixels(dst); err != nil || !bytes.Equal(dst, want[24*i:24*i+24]) {
			t.Errorf("frame %d: %q, %v", i, dst, err)
		}
	}
	if _, err := n.next(); err != io.EOF {
		t.Errorf("end: %v", err)
	}
	// Cut anywhere: never more whole frames than there are, and io.EOF only
	// between two frames or packets.
	ends := 0
	for cut := range b {
		n, err := newNUT(bytes.NewReader(b[:cut]), 3)
		for err == nil {
			if _, err = n.next(); err == nil {
				err = n.pixels(dst)
			}
		}
		if err == io.EOF {
			ends++
		}
	}
	if ends > 1+1+2*3 {
		t.Errorf("%d places look like the end", ends)
	}
}

// TestNUTOfFFmpeg: what ffmpeg writes by its NUT and its raw writer is the same,
// for frames so small that their first bytes are left out as well.
func TestNUTOfFFmpeg(t *testing.T) {
	needFFmpeg(t)
	for _, size := range []string{"2x2", "20x20", "64x48", "640x360"} {
		run := func(format string) []byte {
			out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size="+size+":rate=7:duration=3,geq=r=0:g=0:b=1+N", "-pix_fmt", framePlanes, "-c:v", "rawvideo", "-f", format, "-").Output()
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		n, err := newNUT(bytes.NewReader(run("nut")), 3)
		if err != nil {
			t.Fatal(err)
		}
		all := []byte{}
		for i := 0; ; i++ {
			at, err := n.next()
			if err == io.EOF {
				break
			}
			if want := (ratio{1, 7}).times(int64(i)); err != nil || at != want {
				t.Fatalf("%s: frame %d at %v, want %v (%v)", size, i, at, want, err)
			}
			dst := make([]byte, 3*n.width*n.height)
			if err := n.pixels(dst); err != nil {
				t.Fatal(err)
			}
			all = append(all, dst...)
		}
		if !bytes.Equal(all, run("rawvideo")) {
			t.Errorf("%s: the frames differ", size)
		}
	}
}

func FuzzNUT(f *testing.F) {
	f.Add(nutFile(4, 2, make([]byte, 48)))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := newNUT(bytes.NewReader(b), 3)
		if err != nil || n.width*n.height > 1e4 {
			return
		}
		dst := make([]byte, 3*n.width*n.height)
		for range 100 {
			if _, err := n.next(); err != nil {
				return
			}
			if err := n.pixels(dst); err != nil {
				return
			}
		}
	})
}
