package imagein

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"

	"golang.org/x/image/webp"
)

// decodeWebP decodes a WebP file, of an animation the first frame.
func decodeWebP(data []byte) (image.Image, error) {
	still, place, err := firstFrame(data)
	if err != nil {
		return nil, err
	}
	img, err := webp.Decode(bytes.NewReader(still))
	if err != nil {
		return nil, err
	}
	img = unlimited(img)
	if place == nil {
		return img, nil
	}
	if b := img.Bounds(); b.Size() != place.frame.Size() {
		return nil, errors.New("webp: the first frame has another size than it says")
	}
	place.Image = img
	return place, nil
}

// placed is an animation's first frame, on a canvas that is transparent around it.
type placed struct {
	image.Image
	canvas, frame image.Rectangle
}

func (p *placed) Bounds() image.Rectangle { return p.canvas }

func (p *placed) At(x, y int) color.Color {
	if at := image.Pt(x, y); at.In(p.frame) {
		return p.Image.At(x-p.frame.Min.X, y-p.frame.Min.Y)
	}
	return color.NRGBA{}
}

// firstFrame makes a file of an animation's first frame, and says where it lies; nil for
// a file that is no animation.
func firstFrame(data []byte) ([]byte, *placed, error) {
	const animated = 2
	if len(data) < 30 || string(data[12:16]) != "VP8X" || data[20]&animated == 0 {
		return data, nil, nil
	}
	three := func(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }
	p := &placed{canvas: image.Rect(0, 0, three(data[24:])+1, three(data[27:])+1)}
	kind, body, rest := riffChunk(data[12:])
	for ; kind != "" && kind != "ANMF"; kind, body, rest = riffChunk(rest) {
	}
	if kind == "" || len(body) < 16 {
		return nil, nil, errors.New("webp: an animation without a frame")
	}
	w, h := three(body[6:])+1, three(body[9:])+1
	at := image.Pt(2*three(body), 2*three(body[3:]))
	p.frame = image.Rectangle{at, at.Add(image.Pt(w, h))}
	if !p.frame.In(p.canvas) {
		return nil, nil, errors.New("webp: the first frame lies outside of the picture")
	}
	still := []byte("RIFF\x00\x00\x00\x00WEBP")
	for rest = body[16:]; ; {
		var chunk []byte
		before := rest
		if kind, _, rest = riffChunk(rest); kind == "" {
			return nil, nil, errors.New("webp: the first frame has no picture")
		}
		chunk = before[:len(before)-len(rest)]
		if kind == "ALPH" { // wants to be announced
			still = append(still, "VP8X\x0a\x00\x00\x00\x10\x00\x00\x00"...)
			still = append(still, body[6:12]...)
		}
		if kind == "ALPH" || kind == "VP8 " || kind == "VP8L" {
			still = append(still, chunk...)
		}
		if kind == "VP8 " || kind == "VP8L" {
			binary.LittleEndian.PutUint32(still[4:], uint32(len(still)-8))
			return still, p, nil
		}
	}
}

// riffChunk is the first chunk of a RIFF file's rest: its kind, "" if there is none, what
// is in it, and what lies behind it.
func riffChunk(b []byte) (kind string, body, rest []byte) {
	if len(b) < 8 {
		return "", nil, nil
	}
	n := uint64(binary.LittleEndian.Uint32(b[4:]))
	if n > uint64(len(b)-8) {
		return "", nil, nil
	}
	end := min(uint64(len(b)), 8+n+n&1)
	return string(b[:4]), b[8 : 8+n], b[end:]
}

// limited is a lossy WebP picture in its right colours: its brightness goes from
// 16 to 235, where package image takes YCbCr to go from 0 to 255, as JPEG's does
// (golang.org/issue/40173).
type limited struct {
	*image.YCbCr
	alpha func(x, y int) uint8
}

// unlimited gives what package webp has decoded a type that knows its range.
func unlimited(img image.Image) image.Image {
	switch p := img.(type) {
	case *image.YCbCr:
		return limited{p, func(int, int) uint8 { return 255 }}
	case *image.NYCbCrA:
		return limited{&p.YCbCr, func(x, y int) uint8 { return p.A[p.AOffset(x, y)] }}
	}
	return img // lossless
}

func (l limited) ColorModel() color.Model { return color.NRGBAModel }

// At converts by ITU-R BT.601, in units of 2^-16.
func (l limited) At(x, y int) color.Color {
	c := l.YCbCrAt(x, y)
	light, cb, cr := 76309*(int(c.Y)-16)+1<<15, int(c.Cb)-128, int(c.Cr)-128
	to8 := func(v int) uint8 { return uint8(min(max(v>>16, 0), 255)) }
	return color.NRGBA{to8(light + 104597*cr), to8(light - 25675*cb - 53279*cr), to8(light + 132201*cb), l.alpha(x, y)}
}
