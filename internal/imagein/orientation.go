package imagein

import (
	"bytes"
	"encoding/binary"
	"image"

	"github.com/disintegration/imaging"

	"krypton/internal/chroma"
)

// orientation finds the EXIF orientation of a file, 1 if there is none or it is damaged:
// in a JPEG file's APP1 segment, a PNG file's chunk eXIf (PNG, third edition, 11.3.4.3)
// or a WebP file's chunk EXIF.
func orientation(data []byte, format string) int {
	const prefix = "Exif\x00\x00"
	found := 1
	switch format {
	case "jpeg":
		chroma.Segments(data, func(marker byte, _ int, body []byte) bool {
			exif := marker == 0xe1 && bytes.HasPrefix(body, []byte(prefix))
			if exif {
				found = tiffOrientation(body[len(prefix):])
			}
			return !exif
		})
	case "png":
		const head, rest = 8, 4 // length and kind before a chunk's bytes, a checksum behind them
		for at := int64(8); at+head <= int64(len(data)); {
			begin := at + head
			end := begin + int64(binary.BigEndian.Uint32(data[at:]))
			if end > int64(len(data)) {
				break
			}
			if string(data[at+4:begin]) == "eXIf" {
				return tiffOrientation(data[begin:end])
			}
			at = end + rest
		}
	case "webp":
		if len(data) < 12 {
			break
		}
		for kind, body, rest := riffChunk(data[12:]); kind != ""; kind, body, rest = riffChunk(rest) {
			if kind == "EXIF" {
				// Some programs write JPEG's prefix, which does not belong there.
				return tiffOrientation(bytes.TrimPrefix(body, []byte(prefix)))
			}
		}
	}
	return found
}

// tiffOrientation reads tag 0x112 of the first directory (TIFF 6.0).
func tiffOrientation(b []byte) int {
	if len(b) < 8 {
		return 1
	}
	var order binary.ByteOrder = binary.LittleEndian
	if b[0] == 'M' {
		order = binary.BigEndian
	}
	at := int64(order.Uint32(b[4:]))
	if at+2 > int64(len(b)) {
		return 1
	}
	n := int64(order.Uint16(b[at:]))
	for e := at + 2; n > 0 && e+12 <= int64(len(b)); n, e = n-1, e+12 {
		if order.Uint16(b[e:]) == 0x112 {
			if v := int(order.Uint16(b[e+8:])); v >= 1 && v <= 8 {
				return v
			}
		}
	}
	return 1
}

// upright undoes an EXIF orientation.
func upright(img *image.NRGBA, orientation int) *image.NRGBA {
	switch orientation {
	case 2:
		return imaging.FlipH(img)
	case 3:
		return imaging.Rotate180(img)
	case 4:
		return imaging.FlipV(img)
	case 5:
		return imaging.Transpose(img)
	case 6:
		return imaging.Rotate270(img)
	case 7:
		return imaging.Transverse(img)
	case 8:
		return imaging.Rotate90(img)
	}
	return img
}

// upright undoes an EXIF orientation.
func (d *Deep) upright(orientation int) *Deep {
	if orientation == 1 {
		return d
	}
	out := &Deep{W: d.W, H: d.H, Channels: d.Channels, Pix: make([]float32, len(d.Pix)), Ends: d.Ends}
	if orientation >= 5 {
		out.W, out.H = d.H, d.W
	}
	for y := range out.H {
		for x := range out.W {
			sx, sy := x, y
			if orientation >= 5 { // rows are columns
				sx, sy = y, x
			}
			if right := orientation == 2 || orientation == 3 || orientation >= 7; right {
				sx = d.W - 1 - sx
			}
			if down := orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7; down {
				sy = d.H - 1 - sy
			}
			copy(out.Pix[(y*out.W+x)*d.Channels:][:d.Channels], d.Pix[(sy*d.W+sx)*d.Channels:])
		}
	}
	return out
}
