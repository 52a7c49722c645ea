package video

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// y4mMagic begins a YUV4MPEG2 stream.
const y4mMagic = "YUV4MPEG2"

// y4mMaxLine bounds the header's and each frame's line.
const y4mMaxLine = 4096

// y4mDecoder reads YUV4MPEG2 with 8 bits per sample.
type y4mDecoder struct {
	*byteSource
	w, h, cw, ch int // of luma and of chroma, which is 0 for gray
	subX, subY   int // pixels per chroma sample, as a shift
	full         bool
	shape        Shape
	fields       string
	rate         ratio
	index        int64
	planes       []byte
	left         int64
}

func openY4M(src *byteSource, opt Options) (decoder, Info, error) {
	line, err := y4mLine(src)
	if err != nil {
		return nil, Info{}, fmt.Errorf("%w: y4m header: %w", ErrUnusable, err)
	}
	d := &y4mDecoder{byteSource: src, index: -1}
	if err := d.header(line); err != nil {
		return nil, Info{}, err
	}
	if err := opt.fits(d.w, d.h); err != nil {
		return nil, Info{}, err
	}
	switch {
	case d.subX < 0:
	default:
		d.cw, d.ch = (d.w+1<<d.subX-1)>>d.subX, (d.h+1<<d.subY-1)>>d.subY
	}
	info := Info{SourceWidth: d.w, SourceHeight: d.h, FPS: d.rate.float(), Frames: -1, Shape: d.shape, Fields: d.fields, Decoder: "builtin y4m"}
	if !d.rate.valid() {
		d.rate = rateOf(opt.RawFPS)
	}
	return d, info, nil
}

// y4mLine reads up to a line's end.
func y4mLine(src *byteSource) (string, error) {
	b := []byte{}
	for len(b) <= y4mMaxLine {
		c, err := src.ReadByte()
		if err != nil {
			return "", unexpected(err)
		}
		if c == '\n' {
			return string(b), nil
		}
		b = append(b, c)
	}
	return "", errors.New("a line is too long")
}

func (d *y4mDecoder) header(line string) error {
	fields := strings.Fields(line)
	if len(fields) == 0 || fields[0] != y4mMagic {
		return fmt.Errorf("%w: not a y4m file", ErrUnusable)
	}
	chroma := "420"
	for _, f := range fields[1:] {
		v := f[1:]
		var err error
		switch f[0] {
		case 'W':
			d.w, err = strconv.Atoi(v)
		case 'H':
			d.h, err = strconv.Atoi(v)
		case 'F':
			d.rate = parseRatio(strings.Replace(v, ":", "/", 1))
		case 'A':
			d.shape = shapeOf(v)
		case 'I':
			d.fields = map[string]string{"t": "tt", "b": "bb"}[v]
		case 'C':
			chroma = v
		case 'X':
			d.full = d.full || v == "COLORRANGE=FULL"
		}
		if err != nil {
			return fmt.Errorf("%w: y4m header %q", ErrUnusable, f)
		}
	}
	switch chroma {
	case "420", "420jpeg", "420mpeg2", "420paldv":
		d.subX, d.subY = 1, 1
	case "422":
		d.subX, d.subY = 1, 0
	case "444":
		d.subX, d.subY = 0, 0
	case "mono":
		d.subX, d.subY = -1, -1
	default:
		return fmt.Errorf("%w: y4m of type %q", errNotBuiltin, chroma)
	}
	return nil
}

func (d *y4mDecoder) size() int64 { return int64(d.w)*int64(d.h) + 2*int64(d.cw)*int64(d.ch) }

func (d *y4mDecoder) next() (time.Duration, error) {
	if _, err := io.CopyN(io.Discard, d, d.left); err != nil {
		return 0, d.bad(err)
	}
	d.left = 0
	if _, err := d.Peek(1); err == io.EOF {
		return 0, io.EOF
	}
	d.index++
	line, err := y4mLine(d.byteSource)
	if err == nil && line != "FRAME" && !strings.HasPrefix(line, "FRAME ") {
		err = errors.New("it does not begin with FRAME")
	}
	if err != nil {
		return 0, d.bad(err)
	}
	d.left = d.size()
	return d.rate.inverse().times(d.index), nil
}

func (d *y4mDecoder) bad(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("cut off")
	}
	return fmt.Errorf("%w: frame %d: %w", ErrIncomplete, d.index, err)
}

func (d *y4mDecoder) pixels(dst []byte) error {
	if d.planes == nil {
		d.planes = make([]byte, d.size())
	}
	if _, err := io.ReadFull(d, d.planes); err != nil {
		return d.bad(err)
	}
	d.left = 0
	luma := d.planes[:d.w*d.h]
	cb := d.planes[len(luma):][:d.cw*d.ch]
	cr := d.planes[len(luma)+len(cb):]
	m := &limited
	if d.full {
		m = &fullRange
	}
	for y := range d.h {
		out := dst[3*y*d.w:][:3*d.w]
		row := luma[y*d.w:][:d.w]
		if d.cw == 0 {
			for x, v := range row {
				g := clamp(m.y[v])
				out[3*x], out[3*x+1], out[3*x+2] = g, g, g
			}
			continue
		}
		at := (y >> d.subY) * d.cw
		b, r := cb[at:at+d.cw], cr[at:at+d.cw]
		for x, v := range row {
			u, w, l := b[x>>d.subX], r[x>>d.subX], m.y[v]
			out[3*x] = clamp(l + m.rv[w])
			out[3*x+1] = clamp(l - m.gu[u] - m.gv[w])
			out[3*x+2] = clamp(l + m.bu[u])
		}
	}
	return nil
}

func (d *y4mDecoder) damage() int { return 0 }

// yuvTable holds the terms of the conversion from YCbCr to RGB by ITU-R BT.601,
// with 16 bits behind the point; a half for rounding is in y.
type yuvTable struct{ y, rv, gu, gv, bu [256]int32 }

var limited, fullRange = newYUV(16, 255./219, 255./224), newYUV(0, 1, 1)

func newYUV(black int, yScale, cScale float64) (t yuvTable) {
	fix := func(v float64) int32 {
		if v < 0 {
			return -int32(-v*65536 + .5)
		}
		return int32(v*65536 + .5)
	}
	for i := range 256 {
		c := float64(i-128) * cScale
		t.y[i] = fix(float64(i-black)*yScale) + 1<<15
		t.rv[i] = fix(c * 1.402)
		t.gu[i] = fix(c * .344136)
		t.gv[i] = fix(c * .714136)
		t.bu[i] = fix(c * 1.772)
	}
	return t
}

func clamp(v int32) uint8 { return uint8(max(0, min(255, v>>16))) }
