package video

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"time"
)

// aviDecoder reads Motion JPEG in AVI front to back, without the index, also
// with the further RIFF chunks of OpenDML.
type aviDecoder struct {
	*byteSource
	opt     Options
	size    image.Point
	rate    ratio
	shape   Shape
	tag     [2]byte // the stream's number in chunk names
	lists   []aviList
	slot    int64 // of the next chunk of the stream
	frames  int
	data    []byte
	declare int // frames, 0 unknown
}

// aviList is an open list: what is left of it in bytes.
type aviList struct{ left int64 }

const (
	aviMaxDepth  = 8
	aviMaxHeader = 1 << 20
)

var errAVI = errors.New("damaged AVI")

func openAVI(src *byteSource, opt Options) (decoder, Info, error) {
	d := &aviDecoder{byteSource: src, opt: opt}
	if err := d.headers(); err != nil {
		if errors.Is(err, errNotBuiltin) {
			return nil, Info{}, err
		}
		return nil, Info{}, fmt.Errorf("%w: %w", ErrUnusable, unexpected(err))
	}
	if err := opt.fits(d.size.X, d.size.Y); err != nil {
		return nil, Info{}, err
	}
	info := Info{SourceWidth: d.size.X, SourceHeight: d.size.Y, FPS: d.rate.float(), Frames: -1, Shape: d.shape, Decoder: "builtin avi"}
	if b, err := d.Peek(8 + 18); err == nil && info.Shape == (Shape{}) && d.frameChunk(string(b[:4])) {
		info.Shape = jpegShape(b[8:])
	}
	if d.declare > 0 {
		info.Frames = d.declare
		info.Duration = d.rate.inverse().times(int64(d.declare))
	}
	return d, info, nil
}

// chunk reads the next chunk's header, leaving lists that have ended. Lists are
// entered; their type is the name then.
func (d *aviDecoder) chunk() (name string, size int64, list bool, err error) {
	for len(d.lists) > 0 && d.lists[len(d.lists)-1].left <= 0 {
		d.lists = d.lists[:len(d.lists)-1]
	}
	if len(d.lists) > 0 && d.lists[len(d.lists)-1].left < 8 { // padding
		left := d.lists[len(d.lists)-1].left
		if err := d.skip(left); err != nil {
			return "", 0, false, err
		}
		return d.chunk()
	}
	if len(d.lists) == 0 {
		if _, err := d.Peek(1); err == io.EOF {
			return "", 0, false, io.EOF
		}
	}
	var b [12]byte
	if _, err := io.ReadFull(d, b[:8]); err != nil {
		return "", 0, false, unexpected(err)
	}
	d.used(8)
	name, size = string(b[:4]), int64(binary.LittleEndian.Uint32(b[4:]))
	if len(d.lists) > 0 && size > d.lists[len(d.lists)-1].left {
		return "", 0, false, fmt.Errorf("%w: chunk %q is larger than what it lies in", errAVI, name)
	}
	if name != "LIST" && name != "RIFF" {
		return name, size, false, nil
	}
	if size < 4 || len(d.lists) >= aviMaxDepth || (name == "RIFF") != (len(d.lists) == 0) {
		return "", 0, false, fmt.Errorf("%w: a list of %d bytes (the recording may not have been finished)", errAVI, size)
	}
	if _, err := io.ReadFull(d, b[8:12]); err != nil {
		return "", 0, false, unexpected(err)
	}
	d.used(size + size&1)
	d.lists = append(d.lists, aviList{left: size - 4})
	return string(b[8:12]), 0, true, nil
}

// used counts n bytes as read in the innermost list.
func (d *aviDecoder) used(n int64) {
	if k := len(d.lists); k > 0 {
		d.lists[k-1].left -= n
	}
}

// skip passes over n bytes.
func (d *aviDecoder) skip(n int64) error {
	d.used(n)
	_, err := io.CopyN(io.Discard, d, n)
	return unexpected(err)
}

// body reads a chunk's bytes and its padding.
func (d *aviDecoder) body(size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, fmt.Errorf("%w: a chunk of %d bytes", errAVI, size)
	}
	d.used(size)
	if int64(cap(d.data)) < size {
		d.data = make([]byte, size)
	}
	d.data = d.data[:size]
	if _, err := io.ReadFull(d, d.data); err != nil {
		return nil, unexpected(err)
	}
	return d.data, d.pad(size)
}

// pad passes over the byte behind a chunk of odd size; the last one may lack it.
func (d *aviDecoder) pad(size int64) error {
	if size&1 == 0 || len(d.lists) > 0 && d.lists[len(d.lists)-1].left < 1 {
		return nil
	}
	return d.skip(1)
}

