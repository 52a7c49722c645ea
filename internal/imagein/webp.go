package imagein

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"

	"krypton/internal/chroma"

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
	switch p := img.(type) { // lossy
	case *image.YCbCr:
		img = chroma.WebP(p, nil, 0)
	case *image.NYCbCrA:
		img = chroma.WebP(&p.YCbCr, p.A, p.AStride)
	}
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
