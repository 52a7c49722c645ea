package dicom

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"math"

	"krypton/internal/chroma"
	"krypton/internal/jpegraw"
)

// cells are the numbers of a frame as they are stored.
type cells struct {
	data   []byte
	order  binary.ByteOrder
	bits   int  // of each: 1, 8, 16, 32 or 64
	first  int  // where the frame begins: a bit of one-bit cells, a byte of those of eight
	swap   bool // the bytes of each pair, for cells of 8 bits and fewer in words
	floats bool
	shift  int
	stored int
	signed bool

	pixels  int
	samples int
	planar  bool
	half    bool   // two pixels share their colours: Y Y Cb Cr
	meaning string // photometric interpretation
	notes   []string
}

// byteAt gives the byte at i.
func (c *cells) byteAt(i int) byte {
	if c.swap {
		i ^= 1
	}
	return c.data[i]
}

// at is the number of a pixel's channel.
func (c *cells) at(pixel, channel int) float64 {
	i := pixel*c.samples + channel
	switch {
	case c.half && channel == 0:
		i = pixel/2*4 + pixel%2
	case c.half:
		i = pixel/2*4 + 1 + channel
	case c.planar:
		i = channel*c.pixels + pixel
	}
	var v uint32
	switch {
	case c.floats && c.bits == 32:
		return float32frombits(c.order.Uint32(c.data[4*i:]))
	case c.floats:
		return float64frombits(c.order.Uint64(c.data[8*i:]))
	case c.bits == 1:
		i += c.first
		return float64(c.byteAt(i/8) >> (i % 8) & 1)
	case c.bits == 8:
		v = uint32(c.byteAt(i + c.first))
	case c.bits == 16:
		v = uint32(c.order.Uint16(c.data[2*i:]))
	default:
		v = c.order.Uint32(c.data[4*i:])
	}
	v = v >> c.shift << (32 - c.stored)
	if c.signed {
		return float64(int32(v) >> (32 - c.stored))
	}
	return float64(v >> (32 - c.stored))
}

// plain are cells of this file's kind.
func (f *File) plain(data []byte, order binary.ByteOrder, bits int) *cells {
	return &cells{data: data, order: order, bits: bits, floats: f.floats, shift: f.high + 1 - f.stored, stored: f.stored, signed: f.signed, pixels: f.Width * f.Height, samples: f.samples, meaning: f.Photometric}
}

// cells are those of frame n, from 0 on.
func (f *File) cells(ctx context.Context, n int) (*cells, error) {
	if n < 0 || n >= f.Frames {
		return nil, fmt.Errorf("there is no frame %d: the file has %d", n+1, f.Frames)
	}
	if f.packed.native() {
		return f.native(n)
	}
	if f.packed.by == codecOther {
		return nil, fmt.Errorf("%s %w", f.packed.name, ErrUnsupported)
	}
	data, err := f.fragments(n)
	if err != nil {
		return nil, err
	}
	switch f.packed.by {
	case codecRLE:
		return f.rle(data)
	case codecJPEG, codecJPEGLossless:
		return f.jpeg(ctx, data)
	}
	return f.foreign(ctx, data)
}

// native gives a frame that is not packed, without copying it.
func (f *File) native(n int) (*cells, error) {
	p := f.pixels()
	bits := f.frameBits()
	begin, end := int64(n)*bits, int64(n+1)*bits
	if need := (end + 7) / 8; int64(len(p.value)) < need {
		return nil, fmt.Errorf("the picture is %w: %d bytes of %d", errShort, len(p.value), need)
	}
	c := f.plain(p.value[begin/8:(end+7)/8], p.coding.order, f.bits)
	c.planar, c.half, c.first = f.planar, f.half(), int(begin%8) // 0 but for single bits
	// Bytes and bits lie in words of 16 bits (PS3.5 8.2, annex A), of which the last may
	// hold one number more than there are.
	if c.swap = f.bits <= 8 && f.coding.order == binary.BigEndian && p.kind() == "OW"; c.swap {
		from := begin / 8 &^ 1
		if to := (end + 15) / 16 * 2; to <= int64(len(p.value)) {
			c.data, c.first = p.value[from:to], int(begin-8*from)
		} else {
			return nil, fmt.Errorf("the picture is %w: %d bytes of %d", errShort, len(p.value), to)
		}
		if f.bits == 8 {
			c.first /= 8
		}
	}
	if p.vr == "UN" {
		c.order = binary.LittleEndian
	}
	return c, nil
}