// headers reads up to the list of frames.
func (d *aviDecoder) headers() error {
	streams, video := -1, false
	le := binary.LittleEndian
	for {
		name, size, list, err := d.chunk()
		if err != nil {
			return unexpected(err)
		}
		switch {
		case list && name == "movi":
			if d.tag == [2]byte{} {
				return fmt.Errorf("%w: AVI without a Motion JPEG stream", errNotBuiltin)
			}
			if !d.rate.valid() {
				d.rate = rateOf(d.opt.RawFPS)
			}
			return nil
		case list:
		case name == "strh":
			b, err := d.body(size, aviMaxHeader)
			if err != nil {
				return err
			}
			if streams++; streams > 99 || len(b) < 36 {
				return fmt.Errorf("%w: stream header %d", errAVI, streams)
			}
			if video = string(b[:4]) == "vids" && d.tag == [2]byte{}; video {
				d.rate = ratio{int64(le.Uint32(b[24:])), int64(le.Uint32(b[20:]))}
				if !d.rate.valid() || d.rate.float() > 1e6 {
					d.rate = ratio{}
				}
				d.declare = int(min(le.Uint32(b[32:]), math.MaxInt32))
			}
		case name == "strf" && video:
			b, err := d.body(size, aviMaxHeader)
			if err != nil {
				return err
			}
			if len(b) < 20 {
				return fmt.Errorf("%w: format header of %d bytes", errAVI, len(b))
			}
			if c := string(b[16:20]); c != "MJPG" && c != "mjpg" && c != "JPEG" {
				return fmt.Errorf("%w: AVI of type %q", errNotBuiltin, c)
			}
			w, h := int32(le.Uint32(b[4:])), int32(le.Uint32(b[8:]))
			if h < 0 && h != math.MinInt32 {
				h = -h
			}
			d.size = image.Pt(int(w), int(h))
			d.tag = aviTag(streams)
			video = false
		case name == "vprp" && d.tag == aviTag(streams):
			b, err := d.body(size, aviMaxHeader)
			if err != nil {
				return err
			}
			if len(b) >= 32 { // the shape of the whole picture, and its size
				w, h := int64(le.Uint16(b[22:]))*int64(le.Uint32(b[28:])), int64(le.Uint16(b[20:]))*int64(le.Uint32(b[24:]))
				if w > 0 && h > 0 {
					d.shape = Shape{int(w), int(h)}
				}
			}
		default:
			if err := d.skip(size); err != nil {
				return err
			}
			if err := d.pad(size); err != nil {
				return err
			}
		}
	}
}

// aviTag is how the names of a stream's chunks begin.
func aviTag(stream int) [2]byte { return [2]byte{byte('0' + stream/10), byte('0' + stream%10)} }

// frameChunk says whether a chunk holds a frame of the stream that is read.
func (d *aviDecoder) frameChunk(name string) bool {
	return name[:2] == string(d.tag[:]) && (name[2:] == "dc" || name[2:] == "db")
}

func (d *aviDecoder) next() (time.Duration, error) {
	for {
		name, size, list, err := d.chunk()
		switch {
		case err == io.EOF && d.frames == 0:
			return 0, fmt.Errorf("%w: it has no frames", ErrUnusable)
		case err == io.EOF:
			return 0, io.EOF
		case err != nil:
			return 0, d.bad(err)
		case list:
			continue
		}
		if ours := d.frameChunk(name); !ours || size == 0 {
			if ours { // the last frame is shown once more
				d.slot++
			}
			if err := d.skip(size); err != nil {
				return 0, d.bad(err)
			}
			if err := d.pad(size); err != nil {
				return 0, d.bad(err)
			}
			continue
		}
		if _, err := d.body(size, maxJPEG); err != nil {
			return 0, d.bad(err)
		}
		t := d.rate.inverse().times(d.slot)
		d.slot++
		d.frames++
		return t, nil
	}
}

func (d *aviDecoder) bad(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = errors.New("the AVI is cut off")
	}
	return fmt.Errorf("%w: after %d frames: %w", ErrIncomplete, d.frames, err)
}

func (d *aviDecoder) pixels(dst []byte) error {
	img, err := decodeJPEG(d.data, d.size, d.opt)
	if err != nil {
		return fmt.Errorf("%w: %w", errDamagedFrame, err)
	}
	toRGB(dst, img)
	return nil
}

func (d *aviDecoder) damage() int { return 0 }
