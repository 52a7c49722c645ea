// Package imagein reads pictures from files that nobody has looked at, and
// prepares them for a network: resizing to the input's size, then
// normalization.
package imagein

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	_ "image/gif" // decoders register themselves with package image
	_ "image/jpeg"
	_ "image/png"
	"io"
	"math"
	"os"

	"krypton/internal/chroma"
	"krypton/internal/dicom"
	"krypton/internal/failure"
	"krypton/internal/regular"

	_ "golang.org/x/image/bmp"
	_ "golang.org/x/image/webp"
)

// ErrUnusable says that a file is not a picture that can be used: do not retry.
var ErrUnusable = errors.New("picture cannot be used")

// Limits bound what is read. They are checked before anything is allocated.
type Limits struct {
	MaxPixels int64
	MaxBytes  int64
	// Memory bounds what decoding takes, in bytes: ErrMemory. 0 is no bound.
	Memory int64
}

// DefaultLimits are 100 megapixels and 256 MiB.
var DefaultLimits = Limits{MaxPixels: 100e6, MaxBytes: 256 << 20}

// Picture is a decoded picture: opaque, upright, its bounds at the origin.
type Picture struct {
	// Image is the picture in eight bits a colour.
	Image *image.NRGBA
	// Deep is the picture with fractions; nil where Image is all there is.
	Deep *Deep
	// Samples are the file's numbers, such as uint16, "" for those of eight bits.
	Samples string
	// Format is png, jpeg, gif, bmp, tiff, webp or dicom.
	Format string
	// SHA256 is the digest of the file's bytes, in hex.
	SHA256 string
	// Orientation is the EXIF orientation that was undone, 1 for none.
	Orientation int
	// DICOM says how a DICOM file's picture was read, nil for others.
	DICOM *DICOM
	// Transparent says that some parts were.
	Transparent bool
	// Notes say what was changed, such as transparency laid over white; failure.Spell writes
	// them.
	Notes []error
}

// Open reads a picture file.
func Open(path string, l Limits) (*Picture, error) {
	f, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return Decode(f, path, l)
}

// DecodeMask reads a picture whose numbers count only by whether they are more than 0,
// whatever kind they are.
func DecodeMask(r io.Reader, name string, l Limits) (*Picture, error) {
	return decode(context.Background(), r, name, 0, l, View{Window: &Window{0, math.SmallestNonzeroFloat64}, Rule: painted})
}

// OpenRegular opens a file. What is not a regular file is refused without
// waiting for it.
func OpenRegular(path string) (*os.File, error) {
	f, _, err := regular.Open(path)
	switch {
	case errors.Is(err, regular.ErrNot):
		return nil, fmt.Errorf("%s: %w: %w", regular.Name(path), ErrUnusable, err)
	case err != nil:
		return nil, fmt.Errorf("%s: %w", regular.Name(path), err)
	}
	return f, nil
}

// Decode reads a picture; name is for messages. Of an animation, and of several frames, the
// first counts.
func Decode(r io.Reader, name string, l Limits) (*Picture, error) {
	return decode(context.Background(), r, name, 0, l, View{})
}

// Decode reads a picture as the preprocessing sees it: through its window.
func (p *Preprocess) Decode(r io.Reader, name string, l Limits) (*Picture, error) {
	return decode(context.Background(), r, name, 0, l, p.View)
}

// DecodeFrame is Decode of one of several frames, from 1 on; 0 is the first.
func (p *Preprocess) DecodeFrame(ctx context.Context, r io.Reader, name string, frame int, l Limits) (*Picture, error) {
	return decode(ctx, r, name, frame, l, p.View)
}

