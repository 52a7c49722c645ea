// Package dicom reads the pictures of DICOM objects: files with and without the head of
// PS3.10, in every coding of PS3.5, bytes in, numbers out. It writes derived objects. What
// files say about people is never part of what it tells.
package dicom

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
)

var (
	// ErrNoPicture: the object holds something else.
	ErrNoPicture = errors.New("a DICOM object without a picture")
	// ErrUnsupported: what is in the file is not read.
	ErrUnsupported = errors.New("is not read")
)

func float32frombits(v uint32) float64 { return float64(math.Float32frombits(v)) }
func float64frombits(v uint64) float64 { return math.Float64frombits(v) }

// File is an object with a picture, whose head has been checked.
type File struct {
	Width, Height int
	// Frames is how many pictures there are, from 1 on.
	Frames int
	// Channels is 1 for gray, 3 for colours.
	Channels int
	// Photometric says what the numbers mean, as the file does (PS3.3 C.7.6.3.1.2), Syntax
	// how they are written: the UID of the transfer syntax, "" if the file does not say.
	Photometric, Syntax string
	// Notes are what there is to say of the file.
	Notes []string

	coding   coding
	set      dataset
	packed   *packing
	samples  int // of each pixel, as stored
	bits     int // allocated: 1, 8, 16, 32, or 64 for doubles
	stored   int
	high     int
	signed   bool
	floats   bool
	planar   bool
	overlaid int // overlay planes
	study    dataset
}

// preamble is where the mark lies that PS3.10 wants, and its first element behind it.
const (
	preamble = 128
	mark     = "DICM"
)

// HeadBytes is what Is needs.
const HeadBytes = preamble + len(mark)

// Is says whether a file is an object of DICOM's by its first bytes, also where it has
// neither preamble nor head: it then begins with an element of group 2 or 8.
func Is(head []byte) bool {
	if len(head) >= HeadBytes && string(head[preamble:HeadBytes]) == mark {
		return true
	}
	if len(head) < 16 {
		return false
	}
	c, ok := guess(head)
	if !ok {
		return false
	}
	s := scanner{data: head, coding: c}
	e, length, err := s.head()
	g := e.tag.group()
	return err == nil && (g == 2 || g == 8) && e.tag&0xffff <= 0x70 && length <= 1<<10
}

// guess tells from its first element how a data set is written.
func guess(b []byte) (coding, bool) {
	if len(b) < 8 {
		return coding{}, false
	}
	explicit := b[4] >= 'A' && b[4] <= 'Z' && b[5] >= 'A' && b[5] <= 'Z'
	switch little := int(b[1])<<8 | int(b[0]); {
	case explicit && little >= 0x100 && b[0] == 0:
		return explicitBig, true
	case explicit:
		return explicitLittle, true
	}
	return implicitLittle, true
}

// Open reads an object's head. inflated bounds what a deflated one may become, in bytes.
func Open(data []byte, inflated int64) (*File, error) {
	f, body, err := open(data, inflated)
	if err != nil {
		return nil, err
	}
	if err := f.scan(body); err != nil {
		return nil, err
	}
	return f, f.check()
}

// open finds out how an object is written, and gives its data set.
func open(data []byte, inflated int64) (*File, []byte, error) {
	f := &File{}
	body, syntax, err := meta(data)
	if err != nil {
		return nil, nil, err
	}
	if uid.MatchString(syntax) {
		f.Syntax = syntax
	}
	known, ok := syntaxes[syntax]
	switch {
	case syntax != "" && f.Syntax == "":
		return nil, nil, errors.New("damaged: its transfer syntax is no UID")
	case syntax != "" && !ok:
		return nil, nil, fmt.Errorf("transfer syntax %s %w", f.Syntax, ErrUnsupported)
	case known.deflated:
		if body, err = inflate(body, inflated); err != nil {
			return nil, nil, err
		}
	}
	f.packed = &known
	if f.coding, ok = guess(body); !ok {
		return nil, nil, errShort
	}
	if f.coding.explicit && syntax != "" && f.coding != known.coding() {
		f.Notes = append(f.Notes, "the data set is written otherwise than its transfer syntax says")
	}
	return f, body, nil
}

