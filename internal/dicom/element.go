package dicom

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"krypton/internal/dicomwrite"
)

// tag is an attribute's group and element.
type tag uint32

func (t tag) group() uint16 { return uint16(t >> 16) }

func (t tag) String() string { return fmt.Sprintf("(%04X,%04X)", uint16(t>>16), uint16(t)) }

// The tags that say where items and sequences begin and end.
const (
	tagItem        tag = 0xfffee000
	tagItemEnd     tag = 0xfffee00d
	tagSequenceEnd tag = 0xfffee0dd
)

// undefined is the length of what ends with a tag of its own.
const undefined = 0xffffffff

// maxDepth bounds how deep sequences lie in each other.
const maxDepth = 32

// What is wrong with a file.
var (
	errShort = errors.New("cut short")
	errDeep  = fmt.Errorf("sequences lie more than %d deep in each other", maxDepth)
)

// coding is how elements are written.
type coding struct {
	order    binary.ByteOrder
	explicit bool
}

var (
	implicitLittle = coding{binary.LittleEndian, false}
	explicitLittle = coding{binary.LittleEndian, true}
	explicitBig    = coding{binary.BigEndian, true}
)

// element is an attribute with the bytes of its value.
type element struct {
	tag    tag
	vr     string // "" where the file does not say it
	value  []byte
	coding coding // of the value: that of what lies in it, for sequences
	open   bool   // the length was undefined: the value is items
}

// scanner reads elements one after the other. It allocates nothing for them.
type scanner struct {
	data   []byte
	at     int
	coding coding
}

// head reads the next element up to its value.
func (s *scanner) head() (e element, length uint32, err error) {
	b := s.data[s.at:]
	if len(b) < 8 {
		return e, 0, errShort
	}
	o := s.coding.order
	e.tag, e.coding = tag(o.Uint16(b))<<16|tag(o.Uint16(b[2:])), s.coding
	letters := b[4] >= 'A' && b[4] <= 'Z' && b[5] >= 'A' && b[5] <= 'Z'
	switch {
	case !s.coding.explicit || e.tag.group() == 0xfffe || !letters:
		// Where letters must be and are none, one element is written as others files'
		// elements are.
		length = o.Uint32(b[4:])
		s.at += 8
	case dicomwrite.Long(string(b[4:6])):
		if len(b) < 12 {
			return e, 0, errShort
		}
		e.vr, length = string(b[4:6]), o.Uint32(b[8:])
		s.at += 12
	default:
		e.vr, length = string(b[4:6]), uint32(o.Uint16(b[6:]))
		s.at += 8
	}
	return e, length, nil
}

// next reads an element. Of one that the data end in, the bytes that there are come with
// errShort.
func (s *scanner) next(depth int) (element, error) {
	e, length, err := s.head()
	if err != nil {
		return e, err
	}
	if length != undefined {
		if uint64(length) > uint64(len(s.data)-s.at) {
			e.value = s.data[s.at:]
			s.at = len(s.data)
			return e, errShort
		}
		e.value = s.data[s.at : s.at+int(length)]
		s.at += int(length)
		return e, nil
	}
	e.open = true
	if e.vr == "UN" { // what is not known is written in the one way that all know
		e.coding = implicitLittle
	}
	inner := scanner{s.data, s.at, e.coding}
	end, err := inner.skipItems(depth + 1)
	e.value = s.data[s.at:end]
	s.at = inner.at
	return e, err
}

// skipItems passes over items up to the end of their sequence, and says where that begins.
func (s *scanner) skipItems(depth int) (end int, err error) {
	if depth > maxDepth {
		return s.at, errDeep
	}
	for {
		end = s.at
		e, length, err := s.head()
		switch {
		case err != nil:
			return end, err
		case e.tag == tagSequenceEnd:
			return end, nil
		case e.tag != tagItem:
			return end, fmt.Errorf("damaged: %v where an item must be", e.tag)
		}
		if length != undefined {
			if uint64(length) > uint64(len(s.data)-s.at) {
				s.at = len(s.data)
				return s.at, errShort
			}
			s.at += int(length)
			continue
		}
		if err := s.skipItem(depth); err != nil {
			return s.at, err
		}
	}
}

