package video

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"slices"
	"time"

	"krypton/internal/chroma"
)

// maxJPEG bounds the bytes of one JPEG picture.
const maxJPEG = 64 << 20

// decodeJPEG decodes one picture, which must have the given size, or any that
// fits if that is empty.
func decodeJPEG(data []byte, size image.Point, opt Options) (img image.Image, err error) {
	defer func() {
		if r := recover(); r != nil { // the standard library's decoder met a stranger's file
			img, err = nil, fmt.Errorf("damaged JPEG (%v)", r)
		}
	}()
	data = withTables(data)
	c, err := jpeg.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	if err := opt.fits(c.Width, c.Height); err != nil {
		return nil, err
	}
	if size != (image.Point{}) && size != image.Pt(c.Width, c.Height) {
		return nil, fmt.Errorf("%d x %d pixels, the first frame %d x %d", c.Width, c.Height, size.X, size.Y)
	}
	return chroma.Decode(data) // as of a still
}

// withTables adds the standard Huffman tables to pictures without any: cameras
// leave them out of Motion JPEG.
func withTables(data []byte) []byte {
	picture := chroma.Segments(data, func(marker byte, _ int, _ []byte) bool { return marker != 0xc4 })
	if picture < 0 {
		return data
	}
	return slices.Concat(data[:picture], standardDHT, data[picture:])
}

// jpegShape is the shape of pixels in the header of a picture, as ffmpeg writes and
// reads it there; unknown if there is none.
func jpegShape(data []byte) Shape {
	if len(data) < 18 || string(data[2:4]) != "\xff\xe0" || string(data[6:11]) != "JFIF\x00" {
		return Shape{}
	}
	return Shape{int(data[14])<<8 | int(data[15]), int(data[16])<<8 | int(data[17])}
}

// mjpegDecoder reads JPEG pictures that follow each other.
type mjpegDecoder struct {
	*byteSource
	opt   Options
	rate  ratio
	size  image.Point
	index int64
	data  []byte
	first bool // data holds the first picture, which open has read
	lost  int
}

func openMJPEG(src *byteSource, opt Options) (decoder, Info, error) {
	d := &mjpegDecoder{byteSource: src, opt: opt, rate: rateOf(opt.RawFPS), index: -1}
	if err := d.read(); err != nil {
		return nil, Info{}, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	img, err := decodeJPEG(d.data, image.Point{}, opt)
	if err != nil {
		return nil, Info{}, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	d.size, d.first = img.Bounds().Size(), true
	return d, Info{SourceWidth: d.size.X, SourceHeight: d.size.Y, FPS: opt.RawFPS, Frames: -1, Shape: jpegShape(d.data), Decoder: "builtin mjpeg"}, nil
}

func (d *mjpegDecoder) next() (time.Duration, error) {
	if d.first {
		d.first = false
	} else if err := d.read(); err != nil {
		if err == io.EOF {
			return 0, err
		}
		return 0, fmt.Errorf("%w: frame %d: %w", ErrIncomplete, d.index+1, err)
	}
	d.index++
	return d.rate.inverse().times(d.index), nil
}

func (d *mjpegDecoder) pixels(dst []byte) error {
	img, err := decodeJPEG(d.data, d.size, d.opt)
	if err != nil {
		return fmt.Errorf("%w: %w", errDamagedFrame, err)
	}
	toRGB(dst, img)
	return nil
}

func (d *mjpegDecoder) damage() int { return d.lost }

var errJPEG = errors.New("damaged JPEG")

// read reads one picture's bytes into data. io.EOF says that there is none.
func (d *mjpegDecoder) read() error {
	if err := d.begin(); err != nil {
		return err
	}
	d.data = append(d.data[:0], 0xff, 0xd8)
	for {
		m, err := d.marker()
		if err != nil {
			return unexpected(err)
		}
		switch {
		case m == 0xd9:
			return nil
		case m == 0x01 || m >= 0xd0 && m <= 0xd7: // stand alone
			continue
		case m == 0xd8:
			return fmt.Errorf("%w: a picture begins within another", errJPEG)
		}
		var b [2]byte
		if _, err := io.ReadFull(d, b[:]); err != nil {
			return unexpected(err)
		}
		d.data = append(d.data, b[:]...)
		n := int(b[0])<<8 + int(b[1]) - 2
		if n < 0 {
			return fmt.Errorf("%w: a segment of %d bytes", errJPEG, n+2)
		}
		at := len(d.data)
		if at+n > maxJPEG {
			return fmt.Errorf("%w: more than %d MiB", errJPEG, maxJPEG>>20)
		}
		d.data = append(d.data, make([]byte, n)...)
		if _, err := io.ReadFull(d, d.data[at:]); err != nil {
			return unexpected(err)
		}
	}
}

// begin goes to the next picture's start. What lies before it is damage, but for
// zeros, which cameras pad with.
func (d *mjpegDecoder) begin() error {
	garbage := false
	for {
		b, err := d.Peek(2)
		if len(b) < 2 {
			if err == io.EOF && (len(b) == 0 || b[0] == 0) {
				return io.EOF
			}
			return unexpected(err)
		}
		if b[0] == 0xff && b[1] == 0xd8 {
			if _, err := d.Discard(2); err != nil {
				return err
			}
			return nil
		}
		if b[0] != 0 && !garbage {
			if !d.opt.Lenient {
				return fmt.Errorf("%w: other data between the pictures", errJPEG)
			}
			garbage = true
			d.lost++
		}
		if _, err := d.Discard(1); err != nil {
			return err
		}
	}
}

// marker copies up to and with the next marker, over the data of a scan.
func (d *mjpegDecoder) marker() (byte, error) {
	last := byte(0)
	for {
		b, err := d.ReadByte()
		if err != nil {
			return 0, err
		}
		if len(d.data) >= maxJPEG {
			return 0, fmt.Errorf("%w: more than %d MiB", errJPEG, maxJPEG>>20)
		}
		d.data = append(d.data, b)
		if last == 0xff && b != 0 && b != 0xff {
			return b, nil
		}
		last = b
	}
}

// standardDHT are the tables of ITU-T T.81, annex K.3.3.
var standardDHT = dht()

func dht() []byte {
	b := []byte{0xff, 0xc4, 0x01, 0xa2}
	b = append(b, 0x00, 0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	b = append(b, 0x10, 0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d)
	b = append(b, "\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\xc1\x15\x52\xd1\xf0\x24\x33\x62\x72\x82"+
		"\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28\x29\x2a\x34\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a"+
		"\x83\x84\x85\x86\x87\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda"+
		"\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa"...)
	b = append(b, 0x01, 0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)
	b = append(b, 0x11, 0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77)
	return append(b, "\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\x09\x23\x33\x52\xf0\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a"+
		"\x26\x27\x28\x29\x2a\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a"+
		"\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda"+
		"\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\xfa"...)
}