// uid is what a unique identifier is written like.
var uid = regexp.MustCompile(`^[0-9.]{1,64}$`)

// meta reads the head of a file, and gives what follows it and the transfer syntax.
func meta(data []byte) (body []byte, syntax string, err error) {
	if len(data) >= HeadBytes && string(data[preamble:HeadBytes]) == mark {
		data = data[HeadBytes:]
	}
	s := scanner{data: data, coding: explicitLittle}
	if c, ok := guess(data); ok && !c.explicit {
		s.coding = implicitLittle // against the rules, and seen
	}
	for {
		begin := s.at
		if len(data)-s.at < 8 {
			return nil, "", ErrNoPicture
		}
		if data[s.at] != 2 || data[s.at+1] != 0 {
			return data[begin:], syntax, nil
		}
		e, err := s.next(0)
		if err != nil {
			return nil, "", err
		}
		if e.tag == tagTransferSyntax {
			syntax = e.text()
		}
	}
}

// inflate undoes the deflation of a data set.
func inflate(body []byte, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(body)), most+1))
	if int64(len(data)) > most {
		return nil, fmt.Errorf("it inflates to more than %d MiB", most>>20)
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) { // what fills up to an even length may be cut
		return nil, fmt.Errorf("damaged: %w", err)
	}
	return data, nil
}

// scan keeps what is wanted of a data set. What stands behind the picture does not matter.
func (f *File) scan(body []byte) error {
	f.set, f.study = dataset{}, dataset{}
	s := scanner{data: body, coding: f.coding}
	for s.at < len(body) {
		e, err := s.next(0)
		if f.keep(e) {
			if errors.Is(err, errShort) && e.open {
				return fmt.Errorf("the picture is %w", errShort)
			}
			return errOther(err, errShort) // of a native one the size tells later
		}
		if err != nil {
			return err
		}
	}
	if _, ok := f.set[tagWaveforms]; ok {
		return ErrWaveform
	}
	return ErrNoPicture
}

// errOther is err, nil where it is that one.
func errOther(err, other error) error {
	if errors.Is(err, other) {
		return nil
	}
	return err
}

// keep takes an element if it is wanted, and says whether it was the picture.
func (f *File) keep(e element) (last bool) {
	if _, ok := wanted[e.tag]; ok {
		f.set[e.tag] = e
	}
	if _, ok := identity[e.tag]; ok {
		f.study[e.tag] = e
	}
	if g := e.tag.group(); g >= 0x6000 && g <= 0x60ff && e.tag&0xffff == 0x3000 {
		f.overlaid++
	}
	return e.tag == tagPixels || e.tag == tagFloatPixels || e.tag == tagDoublePixels
}

// photometrics are the meanings of numbers that are read, and how many a pixel has.
var photometrics = map[string]int{"MONOCHROME1": 1, "MONOCHROME2": 1, "PALETTE COLOR": 1, "RGB": 3, "YBR_FULL": 3, "YBR_FULL_422": 3, "YBR_ICT": 3, "YBR_RCT": 3}

// others are those that are not, and the number of theirs.
var others = []string{"YBR_PARTIAL_422", "YBR_PARTIAL_420", "HSV", "ARGB", "CMYK", "XYB"}

// check looks at what the numbers are.
func (f *File) check() error {
	d := f.set
	f.Photometric = d.text(tagPhotometric)
	f.samples = d.whole(tagSamples, 1)
	n, ok := photometrics[f.Photometric]
	if !ok && f.Photometric == "" && f.samples == 1 {
		f.Photometric, n, ok = "MONOCHROME2", 1, true
		f.Notes = append(f.Notes, "the file does not say what its numbers mean: they are taken for gray, the greater the lighter")
	}
	if !ok {
		if slices.Contains(others, f.Photometric) {
			return fmt.Errorf("photometric interpretation %s %w", f.Photometric, ErrUnsupported)
		}
		return fmt.Errorf("photometric interpretation that PS3.3 does not have: %w", ErrUnsupported)
	}
	if f.samples != n {
		return fmt.Errorf("%d numbers a pixel of %s", f.samples, f.Photometric)
	}
	f.Channels = n
	if f.Photometric == "PALETTE COLOR" {
		f.Channels = 3
	}
	f.Height, f.Width = d.whole(tagRows, 0), d.whole(tagColumns, 0)
	if f.Width < 1 || f.Height < 1 {
		return errors.New("damaged: it does not say how many rows and columns the picture has")
	}
	f.planar = f.samples > 1 && d.whole(tagPlanar, 0) == 1
	if err := f.checkBits(); err != nil {
		return err
	}
	if f.overlaid > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("overlay planes (%d) are passed over", f.overlaid))
	}
	return f.checkFrames()
}