// skipItem passes over the elements of an item of undefined length, and its end.
func (s *scanner) skipItem(depth int) error {
	for {
		e, length, err := s.head()
		switch {
		case err != nil:
			return err
		case e.tag == tagItemEnd:
			return nil
		case length == undefined:
			inner := scanner{s.data, s.at, e.coding}
			if e.vr == "UN" {
				inner.coding = implicitLittle
			}
			if _, err := inner.skipItems(depth + 1); err != nil {
				return err
			}
			s.at = inner.at
		case uint64(length) > uint64(len(s.data)-s.at):
			return errShort
		default:
			s.at += int(length)
		}
	}
}

// items calls f with the elements of each item of a sequence, as bytes, until f says that
// it has enough.
func (e *element) items(f func(n int, item []byte) (more bool)) error {
	s := scanner{e.value, 0, e.coding}
	for n := 0; s.at < len(s.data); n++ {
		h, length, err := s.head()
		switch {
		case err != nil:
			return err
		case h.tag == tagSequenceEnd:
			return nil
		case h.tag != tagItem:
			return fmt.Errorf("damaged: %v where an item must be", h.tag)
		}
		begin, end := s.at, s.at+int(length)
		if length == undefined {
			if err := s.skipItem(1); err != nil {
				return err
			}
			end = s.at
		} else if uint64(length) > uint64(len(s.data)-s.at) {
			return errShort
		}
		s.at = end
		if !f(n, s.data[begin:end]) {
			return nil
		}
	}
	return nil
}

// dataset are the elements that are asked for, by tag.
type dataset map[tag]element

// datasetOf reads those elements of an item that are wanted; what is damaged is passed over.
func datasetOf(item []byte, c coding) dataset {
	d := dataset{}
	s := scanner{data: item, coding: c}
	for s.at < len(item) {
		e, err := s.next(0)
		if err != nil || e.tag == tagItemEnd {
			break
		}
		if _, ok := wanted[e.tag]; ok {
			d[e.tag] = e
		}
	}
	return d
}

// vr is an element's representation: what the file says, or what the dictionary does.
func (e *element) kind() string {
	if e.vr == "" || e.vr == "UN" {
		return wanted[e.tag]
	}
	return e.vr
}

// text is a value's text, without what fills it up.
func (e *element) text() string { return strings.Trim(string(e.value), " \x00") }

// text is the text of an element, "" without one.
func (d dataset) text(t tag) string {
	e := d[t]
	return e.text()
}

// numbers are a value's numbers, nil where one is none; at most most of them.
func (d dataset) numbers(t tag, most int) []float64 {
	e, ok := d[t]
	if !ok || len(e.value) == 0 {
		return nil
	}
	o := e.coding.order
	if e.vr == "UN" {
		o = binary.LittleEndian
	}
	size, read := 2, func(b []byte) float64 { return float64(o.Uint16(b)) }
	switch e.kind() {
	case "US", "OW":
	case "SS":
		read = func(b []byte) float64 { return float64(int16(o.Uint16(b))) }
	case "UL", "OL":
		size, read = 4, func(b []byte) float64 { return float64(o.Uint32(b)) }
	case "SL":
		size, read = 4, func(b []byte) float64 { return float64(int32(o.Uint32(b))) }
	case "FL", "OF":
		size, read = 4, func(b []byte) float64 { return float32frombits(o.Uint32(b)) }
	case "FD", "OD":
		size, read = 8, func(b []byte) float64 { return float64frombits(o.Uint64(b)) }
	default:
		return texts(d.text(t), most)
	}
	var all []float64
	for b := e.value; len(b) >= size && len(all) < most; b = b[size:] {
		all = append(all, read(b))
	}
	return all
}

// texts reads numbers with backslashes between them.
func texts(s string, most int) []float64 {
	var all []float64
	for part := range strings.SplitSeq(s, `\`) {
		v, err := strconv.ParseFloat(strings.TrimSpace(part), 64)
		if err != nil || v-v != 0 || len(all) == most {
			return nil
		}
		all = append(all, v)
	}
	return all
}

// number is a value's first number, otherwise where it has none.
func (d dataset) number(t tag, otherwise float64) float64 {
	if all := d.numbers(t, 1<<10); len(all) > 0 {
		return all[0]
	}
	return otherwise
}

// whole is a whole number up to 2^31, -1 where it is another.
func (d dataset) whole(t tag, otherwise int) int {
	v := d.number(t, float64(otherwise))
	if v != float64(int32(v)) {
		return -1
	}
	return int(v)
}
