package video

import (
	"bufio"
	"bytes"
	"image/gif"
	"testing"
)

// decodeSome reads up to some frames with one of our own decoders; its memory is
// bounded by the limit of pixels.
func decodeSome(t *testing.T, b []byte) {
	for _, lenient := range []bool{false, true} {
		opt, err := Options{MaxPixels: 1e4, FFmpeg: noFFmpeg, Lenient: lenient}.checked()
		if err != nil {
			t.Fatal(err)
		}
		d, info, err := sniff(&byteSource{Reader: bufio.NewReader(bytes.NewReader(b))}, opt, false)
		if err != nil {
			continue
		}
		if info.Width*info.Height > 1e4 || info.Width < 1 || info.Height < 1 {
			t.Fatalf("%+v", info)
		}
		dst := make([]byte, 3*info.Width*info.Height)
		for range 50 {
			if _, err := d.next(); err != nil {
				break
			}
			_ = d.pixels(dst) // must not panic
		}
		if err := d.close(); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzY4M(f *testing.F) {
	f.Add([]byte("YUV4MPEG2 W2 H2 F25:1 C420\nFRAME\n123456FRAME\n123456"))
	f.Add([]byte("YUV4MPEG2 W3 H1 C444 XCOLORRANGE=FULL\nFRAME I\n123456789"))
	f.Fuzz(func(t *testing.T, b []byte) {
		decodeSome(t, append([]byte(y4mMagic), bytes.TrimPrefix(b, []byte(y4mMagic))...))
	})
}

func FuzzGIF(f *testing.F) {
	a, _ := animation()
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, a); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) { decodeSome(t, b) })
}

func FuzzMJPEG(f *testing.F) {
	one := jpegOf(f, picture(9, 9, 1))
	f.Add(append(one, one...))
	f.Fuzz(func(t *testing.T, b []byte) { decodeSome(t, b) })
}

func FuzzAVI(f *testing.F) {
	f.Add(aviOf(f, 9, 9, 3))
	f.Fuzz(func(t *testing.T, b []byte) { decodeSome(t, b) })
}

func FuzzPosition(f *testing.F) {
	for _, s := range []string{"4s", "120f", "00:01:02.5", "3", "1m2s"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		p, err := ParsePosition(s)
		if err != nil {
			return
		}
		if p.Time < 0 || p.Frame < 0 {
			t.Fatalf("%q: %+v", s, p)
		}
		if again, err := ParsePosition(p.String()); err != nil || again != p {
			t.Fatalf("%q: %+v, again %+v, %v", s, p, again, err)
		}
	})
}

func FuzzProbe(f *testing.F) {
	f.Add([]byte(`{"streams":[{"width":4,"height":2,"avg_frame_rate":"5/1","duration":"0.4","nb_frames":"2","side_data_list":[{"rotation":90}],"tags":{"DURATION":"00:00:30.160000000"}}],"format":{"nb_streams":1,"duration":"1"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := parseProbe(b)
		if err == nil && (s.width < 1 || s.height < 1 || s.duration < 0 || s.frames < -1 || s.rate.float() < 0) {
			t.Fatalf("%+v", s)
		}
	})
}