// fragments gives a frame's packed bytes.
func (f *File) fragments(n int) ([]byte, error) {
	p := f.pixels()
	var table []byte
	var parts [][]byte
	err := p.items(func(i int, item []byte) bool {
		if i == 0 {
			table = item
		} else {
			parts = append(parts, item)
		}
		return true
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("the picture is %w", err)
	case len(parts) == 0:
		return nil, ErrNoPicture
	case f.Frames == 1:
		return joined(parts), nil
	case len(parts) == f.Frames:
		return parts[n], nil
	case len(table) == 4*f.Frames:
		return offset(n, f.Frames, parts, func(n int) uint64 { return uint64(binary.LittleEndian.Uint32(table[4*n:])) })
	case len(f.set[tagExtendedOffsets].value) == 8*f.Frames:
		far := f.set[tagExtendedOffsets].value
		return offset(n, f.Frames, parts, func(n int) uint64 { return binary.LittleEndian.Uint64(far[8*n:]) })
	case f.packed.by != codecRLE:
		return f.ended(parts, n)
	}
	return nil, fmt.Errorf("damaged: %d frames in %d parts, and nothing says where each begins", f.Frames, len(parts))
}

// joined puts parts together.
func joined(parts [][]byte) []byte {
	if len(parts) == 1 {
		return parts[0]
	}
	return bytes.Join(parts, nil)
}

// offset finds a frame of several by where each begins: the first part at 0.
func offset(n, frames int, parts [][]byte, at func(n int) uint64) ([]byte, error) {
	begin, end := at(n), uint64(math.MaxUint64)
	if n+1 < frames {
		end = at(n + 1)
	}
	place := uint64(0)
	var mine [][]byte
	for _, p := range parts {
		if place >= begin && place < end {
			if len(mine) == 0 && place != begin {
				break
			}
			mine = append(mine, p)
		}
		place += 8 + uint64(len(p))
	}
	if len(mine) == 0 {
		return nil, fmt.Errorf("damaged: no part begins where frame %d does", n+1)
	}
	return joined(mine), nil
}

// ended finds a frame by the markers that end those of JPEG's kinds.
func (f *File) ended(parts [][]byte, n int) ([]byte, error) {
	begin, frame := 0, 0
	for i, p := range parts {
		t := bytes.TrimRight(p, "\x00")
		if !bytes.HasSuffix(t, []byte{0xff, 0xd9}) {
			continue
		}
		if frame == n {
			return joined(parts[begin : i+1]), nil
		}
		begin, frame = i+1, frame+1
	}
	return nil, fmt.Errorf("damaged: %d frames in %d parts, of which %d end", f.Frames, len(parts), frame)
}

// rle unpacks a frame of PS3.5's run lengths: each byte of each channel by itself, the
// highest first.
func (f *File) rle(data []byte) (*cells, error) {
	size := f.bits / 8
	planes, pixels := f.samples*size, f.Width*f.Height
	if size == 0 || f.floats {
		return nil, fmt.Errorf("RLE of numbers of %d bits: %w", f.bits, ErrUnsupported)
	}
	if len(data) < 64 || int(binary.LittleEndian.Uint32(data)) != planes {
		return nil, errors.New("damaged: RLE of other planes than the picture has")
	}
	out := make([]byte, planes*pixels)
	for k := range planes {
		at := binary.LittleEndian.Uint32(data[4+4*k:])
		if uint64(at) > uint64(len(data)) || at < 64 {
			return nil, errors.New("damaged: RLE")
		}
		to := out[k/size*pixels*size+size-1-k%size:] // little-endian, channel by channel
		if n := unpack(to, data[at:], size, pixels); n < pixels {
			return nil, fmt.Errorf("the picture is %w: %d of %d pixels", errShort, n, pixels)
		}
	}
	c := f.plain(out, binary.LittleEndian, f.bits)
	c.planar = f.samples > 1
	return c, nil
}

// unpack undoes PackBits, writing n bytes step bytes apart, and says how many there were.
func unpack(to, from []byte, step, n int) int {
	at := 0
	for len(from) > 1 && at < n {
		c := int(int8(from[0]))
		from = from[1:]
		switch {
		case c >= 0:
			for _, v := range from[:min(c+1, len(from), n-at)] {
				to[at*step] = v
				at++
			}
			from = from[min(c+1, len(from)):]
		case c != -128:
			for range min(1-c, n-at) {
				to[at*step] = from[0]
				at++
			}
			from = from[1:]
		}
	}
	return at
}

// jpeg decodes a frame of JPEG's.
func (f *File) jpeg(ctx context.Context, data []byte) (*cells, error) {
	head, err := jpegraw.Head(data)
	if err != nil {
		return nil, fmt.Errorf("the picture is damaged: %w", err)
	}
	if head.W != f.Width || head.H != f.Height || head.Components != f.samples || head.Bits > f.bits {
		return nil, fmt.Errorf("damaged: the JPEG stream has %d x %d pixels of %d numbers of %d bits, the file says %d x %d of %d of %d", head.W, head.H, head.Components, head.Bits, f.Width, f.Height, f.samples, f.bits)
	}
	var c *cells
	if head.Bits == 8 && (head.Process == 0 || head.Process == 1 || head.Process == 2) {
		c, err = f.lossy(data)
	} else {
		c, err = f.rawJPEG(data)
	}
	var unread jpegraw.Unread
	if errors.As(err, &unread) {
		return f.foreign(ctx, data)
	}
	if err != nil {
		return nil, fmt.Errorf("the picture is damaged: %w", err)
	}
	f.settle(c, head)
	return c, nil
}

// settle finds out what colours a JPEG stream has: where it says so itself, against the
// file, it is right.
func (f *File) settle(c *cells, head jpegraw.Info) {
	if f.samples != 3 || head.Process == 3 {
		return
	}
	switch ybr := f.Photometric != "RGB"; {
	case ybr && head.Adobe == 0:
		c.meaning = "RGB"
		c.notes = append(c.notes, "the JPEG stream has red, green and blue, other than the file says")
	case !ybr && (head.Adobe == 1 || head.JFIF && head.Adobe < 0):
		c.meaning = "YBR_FULL"
		c.notes = append(c.notes, "the JPEG stream has light and colour differences, other than the file says")
	}
}

// rawJPEG decodes streams that image/jpeg does not know.
func (f *File) rawJPEG(data []byte) (*cells, error) {
	p, err := jpegraw.Decode(data, f.Width, f.Height, f.samples, f.bits)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 2*len(p.Pix))
	for i, v := range p.Pix {
		binary.LittleEndian.PutUint16(out[2*i:], v)
	}
	c := f.plain(out, binary.LittleEndian, 16)
	return c, nil
}

// lossy decodes a stream of 8 bits.
func (f *File) lossy(data []byte) (*cells, error) {
	img, err := jpeg.Decode(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	w, h := f.Width, f.Height
	out := make([]byte, w*h*f.samples)
	switch p := img.(type) {
	case *image.Gray:
		for y := range h {
			copy(out[y*w:][:w], p.Pix[y*p.Stride:])
		}
	case *image.YCbCr:
		chroma.JPEGDifferences(p, func(y int, cb, cr []byte) {
			row := out[3*y*w:][:3*w]
			for x, light := range p.Y[y*p.YStride:][:w] {
				row[3*x], row[3*x+1], row[3*x+2] = light, cb[x], cr[x]
			}
		})
	case *image.RGBA:
		for y := range h {
			for x := range w {
				copy(out[3*(y*w+x):][:3], p.Pix[p.PixOffset(x, y):])
			}
		}
	default:
		return nil, fmt.Errorf("JPEG colours of four components: %w", ErrUnsupported)
	}
	c := f.plain(out, binary.LittleEndian, 8)
	c.shift, c.stored, c.signed = 0, 8, false
	return c, nil
}
