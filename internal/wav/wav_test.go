package wav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"krypton/internal/recording"
)

// file makes a WAVE file of a format's code, channels and bits, and of bytes of samples.
// An extensible one says its code further behind.
func file(code uint16, channels, bits int, extensible bool, data []byte) []byte {
	le := binary.LittleEndian
	f := le.AppendUint16(nil, code)
	if extensible {
		f = le.AppendUint16(nil, formatExtensible)
	}
	f = le.AppendUint16(f, uint16(channels))
	f = le.AppendUint32(f, 8000)
	f = le.AppendUint32(f, uint32(8000*channels*bits/8))
	f = le.AppendUint16(f, uint16(channels*bits/8))
	f = le.AppendUint16(f, uint16(bits))
	if extensible {
		f = le.AppendUint16(f, 22)
		f = le.AppendUint16(f, uint16(bits))
		f = le.AppendUint32(f, 3)
		f = le.AppendUint16(f, code)
		f = append(f, "\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71"...)
	}
	chunk := func(name string, b []byte) []byte {
		b = append(le.AppendUint32([]byte(name), uint32(len(b))), b...)
		if len(b)%2 == 1 {
			b = append(b, 0)
		}
		return b
	}
	body := append([]byte("WAVE"), chunk("LIST", []byte("odd"))...)
	body = append(append(body, chunk("fmt ", f)...), chunk("data", data)...)
	return append(le.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// TestSamples: every kind of sample, plain and extensible. Whole numbers are those that sox
// 14.4.2 gives of the same bytes ("sox FILE -t f64 -"); floats beyond 1 it would clip.
func TestSamples(t *testing.T) {
	le := binary.LittleEndian
	for _, c := range []struct {
		name string
		code uint16
		bits int
		data []byte
		want string
	}{
		{"8", 1, 8, []byte{0, 128, 192, 255}, "[-1 0 0.5 0.9921875]"},
		{"16", 1, 16, []byte{0, 0x80, 0, 0, 0, 0x40, 0xff, 0x7f}, "[-1 0 0.5 0.999969482421875]"},
		{"24", 1, 24, []byte{0, 0, 0x80, 0, 0, 0, 0, 0, 0x40, 0xff, 0xff, 0xff}, "[-1 0 0.5 -1.1920928955078125e-07]"},
		{"32", 1, 32, []byte{0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0xc0}, "[-1 0 0.5 -0.5]"},
		{"float", 3, 32, le.AppendUint32(le.AppendUint32(nil, math.Float32bits(.25)), math.Float32bits(-1.5)), "[0.25 -1.5]"},
		{"double", 3, 64, le.AppendUint64(le.AppendUint64(nil, math.Float64bits(.1)), math.Float64bits(-1)), "[0.1 -1]"},
	} {
		for _, extensible := range []bool{false, true} {
			r, err := Read(bytes.NewReader(file(c.code, 1, c.bits, extensible, c.data)), recording.Want{})
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if got := r.Channels[0]; fmt.Sprint(got.Samples) != c.want || got.Rate != 8000 {
				t.Errorf("%s, extensible %v: %v, want %s", c.name, extensible, got, c.want)
			}
		}
	}
}

func TestChannelsAndParts(t *testing.T) {
	data := []byte{129, 130, 131, 132, 133, 134, 135, 136}
	from, to := recording.Moment{Value: 1, Samples: true}, recording.Moment{Value: 3.0 / 8000}
	r, err := Read(bytes.NewReader(file(1, 2, 8, false, data)), recording.Want{Start: &from, End: &to, Only: func(i int, name string) bool { return name == "channel 2" }})
	if err != nil || len(r.Channels) != 1 || fmt.Sprint(r.Channels[0].Samples) != "[0.03125 0.046875]" || r.Channels[0].First != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	streamed := file(1, 1, 8, false, data)
	binary.LittleEndian.PutUint32(streamed[len(streamed)-len(data)-4:], math.MaxUint32)
	if r, err = Read(bytes.NewReader(streamed), recording.Want{}); err != nil || len(r.Channels[0].Samples) != 8 {
		t.Errorf("streamed: %+v, %v", r, err)
	}
}

func TestRefused(t *testing.T) {
	good := file(1, 1, 16, false, []byte{1, 2, 3, 4})
	rifx := append([]byte("RIFX"), good[4:]...)
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"empty":         {nil, "no WAVE file"},
		"RIFX":          {rifx, "RIFX"},
		"no samples":    {good[:48], "no samples"},
		"cut":           {good[:len(good)-1], "ends after 2 of 4"},
		"odd":           {file(1, 2, 16, false, []byte{1, 2}), "which take 4 each"},
		"mu-law":        {file(7, 1, 8, false, []byte{1}), "mu-law"},
		"code":          {file(99, 1, 8, false, []byte{1}), "format 0x63"},
		"float of 16":   {file(3, 1, 16, false, []byte{1, 2}), "16 bits"},
		"no channels":   {file(1, 0, 8, false, []byte{1}), "0 channels"},
		"none":          {file(1, 1, 8, false, nil), "0 samples"},
		"data in front": {append([]byte("RIFF\x00\x00\x00\x00WAVEdata\x02\x00\x00\x00"), 1, 2), "before their format"},
	} {
		_, err := Read(bytes.NewReader(c.b), recording.Want{})
		if !errors.Is(err, recording.ErrBad) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if Is(good) != true || Is(rifx) != true || Is([]byte("RIFF\x00\x00\x00\x00WEBP")) || Is(good[:8]) {
		t.Error("what is a WAVE file is told wrongly")
	}
}

func FuzzWAV(f *testing.F) {
	f.Add(file(1, 2, 24, true, make([]byte, 12)))
	f.Add(file(3, 1, 32, false, make([]byte, 8)))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Read(bytes.NewReader(b), recording.Want{Most: 1 << 16})
		if err == nil && len(r.Channels[0].Samples) == 0 {
			t.Error("nothing was read")
		}
	})
}
