package tiffin

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math/bits"

	"krypton/internal/chroma"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/image/ccitt"
	"golang.org/x/image/tiff/lzw"
)

// zstdWindow bounds what the decoder of Zstandard keeps.
const zstdWindow = 64 << 20

// segment is a strip or tile, unpacked.
type segment struct {
	x, y, plane int // of its first pixel, and of which plane it is
	w, h        int // of what is in it, beyond the picture too
	rowBytes    int
	data        []byte
	big         bool // its numbers, when predicted floats
}

// each unpacks one segment after the other.
func (f *File) each(use func(*segment) error) error {
	var buffer []byte
	for plane := range f.planes() {
		for i := range f.across * f.down {
			s := &segment{x: i % f.across * f.segW, y: i / f.across * f.segH, plane: plane, w: f.segW, h: f.segH}
			if !f.tiled {
				s.h = min(s.h, f.Height-s.y)
			}
			s.rowBytes = (s.w*f.together()*f.Bits + 7) / 8
			raw, err := f.raw(plane*f.across*f.down + i)
			if err != nil {
				return err
			}
			need := s.rowBytes * s.h
			if f.photometric == photoYCbCr && f.compression != 7 {
				need = (s.w + f.subX - 1) / f.subX * ((s.h + f.subY - 1) / f.subY) * (f.subX*f.subY + 2)
			}
			if cap(buffer) < need {
				buffer = make([]byte, need)
			}
			s.data = buffer[:need]
			if err := f.unpack(s, raw); err != nil {
				return fmt.Errorf("strip or tile at %d, %d: %w", s.x, s.y, err)
			}
			if err := use(s); err != nil {
				return err
			}
		}
	}
	return nil
}

// raw are the bytes of segment i in the file.
func (f *File) raw(i int) ([]byte, error) {
	at, n := f.dir.at(f.offsets, i), f.dir.at(f.counts, i)
	if length := uint64(len(f.data)); at > length || n > length-at || n == 0 {
		return nil, fmt.Errorf("strip or tile %d lies outside of the file, or nowhere", i)
	}
	raw := f.data[at : at+n]
	if f.reversed && f.compression != 7 {
		turned := make([]byte, len(raw))
		for i, b := range raw {
			turned[i] = bits.Reverse8(b)
		}
		return turned, nil
	}
	return raw, nil
}

// unpack fills a segment from what the file has of it, which must be all of it.
func (f *File) unpack(s *segment, raw []byte) error {
	var r io.Reader = bytes.NewReader(raw)
	switch f.compression {
	case 3, 4:
		sf := ccitt.Group3
		if f.compression == 4 {
			sf = ccitt.Group4
		}
		// White runs are bits of 0 whatever the file calls white: where 0 is black, it means
		// the reverse picture (TIFF 6.0, section 11).
		r = ccitt.NewReader(r, ccitt.MSB, sf, s.w, s.h, &ccitt.Options{Invert: true})
	case 5:
		l := lzw.NewReader(r, lzw.MSB, 8)
		defer l.Close()
		r = l
	case 7:
		return f.unpackJPEG(s, raw)
	case 8, 32946:
		z, err := zlib.NewReader(r)
		if err != nil {
			return err
		}
		defer z.Close()
		r = z
	case 32773:
		if err := packBits(s.data, raw); err != nil {
			return err
		}
		return f.unpredict(s)
	case 50000:
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(zstdWindow), zstd.WithDecoderMaxWindow(zstdWindow))
		if err != nil {
			return err
		}
		defer z.Close()
		r = z
	}
	if n, err := io.ReadFull(r, s.data); err != nil {
		return fmt.Errorf("%d bytes of %d: %w", n, len(s.data), err)
	}
	return f.unpredict(s)
}