// checkBits looks at how numbers are stored.
func (f *File) checkBits() error {
	d := f.set
	f.bits, f.signed = d.whole(tagBitsAllocated, 16), d.whole(tagSigned, 0) == 1
	f.stored = d.whole(tagBitsStored, f.bits)
	f.high = d.whole(tagHighBit, f.stored-1)
	for t, bits := range map[tag]int{tagFloatPixels: 32, tagDoublePixels: 64} {
		if _, ok := d[t]; ok {
			f.bits, f.stored, f.high, f.floats = bits, bits, bits-1, true
		}
	}
	switch f.bits {
	case 1, 8, 16, 32:
	case 64:
		if !f.floats {
			return fmt.Errorf("whole numbers of 64 bits: %w", ErrUnsupported)
		}
	default:
		return fmt.Errorf("%d bits for each number: %w", f.bits, ErrUnsupported)
	}
	if f.stored < 1 || f.stored > f.bits || f.high < f.stored-1 || f.high >= f.bits {
		return fmt.Errorf("numbers of %d bits, the highest the %dth of %d", f.stored, f.high+1, f.bits)
	}
	if f.floats && f.Channels != 1 || f.bits == 1 && f.samples != 1 {
		return fmt.Errorf("colours in numbers of that kind: %w", ErrUnsupported)
	}
	if f.Channels == 3 && f.bits == 32 && strings.HasPrefix(f.Photometric, "YBR") {
		return fmt.Errorf("%s in numbers of 32 bits: %w", f.Photometric, ErrUnsupported)
	}
	return nil
}

// frameBits is how many bits a frame takes where it is not packed.
func (f *File) frameBits() int64 {
	n := int64(f.Width) * int64(f.Height) * int64(f.samples) * int64(f.bits)
	if f.half() {
		n = n / 3 * 2
	}
	return n
}

// half says whether two pixels share their colours where nothing is packed.
func (f *File) half() bool { return f.Photometric == "YBR_FULL_422" && f.packed.native() }

// checkFrames looks at how many pictures there are. Of a number that is none, the data
// say how many.
func (f *File) checkFrames() error {
	p := f.pixels()
	there := int(min(int64(len(p.value))*8/f.frameBits(), math.MaxInt32))
	f.Frames = f.set.whole(tagFrames, 1)
	if e, ok := f.set[tagFrames]; ok && len(f.set.numbers(tagFrames, 1)) == 0 && len(e.value) > 0 {
		f.Frames = max(1, there)
		if !f.packed.native() {
			f.Frames = 1
		}
		f.Notes = append(f.Notes, "the file's number of frames is no number: taken for what its data have")
	}
	if f.Frames == 0 {
		f.Frames = 1 // seen in files of one picture
	}
	if f.Frames < 1 {
		return fmt.Errorf("%d frames", f.Frames)
	}
	if p.open != !f.packed.native() {
		if p.open {
			return fmt.Errorf("damaged: the picture is packed, and the transfer syntax knows no packing")
		}
		return fmt.Errorf("damaged: the picture is not packed as the transfer syntax says")
	}
	return nil
}

// pixels is the element of the picture.
func (f *File) pixels() element {
	for _, t := range []tag{tagFloatPixels, tagDoublePixels} {
		if e, ok := f.set[t]; ok {
			return e
		}
	}
	return f.set[tagPixels]
}
