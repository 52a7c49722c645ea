package video

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"
)

// nutReader reads the NUT container, in which ffmpeg hands over raw frames with
// their times: one pipe carries both, and each frame's size stands before it, so
// that half a frame is noticed. Of the format it reads what ffmpeg's writer can
// produce for one stream: https://www.ffmpeg.org/~michael/nut.txt, versions 3
// and 4. Checksums are not looked at, a pipe does not flip bits.
type nutReader struct {
	r *bufio.Reader

	width, height int
	planes        int // of a frame, a byte for each pixel
	shape         Shape
	base          ratio // of the stream's times
	ticks         ratio // what times are rounded down to; zero leaves them
	bases         []ratio
	msbShift      uint
	codes         [256]nutCode
	headers       [][]byte // what frames may leave out
	lastPTS       int64
	left          int64 // bytes of the current frame not read yet
	elided        []byte
}

// nutCode is what a frame's first byte stands for.
type nutCode struct {
	flags    uint64
	ptsDelta int64
	mul, lsb uint64
	reserved uint64
	stream   uint64
	header   uint64
}

const (
	nutFileID    = "nut/multimedia container\x00"
	nutMain      = 0x4e4d7a561f5f04ad
	nutStream    = 0x4e5311405bf2f9db
	nutSyncpoint = 0x4e4be4adeeca4569
	nutIndex     = 0x4e58dd672f23e64e
	nutInfo      = 0x4e49ab68b596ba78

	nutFlagEOR       = 1 << 1
	nutFlagCodedPTS  = 1 << 3
	nutFlagStreamID  = 1 << 4
	nutFlagSizeMSB   = 1 << 5
	nutFlagChecksum  = 1 << 6
	nutFlagReserved  = 1 << 7
	nutFlagSideData  = 1 << 8
	nutFlagHeaderIdx = 1 << 10
	nutFlagMatchTime = 1 << 11
	nutFlagCoded     = 1 << 12
	nutFlagInvalid   = 1 << 13

	// nutMaxPacket bounds headers, nutMaxList the entries of their lists.
	nutMaxPacket = 1 << 20
	nutMaxList   = 128
)

var errNUT = errors.New("ffmpeg's output is damaged")

// newNUT reads up to the stream's header, whose frames are of three planes, or four. io.EOF
// says that there is nothing.
func newNUT(r io.Reader, planes int) (*nutReader, error) {
	n := &nutReader{r: bufio.NewReaderSize(r, 1<<16), planes: planes}
	id := make([]byte, len(nutFileID))
	if k, err := io.ReadFull(n.r, id); err != nil {
		if k == 0 && err == io.EOF {
			return nil, io.EOF
		}
		return nil, io.ErrUnexpectedEOF
	}
	if string(id) != nutFileID {
		return nil, fmt.Errorf("%w: no NUT header", errNUT)
	}
	for n.width == 0 {
		if b, err := n.r.Peek(1); err != nil {
			return nil, unexpected(err)
		} else if b[0] != 'N' {
			return nil, fmt.Errorf("%w: a frame before the stream's header", errNUT)
		}
		if err := n.packet(); err != nil {
			return nil, unexpected(err)
		}
	}
	return n, nil
}

// unexpected turns an end of file that must not be there into an error.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// varint reads an unsigned number of 7-bit groups, highest first.
func varint(r io.ByteReader) (uint64, error) {
	v := uint64(0)
	for {
		b, err := r.ReadByte()
		if err != nil {
			return 0, unexpected(err)
		}
		if v>>56 != 0 {
			return 0, fmt.Errorf("%w: a number is too long", errNUT)
		}
		v = v<<7 | uint64(b&0x7f)
		if b < 0x80 {
			return v, nil
		}
	}
}

// nutFields reads the numbers of a header. After an error all are 0.
type nutFields struct {
	b   []byte
	err error
}

func (f *nutFields) ReadByte() (byte, error) {
	if len(f.b) == 0 {
		return 0, io.EOF
	}
	c := f.b[0]
	f.b = f.b[1:]
	return c, nil
}

func (f *nutFields) u() uint64 {
	if f.err != nil {
		return 0
	}
	var v uint64
	v, f.err = varint(f)
	return v
}

// s reads a signed number.
func (f *nutFields) s() int64 { return unzigzag(f.u()) }

func unzigzag(v uint64) int64 {
	v++
	if v&1 != 0 {
		return -int64(v >> 1)
	}
	return int64(v >> 1)
}

func (f *nutFields) bytes() []byte {
	n := f.u()
	if f.err == nil && n > uint64(len(f.b)) {
		f.err = fmt.Errorf("%w: a header is cut off", errNUT)
	}
	if f.err != nil {
		return nil
	}
	b := f.b[:n]
	f.b = f.b[n:]
	return b
}

