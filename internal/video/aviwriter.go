package video

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/jpeg"
	"io"
	"math"

	"krypton/internal/atomicfile"
)

// aviQuality is the JPEG quality of frames.
const aviQuality = 90

// aviSegment is the size at which another RIFF chunk is begun: old readers take
// sizes as signed.
var aviSegment int64 = 1 << 30

// aviMaxIndex bounds the index, which is held in memory.
const aviMaxIndex = 1 << 20

// aviSink writes Motion JPEG in AVI. The file is written by atomicfile in a
// goroutine of its own, which ends with finish or abort.
type aviSink struct {
	path   string
	image  *image.RGBA
	buffer bytes.Buffer
	frames chan []byte
	done   chan struct{}
	err    error // read after done
}

var errAborted = errors.New("given up")

func newAVISink(path string, w, h int, rate ratio, opt WriterOptions) *aviSink {
	s := &aviSink{path: path, image: image.NewRGBA(image.Rect(0, 0, w, h)), frames: make(chan []byte), done: make(chan struct{})}
	go func() {
		defer close(s.done)
		s.err = atomicfile.Write(path, opt.Force, func(out io.Writer) error {
			f, ok := out.(aviFile)
			if !ok {
				return errors.New("the file cannot be sought in")
			}
			a := &aviWriter{f: f, w: w, h: h, rate: rate, shape: opt.Pixels.Known()}
			return a.run(s.frames)
		})
	}()
	return s
}

// write sends a frame to the file's goroutine. A repeated one takes no bytes.
func (s *aviSink) write(pixels []byte, repeat bool) error {
	s.buffer.Reset()
	if !repeat {
		for i := range len(pixels) / 3 {
			p := s.image.Pix[4*i : 4*i+4]
			copy(p, pixels[3*i:3*i+3])
			p[3] = 255
		}
		if err := jpeg.Encode(&s.buffer, s.image, &jpeg.Options{Quality: aviQuality}); err != nil {
			return fmt.Errorf("%w %s: %w", atomicfile.ErrCannotWrite, s.path, err)
		}
	}
	select {
	case s.frames <- s.buffer.Bytes():
	case <-s.done:
		return s.err
	}
	// The bytes are in use until the goroutine asks for more.
	select {
	case s.frames <- nil:
	case <-s.done:
		return s.err
	}
	return nil
}

func (s *aviSink) finish() error {
	close(s.frames)
	<-s.done
	return s.err
}

func (s *aviSink) abort() {
	select {
	case s.frames <- aviGiveUp:
	case <-s.done:
	}
	<-s.done
}

// aviGiveUp as a frame ends the file.
var aviGiveUp = []byte("no frame")

type aviFile interface {
	io.Writer
	io.WriterAt
}

// aviWriter lays out the file: headers, frames, index, and beyond the first
// segment further RIFF chunks as OpenDML has them.
type aviWriter struct {
	f       aviFile
	w, h    int
	rate    ratio
	shape   Shape
	extra   int64 // bytes of the header for pixels that are no squares
	at      int64 // bytes written
	riff    int64 // where the current RIFF chunk begins
	movi    int64 // where its list of frames begins
	index   []byte
	first   bool
	frames  uint32 // in all
	inFirst uint32 // in the first segment
	largest uint32
}

// Offsets in the headers of what is known at the end only.
const (
	aviTotalAt   = 48
	aviBufferAt  = 60
	aviLengthAt  = 140
	aviBuffer2At = 144
	aviOpenDMLAt = 232
	aviMoviAt    = 240

	// aviProperties is the size of the chunk that tells the picture's shape.
	aviProperties = 8 + 68
)

// run writes frames until the channel is closed. After each one it takes an
// empty one, which says that the bytes may be reused.
func (a *aviWriter) run(frames <-chan []byte) error {
	if a.shape != (Shape{1, 1}) {
		a.extra = aviProperties
	}
	if err := a.write(a.header()); err != nil {
		return err
	}
	a.first, a.movi = true, aviMoviAt+a.extra
	for b := range frames {
		if len(b) == len(aviGiveUp) && &b[0] == &aviGiveUp[0] {
			return errAborted
		}
		if err := a.frame(b); err != nil {
			return err
		}
		<-frames
	}
	if err := a.endSegment(); err != nil {
		return err
	}
	for _, p := range []struct {
		at int64
		v  uint32
	}{{aviTotalAt, a.inFirst}, {aviBufferAt, a.largest}, {aviLengthAt, a.frames}, {aviBuffer2At, a.largest}, {aviOpenDMLAt + a.extra, a.frames}} {
		if err := a.patch(p.at, p.v); err != nil {
			return err
		}
	}
	return nil
}