// packBits unpacks runs of bytes (TIFF 6.0, section 9).
func packBits(dst, src []byte) error {
	for len(dst) > 0 {
		if len(src) < 2 {
			return io.ErrUnexpectedEOF
		}
		n := int(int8(src[0]))
		src = src[1:]
		switch {
		case n >= 0:
			if n++; n > len(src) || n > len(dst) {
				return errors.New("damaged PackBits")
			}
			copy(dst, src[:n])
			src = src[n:]
		case n == -128:
			continue
		default:
			if n = 1 - n; n > len(dst) {
				return errors.New("damaged PackBits")
			}
			for i := range n {
				dst[i] = src[0]
			}
			src = src[1:]
		}
		dst = dst[n:]
	}
	return nil
}

// unpredict undoes a predictor, row by row.
func (f *File) unpredict(s *segment) error {
	n, width := f.together(), f.Bits/8
	for y := range s.h {
		if f.predictor == 1 {
			return nil
		}
		row := s.data[y*s.rowBytes:][:s.rowBytes]
		if f.predictor == 3 {
			for i := n; i < len(row); i++ {
				row[i] += row[i-n]
			}
			planes := bytes.Clone(row)
			for i := range row { // the first bytes of all numbers came first
				row[i] = planes[i%width*(len(row)/width)+i/width]
			}
			s.big = true
			continue
		}
		for i := n * width; i < len(row); i += width {
			f.add(row[i:i+width], row[i-n*width:])
		}
	}
	return nil
}

// add adds a number to the one in front, in the file's order of bytes.
func (f *File) add(to, from []byte) {
	order := f.dir.order
	switch len(to) {
	case 1:
		to[0] += from[0]
	case 2:
		order.PutUint16(to, order.Uint16(to)+order.Uint16(from))
	case 4:
		order.PutUint32(to, order.Uint32(to)+order.Uint32(from))
	case 8:
		order.PutUint64(to, order.Uint64(to)+order.Uint64(from))
	}
}

// unpackJPEG fills a segment from a JPEG stream, whose tables may lie elsewhere. What
// its numbers mean the TIFF file says.
func (f *File) unpackJPEG(s *segment, raw []byte) error {
	if tables := f.dir.all[tagJPEGTables].data; len(tables) > 4 && len(raw) > 2 {
		raw = append(tables[:len(tables)-2:len(tables)-2], raw[2:]...)
	}
	if f.together() == 4 && len(raw) > 2 {
		// Package image wants to be told what four components are; what Adobe's
		// segment says, with no transform, is stored inverted.
		adobe := "\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
		raw = append(append(bytes.Clone(raw[:2]), adobe...), raw[2:]...)
	}
	c, err := jpeg.DecodeConfig(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if c.Width != s.w || c.Height < min(s.h, f.Height-s.y) || c.Height > f.segH {
		return fmt.Errorf("JPEG of %d x %d pixels", c.Width, c.Height)
	}
	img, err := jpeg.Decode(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	if f.photometric == photoYCbCr {
		img = chroma.Decoded(img)
	}
	n := f.together()
	for y := range min(s.h, c.Height) {
		row := s.data[y*s.rowBytes:][:s.rowBytes]
		for x := range s.w {
			if !f.component(row[x*n:][:n], img, x, y) {
				return fmt.Errorf("JPEG of other components than %d: %w", n, ErrUnsupported)
			}
		}
	}
	return nil
}

// component writes a pixel's numbers: those that the JPEG stream holds, but for YCbCr,
// which becomes red, green and blue.
func (f *File) component(dst []byte, img image.Image, x, y int) bool {
	switch m := img.(type) {
	case *image.Gray:
		dst[0] = m.Pix[y*m.Stride+x]
		return len(dst) == 1
	case *image.YCbCr:
		if len(dst) != 3 {
			return false
		}
		c := m.YCbCrAt(x, y)
		dst[0], dst[1], dst[2] = c.Y, c.Cb, c.Cr
		return true
	case *image.NRGBA:
		copy(dst, m.Pix[y*m.Stride+4*x:][:3])
		return len(dst) == 3
	case *image.RGBA: // its components are called R, G and B
		copy(dst, m.Pix[y*m.Stride+4*x:][:3])
		return len(dst) == 3
	case *image.CMYK:
		for i, v := range m.Pix[y*m.Stride+4*x:][:4] {
			dst[i%len(dst)] = 255 - v
		}
		return len(dst) == 4
	}
	return false
}