// packet reads a packet that begins with a start code.
func (n *nutReader) packet() error {
	var b [8]byte
	if _, err := io.ReadFull(n.r, b[:]); err != nil {
		return unexpected(err)
	}
	code := uint64(0)
	for _, c := range b {
		code = code<<8 | uint64(c)
	}
	size, err := varint(n.r)
	if err != nil {
		return err
	}
	if size > 4096 {
		if _, err := n.r.Discard(4); err != nil { // the header's checksum
			return unexpected(err)
		}
	}
	switch code {
	case nutMain, nutStream, nutSyncpoint, nutInfo:
	case nutIndex: // may be large, and is the end
		_, err := io.CopyN(io.Discard, n.r, int64(min(size, 1<<40)))
		return unexpected(err)
	default:
		return fmt.Errorf("%w: start code %x", errNUT, code)
	}
	if size < 4 || size > nutMaxPacket {
		return fmt.Errorf("%w: a header of %d bytes", errNUT, size)
	}
	body := make([]byte, size)
	if _, err := io.ReadFull(n.r, body); err != nil {
		return unexpected(err)
	}
	f := &nutFields{b: body[:size-4]}
	switch code {
	case nutMain:
		n.main(f)
	case nutStream:
		n.stream(f)
	case nutSyncpoint:
		n.syncpoint(f)
	}
	return f.err
}

func (f *nutFields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: "+format, append([]any{errNUT}, args...)...)
	}
}

func (n *nutReader) main(f *nutFields) {
	version := f.u()
	if version != 3 && version != 4 {
		f.fail("NUT version %d", version)
	}
	if version > 3 {
		f.u() // minor version
	}
	if streams := f.u(); streams != 1 {
		f.fail("%d streams", streams)
	}
	f.u() // largest distance of syncpoints
	count := f.u()
	if count < 1 || count > nutMaxList {
		f.fail("%d time bases", count)
	}
	bases := []ratio{}
	for range count {
		if f.err != nil {
			return
		}
		r := ratio{int64(f.u()), int64(f.u())}
		if !r.valid() || r.num > 1<<31 || r.den > 1<<31 {
			f.fail("time base %d/%d", r.num, r.den)
		}
		bases = append(bases, r)
	}
	n.bases = bases
	n.frameCodes(f)
	headers := [][]byte{nil}
	if f.err == nil && len(f.b) > 0 {
		for range min(f.u(), nutMaxList) {
			headers = append(headers, f.bytes())
		}
	}
	n.headers = headers
}

// frameCodes reads the table of what frames' first bytes mean. Fields that an
// entry leaves out keep their last value or have a default.
func (n *nutReader) frameCodes(f *nutFields) {
	c := nutCode{mul: 1}
	for i := 0; i < 256 && f.err == nil; {
		c.flags = f.u()
		fields := f.u()
		c.lsb, c.reserved = 0, 0
		if fields > 0 {
			c.ptsDelta = f.s()
		}
		if fields > 1 {
			c.mul = f.u()
		}
		if fields > 2 {
			c.stream = f.u()
		}
		if fields > 3 {
			c.lsb = f.u()
		}
		if fields > 4 {
			c.reserved = f.u()
		}
		if c.mul > 1<<20 || c.lsb > c.mul+1<<20 {
			f.fail("a frame code's size is too large")
			return
		}
		count := c.mul - min(c.mul, c.lsb)
		if fields > 5 {
			count = f.u()
		}
		if fields > 6 {
			f.s() // match time
		}
		if fields > 7 {
			c.header = f.u()
		}
		for k := uint64(8); k < fields && f.err == nil; k++ {
			f.u()
		}
		if count == 0 || count > 256 {
			f.fail("a frame code stands for %d codes", count)
			return
		}
		for j := uint64(0); j < count && i < 256; i++ {
			if i == 'N' { // begins start codes
				n.codes[i] = nutCode{flags: nutFlagInvalid}
				continue
			}
			n.codes[i] = c
			n.codes[i].lsb += j
			j++
		}
	}
}

// nutPlanes is the tag of frames of three planes of bytes: green, blue, red.
const nutPlanes = "G3\x00\x08"

// nutOpacities is that of opacityPlanes.
const nutOpacities = "G4\x00\x08"

// tag is the type of frames of so many planes.
func (n *nutReader) tag() string {
	if n.planes == 4 {
		return nutOpacities
	}
	return nutPlanes
}

func (n *nutReader) stream(f *nutFields) {
	id, class := f.u(), f.u()
	tag := string(f.bytes())
	base := f.u()
	shift := f.u()
	f.u()     // largest distance of times
	f.u()     // decoding delay
	f.u()     // flags
	f.bytes() // codec's own
	w, h := f.u(), f.u()
	sw, sh := f.u(), f.u()
	switch {
	case f.err != nil:
	case id != 0 || class != 0 || tag != n.tag():
		f.fail("stream %d of class %d and type %q", id, class, tag)
	case base >= uint64(len(n.bases)) || shift > 32:
		f.fail("time base %d", base)
	case w < 1 || h < 1 || w > 1<<20 || h > 1<<20:
		f.fail("%d x %d pixels", w, h)
	case n.width != 0 && (n.width != int(w) || n.height != int(h)):
		f.fail("the size changed")
	default:
		n.width, n.height, n.base, n.msbShift = int(w), int(h), n.bases[base], uint(shift)
		n.shape = Shape{int(min(sw, 1<<31)), int(min(sh, 1<<31))}
	}
}