func decode(ctx context.Context, r io.Reader, name string, frame int, l Limits, v View) (p *Picture, err error) {
	name = regular.Name(name)
	data, err := l.ReadAll(r, 2, ErrUnusable)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer func() {
		if r := recover(); r != nil {
			p, err = nil, fmt.Errorf("%s: %w: damaged (%v)", name, ErrUnusable, r)
		}
	}()
	sum := sha256.Sum256(data)
	p = &Picture{Format: "tiff", SHA256: hex.EncodeToString(sum[:])}
	if dicom.Is(data) {
		err = p.takeDICOM(ctx, data, frame, &l, v)
	} else {
		err = p.takePlain(data, frame, &l, v)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return p, nil
}

// takePlain decodes a file whose numbers have no window of their own.
func (p *Picture) takePlain(data []byte, frame int, l *Limits, v View) error {
	w, full, err := v.plain()
	switch {
	case err != nil:
		return err
	case frame > 1:
		return fmt.Errorf("%w: there is no frame %d: only those of DICOM files are read", ErrUnusable, frame)
	case isTIFF(data):
		return p.takeTIFF(data, l, w, full)
	}
	return p.takeOther(data, l, w)
}

// pixels fails if there are too many.
func (l *Limits) pixels(width, height int) error {
	if width < 1 || height < 1 || int64(width) > l.MaxPixels/int64(height) {
		return failure.Settingf("%w: %d x %d pixels, the limit is %d in all (%v)", ErrUnusable, width, height, l.MaxPixels, failure.Setting("max-pixels"))
	}
	return nil
}

// takeOther decodes a file by what is registered with package image.
func (p *Picture) takeOther(data []byte, l *Limits, w *Window) error {
	c, format, err := image.DecodeConfig(bytes.NewReader(data))
	if err != nil {
		return refusal(data, err)
	}
	if err := l.pixels(c.Width, c.Height); err != nil {
		return err
	}
	if err := l.fits(c.Width, c.Height, int64(len(data)), decodedBytes(data, format, c, w)); err != nil {
		return err
	}
	p.Format, p.Orientation = format, orientation(data, format)
	var img image.Image
	switch format {
	case "webp":
		img, err = decodeWebP(data)
	case "jpeg":
		img, err = chroma.Decode(data)
	default:
		img, _, err = image.Decode(bytes.NewReader(data))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	// A GIF frame may cover part of its screen only.
	if b := img.Bounds(); b.Dx() < 1 || b.Dy() < 1 || int64(b.Dx()) > l.MaxPixels/int64(b.Dy()) {
		return fmt.Errorf("%w: first frame is %v", ErrUnusable, b)
	}
	p.take(img, w)
	return nil
}

// ReadAll reads all bytes of a file, if they are within the limits, and so many times as much
// within the memory: what is read is copied as it grows, and may be unpacked. bad is what a
// file is called that cannot be read or is larger than any.
func (l *Limits) ReadAll(r io.Reader, times int64, bad error) ([]byte, error) {
	most := l.MaxBytes
	if l.Memory > 0 {
		most = min(most, l.Memory/times)
	}
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", bad, err)
	case int64(len(data)) > l.MaxBytes:
		return nil, fmt.Errorf("%w: larger than %d MiB", bad, l.MaxBytes>>20)
	case int64(len(data)) > most:
		return nil, failure.Settingf("%w: the file is larger than 1/%d of the %d MiB that are left (%v)", ErrMemory, times, l.Memory>>20, failure.Setting("memory"))
	}
	return data, nil
}

// take makes a decoded image opaque and upright, in the depth that it has.
func (p *Picture) take(img image.Image, w *Window) {
	bits, _ := bitsOf(img)
	if bits == 8 && w == nil {
		var flat *image.NRGBA
		flat, p.Transparent = opaque(img)
		p.Image = upright(flat, p.Orientation)
	} else {
		var d *Deep
		var greatest float64
		d, p.Transparent, greatest = deepen(img, w)
		p.settle(d)
		if bits == 16 {
			p.Samples = "uint16"
		}
		if bits == 16 && w == nil {
			p.tellDark(bits, greatest)
		}
	}
	p.tellTransparent()
}

// settle takes a picture with fractions, as stored.
func (p *Picture) settle(d *Deep) {
	p.Deep = d.upright(p.Orientation)
	p.Image = p.Deep.Image()
}

// tellDark notes that a deep picture uses few of its numbers.
func (p *Picture) tellDark(bits int, greatest float64) {
	if most := math.Exp2(float64(bits)) - 1; greatest > 0 && greatest < (most+1)/4 {
		p.Notes = append(p.Notes, failure.Settingf("the largest of its %d-bit numbers is %g of %g: if that is meant to be white, say %v 0,%g", bits, greatest, most, failure.Setting("window"), greatest))
	}
}

func (p *Picture) tellTransparent() {
	if p.Transparent {
		p.Notes = append(p.Notes, errors.New("transparent parts are laid over white"))
	}
}

// pixels gives an image's colours, one by one: a palette index out of range, which
// some decoders let through, is black.
func pixels(img image.Image) func(x, y int) color.Color {
	pal, ok := img.(*image.Paletted)
	if !ok {
		return img.At
	}
	return func(x, y int) color.Color {
		if i := int(pal.ColorIndexAt(x, y)); i < len(pal.Palette) {
			return pal.Palette[i]
		}
		return color.Black
	}
}

// opaque converts to 8-bit colour over white. What is that already is not copied.
func opaque(img image.Image) (*image.NRGBA, bool) {
	b := img.Bounds()
	if m, ok := img.(*image.NRGBA); ok && b.Min == (image.Point{}) && m.Opaque() {
		return m, false
	}
	out := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
	transparent := false
	at := pixels(img)
	for y := range b.Dy() {
		row := out.Pix[y*out.Stride:]
		for x := range b.Dx() {
			r, g, bl, a := at(b.Min.X+x, b.Min.Y+y).RGBA() // premultiplied, 16 bits
			if a != 0xffff {
				transparent = true
			}
			white := 0xffff - a
			// Rounded to 8 bits as 255/65535.
			row[4*x], row[4*x+1], row[4*x+2], row[4*x+3] = to8(r+white), to8(g+white), to8(bl+white), 255
		}
	}
	return out, transparent
}

func to8(v uint32) uint8 { return uint8((min(v, 0xffff) + 128) / 257) }
