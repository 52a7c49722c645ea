package video

import (
	"bufio"
	"compress/lzw"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"time"
)

// gifDecoder reads an animated GIF frame by frame. It holds the canvas, a copy
// for frames that are taken back, and one frame's indices, whatever the number of
// frames. The standard library reads all frames at once or the first one only.
// https://www.w3.org/Graphics/GIF/spec-gif89a.txt
type gifDecoder struct {
	*byteSource
	lenient bool
	lost    int
	w, h    int
	global  []byte // palette, three bytes a colour
	canvas  []byte // red, green, blue and 0 or 255, in that order
	saved   []byte // the canvas before a frame that is taken back
	indices []byte

	at    time.Duration // of the next frame
	undo  int           // how the last frame is disposed of
	undoR image.Rectangle
	any   bool
}

// How a frame is disposed of before the next one.
const (
	gifClear    = 2
	gifPrevious = 3
)

// gifControl is what precedes a frame.
type gifControl struct {
	dispose     int
	transparent int // index, -1 for none
	delay       time.Duration
}

// gifDefaultDelay is shown for frames that declare none or 10 ms, as browsers
// do.
const gifDefaultDelay = 100 * time.Millisecond

var errGIF = errors.New("damaged GIF")

func openGIF(src *byteSource, opt Options) (decoder, Info, error) {
	var b [13]byte
	if _, err := io.ReadFull(src, b[:]); err != nil {
		return nil, Info{}, fmt.Errorf("%w: the header is cut off", ErrUnusable)
	}
	d := &gifDecoder{byteSource: src, lenient: opt.Lenient, w: int(binary.LittleEndian.Uint16(b[6:])), h: int(binary.LittleEndian.Uint16(b[8:]))}
	if err := opt.fits(d.w, d.h); err != nil {
		return nil, Info{}, err
	}
	var err error
	if d.global, err = d.palette(b[10]); err != nil {
		return nil, Info{}, fmt.Errorf("%w: the palette is cut off", ErrUnusable)
	}
	info := Info{SourceWidth: d.w, SourceHeight: d.h, Frames: -1, Decoder: "builtin gif"}
	if b[12] != 0 {
		info.Shape = Shape{int(b[12]) + 15, 64}
	}
	return d, info, nil
}

// palette reads a palette if flags announce one.
func (d *gifDecoder) palette(flags byte) ([]byte, error) {
	if flags&0x80 == 0 {
		return nil, nil
	}
	p := make([]byte, 3<<(flags&7+1))
	_, err := io.ReadFull(d, p)
	return p, err
}

func (d *gifDecoder) next() (time.Duration, error) {
	t, err := d.frame()
	switch {
	case err == nil:
		d.any = true
		return t, nil
	case err == io.EOF && !d.any:
		return 0, fmt.Errorf("%w: it has no frames", ErrUnusable)
	case err == io.EOF:
		return 0, err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return 0, fmt.Errorf("%w: the GIF is cut off", ErrIncomplete)
	}
	return 0, fmt.Errorf("%w: %w", ErrIncomplete, err)
}

// frame draws the next frame.
func (d *gifDecoder) frame() (time.Duration, error) {
	c := gifControl{transparent: -1, delay: gifDefaultDelay}
	for {
		b, err := d.ReadByte()
		if err != nil {
			return 0, unexpected(err)
		}
		switch b {
		case 0x3b:
			return 0, io.EOF
		case 0x21:
			if err := d.extension(&c); err != nil {
				return 0, unexpected(err)
			}
		case 0x2c:
			t := d.at
			d.at += c.delay
			return t, unexpected(d.draw(c))
		case 0: // padding that some writers leave
		default:
			return 0, fmt.Errorf("%w: block %#x", errGIF, b)
		}
	}
}

// extension reads an extension; what is no graphic control is skipped.
func (d *gifDecoder) extension(c *gifControl) error {
	label, err := d.ReadByte()
	if err != nil {
		return err
	}
	blocks := &gifBlocks{r: d.Reader}
	if label == 0xf9 {
		var b [4]byte
		if _, err := io.ReadFull(blocks, b[:]); err != nil {
			return err
		}
		c.dispose = int(b[0] >> 2 & 7)
		if c.transparent = -1; b[0]&1 != 0 {
			c.transparent = int(b[3])
		}
		c.delay = time.Duration(binary.LittleEndian.Uint16(b[1:])) * 10 * time.Millisecond
		if c.delay < 20*time.Millisecond {
			c.delay = gifDefaultDelay
		}
	}
	return blocks.drain()
}