// syncpoint restarts the count of times.
func (n *nutReader) syncpoint(f *nutFields) {
	v := f.u()
	if f.err != nil || len(n.bases) == 0 || !n.base.valid() {
		f.fail("a syncpoint before the headers")
		return
	}
	tb := n.bases[v%uint64(len(n.bases))]
	n.lastPTS = rescale(int64(v/uint64(len(n.bases))), tb, n.base)
}

// rescale turns t ticks of base a into ticks of base b, rounded down.
func rescale(t int64, a, b ratio) int64 {
	if a == b {
		return t
	}
	return bigScale(t, a.num, b.den, a.den, b.num)
}

// next reads the header of the next frame and gives its time.
func (n *nutReader) next() (time.Duration, error) {
	if err := n.skip(); err != nil {
		return 0, err
	}
	for {
		b, err := n.r.Peek(1)
		if err != nil {
			return 0, err // io.EOF between frames is the end
		}
		if b[0] == 'N' {
			if err := n.packet(); err != nil {
				return 0, unexpected(err)
			}
			continue
		}
		end, err := n.frameHeader()
		if err != nil {
			return 0, unexpected(err)
		}
		if end {
			continue
		}
		if n.ticks.valid() {
			return n.ticks.times(rescale(n.lastPTS, n.base, n.ticks)), nil
		}
		return n.base.times(n.lastPTS), nil
	}
}

// frameHeader reads a frame's header; end is an empty frame that ends the
// stream.
func (n *nutReader) frameHeader() (end bool, err error) {
	code, err := n.r.ReadByte()
	if err != nil {
		return false, err
	}
	c := n.codes[code]
	read := func() uint64 {
		if err != nil {
			return 0
		}
		var v uint64
		v, err = varint(n.r)
		return v
	}
	if c.flags&nutFlagInvalid != 0 {
		return false, fmt.Errorf("%w: frame code %d", errNUT, code)
	}
	if c.flags&nutFlagCoded != 0 {
		c.flags ^= read()
	}
	if c.flags&nutFlagStreamID != 0 {
		c.stream = read()
	}
	if c.flags&nutFlagCodedPTS != 0 {
		v := read()
		if v < 1<<n.msbShift {
			mask := int64(1)<<n.msbShift - 1
			low := n.lastPTS - mask/2
			n.lastPTS = (int64(v)-low)&mask + low
		} else {
			n.lastPTS = int64(v - 1<<n.msbShift)
		}
	} else {
		n.lastPTS += c.ptsDelta
	}
	size := c.lsb
	if c.flags&nutFlagSizeMSB != 0 {
		v := read()
		if v > 1<<40 {
			return false, fmt.Errorf("%w: a frame's size", errNUT)
		}
		size += v * c.mul
	}
	if c.flags&nutFlagMatchTime != 0 {
		read()
	}
	if c.flags&nutFlagHeaderIdx != 0 {
		c.header = read()
	}
	if c.flags&nutFlagReserved != 0 {
		c.reserved = read()
	}
	for range min(c.reserved, 256) {
		read()
	}
	if c.flags&nutFlagChecksum != 0 && err == nil {
		_, err = n.r.Discard(4)
	}
	if err != nil {
		return false, err
	}
	if size == 0 && c.flags&nutFlagEOR != 0 {
		return true, nil
	}
	if size > 4096 {
		c.header = 0
	}
	if c.header >= uint64(len(n.headers)) {
		return false, fmt.Errorf("%w: header %d", errNUT, c.header)
	}
	if want := uint64(n.planes * n.width * n.height); size != want || c.stream != 0 || c.flags&nutFlagSideData != 0 || uint64(len(n.headers[c.header])) > size {
		return false, fmt.Errorf("%w: a frame of %d bytes, want %d", errNUT, size, want)
	}
	n.elided = n.headers[c.header]
	n.left = int64(size) - int64(len(n.elided))
	return false, nil
}

// skip passes over what is left of the current frame.
func (n *nutReader) skip() error {
	for n.left > 0 {
		k, err := n.r.Discard(int(min(n.left, 1<<30)))
		n.left -= int64(k)
		if err != nil {
			return unexpected(err)
		}
	}
	return nil
}

// pixels reads the current frame.
func (n *nutReader) pixels(dst []byte) error {
	k := copy(dst, n.elided)
	_, err := io.ReadFull(n.r, dst[k:])
	n.left = 0
	return unexpected(err)
}
