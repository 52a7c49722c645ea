// Package tiffin reads the first picture of a TIFF file that nobody has looked at: of
// TIFF 6.0 and BigTIFF, in strips or tiles, pixel by pixel or plane by plane, numbers
// of 1 to 64 bits with and without sign or as floats, as they are or compressed by
// PackBits, LZW, Deflate, Zstandard, CCITT or JPEG. golang.org/x/image/tiff reads less
// than half of these, and rounds none of them wrong: tests hold this package to it.
package tiffin

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrUnsupported says that a file may be sound but holds what is not read.
var ErrUnsupported = errors.New("is not read")

// Tags of TIFF 6.0 and its supplements.
const (
	tagWidth           = 256
	tagHeight          = 257
	tagBits            = 258
	tagCompression     = 259
	tagPhotometric     = 262
	tagFillOrder       = 266
	tagStripOffsets    = 273
	tagOrientation     = 274
	tagSamples         = 277
	tagRowsPerStrip    = 278
	tagStripBytes      = 279
	tagPlanar          = 284
	tagT4Options       = 292
	tagPredictor       = 317
	tagColorMap        = 320
	tagTileWidth       = 322
	tagTileHeight      = 323
	tagTileOffsets     = 324
	tagTileBytes       = 325
	tagInkSet          = 332
	tagExtraSamples    = 338
	tagSampleFormat    = 339
	tagJPEGTables      = 347
	tagSubsampling     = 530
	tagReferenceLevels = 532
)

// entry is where the numbers of a tag lie.
type entry struct {
	kind  uint16
	count uint64
	data  []byte
}

// directory is the first one of a file.
type directory struct {
	order binary.ByteOrder
	all   map[uint16]entry
}

// sizes are those of the types of numbers that are read, in bytes.
var sizes = map[uint16]uint64{1: 1, 3: 2, 4: 4, 5: 8, 7: 1, 13: 4, 16: 8, 18: 8}

// readDirectory finds the first directory and checks that all it points to lies in the
// file.
func readDirectory(data []byte) (*directory, error) {
	d := &directory{order: binary.LittleEndian, all: map[uint16]entry{}}
	if len(data) < 16 || string(data[:2]) != "II" && string(data[:2]) != "MM" {
		return nil, errors.New("no TIFF file")
	}
	if data[0] == 'M' {
		d.order = binary.BigEndian
	}
	big := false
	at := uint64(d.order.Uint32(data[4:]))
	switch d.order.Uint16(data[2:]) {
	case 42:
	case 43:
		if d.order.Uint16(data[4:]) != 8 || d.order.Uint16(data[6:]) != 0 {
			return nil, errors.New("damaged head of a BigTIFF file")
		}
		big, at = true, d.order.Uint64(data[8:])
	default:
		return nil, errors.New("no TIFF file")
	}
	head, size, inline := uint64(2), uint64(12), uint64(4)
	if big {
		head, size, inline = 8, 20, 8
	}
	length := uint64(len(data))
	if at > length || length-at < head {
		return nil, errors.New("its directory lies outside of the file")
	}
	n := uint64(d.order.Uint16(data[at:]))
	if big {
		n = d.order.Uint64(data[at:])
	}
	if at += head; n > (length-at)/size || n > math.MaxUint16 {
		return nil, errors.New("its directory is cut off")
	}
	for ; n > 0; n, at = n-1, at+size {
		e := data[at : at+size]
		tag := d.order.Uint16(e)
		one := entry{kind: d.order.Uint16(e[2:]), count: uint64(d.order.Uint32(e[4:]))}
		if big {
			one.count = d.order.Uint64(e[4:])
		}
		unit, known := sizes[one.kind]
		if !known {
			continue // texts, and what is newer than this
		}
		if one.count > length/unit {
			return nil, fmt.Errorf("tag %d has %d numbers, more than the file has bytes", tag, one.count)
		}
		if bytes := one.count * unit; bytes <= inline {
			one.data = e[size-inline:][:bytes]
		} else {
			to := uint64(d.order.Uint32(e[8:]))
			if big {
				to = d.order.Uint64(e[12:])
			}
			if to > length || length-to < bytes {
				return nil, fmt.Errorf("the numbers of tag %d lie outside of the file", tag)
			}
			one.data = data[to : to+bytes]
		}
		if _, twice := d.all[tag]; !twice {
			d.all[tag] = one
		}
	}
	return d, nil
}

// at is number i of an entry.
func (d *directory) at(e entry, i int) uint64 {
	switch e.kind {
	case 1, 7:
		return uint64(e.data[i])
	case 3:
		return uint64(d.order.Uint16(e.data[2*i:]))
	case 4, 13:
		return uint64(d.order.Uint32(e.data[4*i:]))
	case 16, 18:
		return d.order.Uint64(e.data[8*i:])
	}
	return math.MaxUint64 // a ratio where a number should be
}

// number is a tag's first number, or else what it is when it is left out. No number
// that is asked for so can be larger than a picture's sides.
func (d *directory) number(tag uint16, otherwise int) int {
	e, ok := d.all[tag]
	if !ok || e.count == 0 {
		return otherwise
	}
	return int(min(d.at(e, 0), math.MaxInt32))
}

// same is the number that all of a tag's are, -1 if they differ.
func (d *directory) same(tag uint16, otherwise int) int {
	first := d.number(tag, otherwise)
	e := d.all[tag]
	for i := range int(min(e.count, maxSamples)) {
		if d.at(e, i) != uint64(first) {
			return -1
		}
	}
	return first
}