// draw reads a frame's picture and lays it on the canvas.
func (d *gifDecoder) draw(c gifControl) error {
	var b [9]byte
	if _, err := io.ReadFull(d, b[:]); err != nil {
		return err
	}
	le := binary.LittleEndian
	x, y := int(le.Uint16(b[0:])), int(le.Uint16(b[2:]))
	r := image.Rect(x, y, x+int(le.Uint16(b[4:])), y+int(le.Uint16(b[6:])))
	palette, err := d.palette(b[8])
	if err != nil {
		return err
	}
	if palette == nil {
		palette = d.global
	}
	width, err := d.ReadByte()
	if err != nil {
		return err
	}
	if !r.In(image.Rect(0, 0, d.w, d.h)) || r.Empty() {
		return fmt.Errorf("%w: a frame at %v on a screen of %d x %d", errGIF, r, d.w, d.h)
	}
	if width < 2 || width > 8 {
		return fmt.Errorf("%w: codes of %d bits", errGIF, width)
	}
	d.dispose()
	d.undo, d.undoR = c.dispose, r
	if c.dispose == gifPrevious {
		d.saved = append(d.saved[:0], d.canvas...)
	}
	blocks := &gifBlocks{r: d.Reader}
	n := r.Dx() * r.Dy()
	if cap(d.indices) < n {
		d.indices = make([]byte, n)
	}
	codes := lzw.NewReader(blocks, lzw.LSB, int(width))
	got, err := io.ReadFull(codes, d.indices[:n])
	codes.Close()
	if err != nil {
		if blocks.cut || !d.lenient {
			return fmt.Errorf("%w: %d pixels of %d", errGIF, got, n)
		}
		d.lost++
	}
	d.lay(r, d.indices[:got], palette, c.transparent, b[8]&0x40 != 0)
	return blocks.drain()
}

// dispose takes the last frame off the canvas, if it says so.
func (d *gifDecoder) dispose() {
	if d.canvas == nil {
		d.canvas = make([]byte, 4*d.w*d.h)
	}
	switch d.undo {
	case gifClear:
		for y := d.undoR.Min.Y; y < d.undoR.Max.Y; y++ {
			clear(d.canvas[4*(y*d.w+d.undoR.Min.X) : 4*(y*d.w+d.undoR.Max.X)])
		}
	case gifPrevious:
		copy(d.canvas, d.saved)
	}
}

// lay draws indices on the canvas. One beyond the palette is black.
func (d *gifDecoder) lay(r image.Rectangle, indices, palette []byte, transparent int, interlaced bool) {
	w := r.Dx()
	row := 0
	put := func(y int) {
		from := min(row*w, len(indices))
		out := d.canvas[4*((r.Min.Y+y)*d.w+r.Min.X):]
		for x, i := range indices[from:min(from+w, len(indices))] {
			if int(i) == transparent {
				continue
			}
			c := [3]byte{}
			if 3*int(i)+3 <= len(palette) {
				c = [3]byte(palette[3*int(i):])
			}
			out[4*x], out[4*x+1], out[4*x+2], out[4*x+3] = c[0], c[1], c[2], 255
		}
		row++
	}
	passes := [][2]int{{0, 1}}
	if interlaced {
		passes = [][2]int{{0, 8}, {4, 8}, {2, 4}, {1, 2}}
	}
	for _, p := range passes {
		for y := p[0]; y < r.Dy(); y += p[1] {
			put(y)
		}
	}
}

func (d *gifDecoder) pixels(dst []byte) error {
	for i := range d.w * d.h {
		c := d.canvas[4*i : 4*i+4]
		if c[3] == 0 {
			dst[3*i], dst[3*i+1], dst[3*i+2] = 255, 255, 255
			continue
		}
		copy(dst[3*i:3*i+3], c)
	}
	return nil
}

func (d *gifDecoder) damage() int { return d.lost }

// gifBlocks reads the data of sub-blocks up to their terminator.
type gifBlocks struct {
	r    *bufio.Reader
	left int
	end  bool
	cut  bool // the file ended in the middle
}

func (b *gifBlocks) ReadByte() (byte, error) {
	var c [1]byte
	_, err := io.ReadFull(b, c[:])
	return c[0], err
}

func (b *gifBlocks) Read(p []byte) (int, error) {
	if b.left == 0 {
		if b.end {
			return 0, io.EOF
		}
		n, err := b.r.ReadByte()
		if err != nil {
			b.cut = true
			return 0, unexpected(err)
		}
		if n == 0 {
			b.end = true
			return 0, io.EOF
		}
		b.left = int(n)
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil {
		b.cut = true
	}
	return n, unexpected(err)
}

// drain reads up to the terminator.
func (b *gifBlocks) drain() error {
	_, err := io.Copy(io.Discard, b)
	return err
}