func (a *aviWriter) write(b []byte) error {
	n, err := a.f.Write(b)
	a.at += int64(n)
	return err
}

func (a *aviWriter) patch(at int64, v uint32) error {
	_, err := a.f.WriteAt(binary.LittleEndian.AppendUint32(nil, v), at)
	return err
}

// header is everything up to the first frame.
func (a *aviWriter) header() []byte {
	le := binary.LittleEndian
	num, den := uint32(a.rate.num), uint32(a.rate.den)
	var b []byte
	put := func(v ...uint32) {
		for _, x := range v {
			b = le.AppendUint32(b, x)
		}
	}
	text := func(s string) { b = append(b, s...) }
	text("RIFF\x00\x00\x00\x00AVI LIST")
	put(4 + 64 + 124 + 24 + uint32(a.extra))
	text("hdrlavih")
	put(56, uint32(math.Round(1e6*float64(den)/float64(num))), 0, 0, 0x10, 0, 0, 1, 0, uint32(a.w), uint32(a.h), 0, 0, 0, 0)
	text("LIST")
	put(4 + 64 + 48 + uint32(a.extra))
	text("strlstrh")
	put(56)
	text("vidsMJPG")
	put(0, 0, 0, den, num, 0, 0, 0, 0xffffffff, 0)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint16(b, uint16(min(a.w, math.MaxInt16)))
	b = le.AppendUint16(b, uint16(min(a.h, math.MaxInt16)))
	text("strf")
	put(40, 40, uint32(a.w), uint32(a.h), 1|24<<16)
	text("MJPG")
	put(uint32(3*a.w*a.h), 0, 0, 0, 0)
	if w, h := uint32(a.w), uint32(a.h); a.extra > 0 {
		shown := Shape{a.w * a.shape.Width, a.h * a.shape.Height}.Known()
		for max(shown.Width, shown.Height) > math.MaxUint16 {
			shown = Shape{shown.Width / 2, shown.Height / 2}
		}
		text("vprp")
		put(aviProperties-8, 0, 0, 0, w, h, uint32(shown.Width)<<16|uint32(shown.Height), w, h, 1, h, w, h, w, 0, 0, 0, 0)
	}
	text("LIST")
	put(16)
	text("odmldmlh")
	put(4, 0)
	text("LIST\x00\x00\x00\x00movi")
	return b
}

// frame writes a chunk; an empty one shows the last frame once more.
func (a *aviWriter) frame(b []byte) error {
	if a.at-a.riff+int64(len(b)) > aviSegment || a.first && a.inFirst == aviMaxIndex {
		if err := a.endSegment(); err != nil {
			return err
		}
		a.riff, a.movi, a.first = a.at, a.at+16, false
		if err := a.write([]byte("RIFF\x00\x00\x00\x00AVIXLIST\x00\x00\x00\x00movi")); err != nil {
			return err
		}
	}
	le := binary.LittleEndian
	size := uint32(len(b))
	if a.first {
		flags := uint32(0x10) // can be begun with
		if size == 0 {
			flags = 0
		}
		a.index = append(a.index, "00dc"...)
		for _, v := range []uint32{flags, uint32(a.at - a.movi - 4), size} {
			a.index = le.AppendUint32(a.index, v)
		}
		a.inFirst++
	}
	if a.frames == math.MaxUint32 {
		return errors.New("too many frames")
	}
	a.frames++
	a.largest = max(a.largest, size)
	if err := a.write(le.AppendUint32([]byte("00dc"), size)); err != nil {
		return err
	}
	if err := a.write(b); err != nil {
		return err
	}
	if size&1 == 1 {
		return a.write([]byte{0})
	}
	return nil
}

// endSegment writes the index of the first segment and the sizes.
func (a *aviWriter) endSegment() error {
	if err := a.patch(a.movi, uint32(a.at-a.movi-4)); err != nil {
		return err
	}
	if a.first {
		if err := a.write(binary.LittleEndian.AppendUint32([]byte("idx1"), uint32(len(a.index)))); err != nil {
			return err
		}
		if err := a.write(a.index); err != nil {
			return err
		}
		a.index = nil
	}
	return a.patch(a.riff+4, uint32(a.at-a.riff-8))
}
