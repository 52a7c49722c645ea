// Package dicomwrite writes DICOM data sets and files, element by element, in the codings
// of PS3.5. Whoever writes sees to the order of tags.
package dicomwrite

import (
	"encoding/binary"
	"math"
	"strings"
)

// Coding is how elements are written.
type Coding struct {
	Big, Implicit bool
}

// Set is a data set that is being written. Its zero value is empty, of explicit
// little-endian.
type Set struct {
	Coding
	Bytes []byte
}

// The tags of items.
const (
	tagItem        = 0xfffee000
	tagSequenceEnd = 0xfffee0dd
)

// undefined is the length of what ends with a tag of its own.
const undefined = math.MaxUint32

// long are the representations with lengths of four bytes.
var long = map[string]bool{"OB": true, "OD": true, "OF": true, "OL": true, "OV": true, "OW": true, "SQ": true, "SV": true, "UC": true, "UN": true, "UR": true, "UT": true, "UV": true}

// Long says whether elements of a representation have lengths of four bytes.
func Long(vr string) bool { return long[vr] }

// order writes numbers.
func (s *Set) order() binary.AppendByteOrder {
	if s.Big {
		return binary.BigEndian
	}
	return binary.LittleEndian
}

// head writes what stands before a value; "" is the representation of items.
func (s *Set) head(tag uint32, vr string, length uint32) {
	o := s.order()
	s.Bytes = o.AppendUint16(o.AppendUint16(s.Bytes, uint16(tag>>16)), uint16(tag))
	switch {
	case vr == "" || s.Implicit:
		s.Bytes = o.AppendUint32(s.Bytes, length)
	case long[vr]:
		s.Bytes = o.AppendUint32(append(s.Bytes, vr[0], vr[1], 0, 0), length)
	default:
		s.Bytes = o.AppendUint16(append(s.Bytes, vr...), uint16(length))
	}
}

// Raw writes a value's bytes as they are, filled up to an even number.
func (s *Set) Raw(tag uint32, vr string, value []byte) {
	s.head(tag, vr, uint32(len(value)+len(value)&1))
	s.Bytes = append(s.Bytes, value...)
	if len(value)&1 == 1 {
		fill := byte(' ')
		if vr == "UI" || long[vr] && vr[0] != 'U' {
			fill = 0
		}
		s.Bytes = append(s.Bytes, fill)
	}
}

// Text writes texts, with backslashes between them.
func (s *Set) Text(tag uint32, vr string, values ...string) {
	s.Raw(tag, vr, []byte(strings.Join(values, `\`)))
}

// Shorts writes numbers of 16 bits, Longs of 32, Doubles of 64.
func (s *Set) Shorts(tag uint32, vr string, values ...uint16) {
	var b []byte
	for _, v := range values {
		b = s.order().AppendUint16(b, v)
	}
	s.Raw(tag, vr, b)
}

// Longs writes numbers of 32 bits.
func (s *Set) Longs(tag uint32, vr string, values ...uint32) {
	b := make([]byte, 0, 4*len(values))
	for _, v := range values {
		b = s.order().AppendUint32(b, v)
	}
	s.Raw(tag, vr, b)
}

// Floats writes numbers of single precision.
func (s *Set) Floats(tag uint32, vr string, values ...float32) {
	b := make([]byte, 0, 4*len(values))
	for _, v := range values {
		b = s.order().AppendUint32(b, math.Float32bits(v))
	}
	s.Raw(tag, vr, b)
}

// Doubles writes numbers of double precision.
func (s *Set) Doubles(tag uint32, vr string, values ...float64) {
	b := make([]byte, 0, 8*len(values))
	for _, v := range values {
		b = s.order().AppendUint64(b, math.Float64bits(v))
	}
	s.Raw(tag, vr, b)
}

// Sequence writes items.
func (s *Set) Sequence(tag uint32, items ...func(*Set)) {
	all := Set{Coding: s.Coding}
	for _, item := range items {
		one := Set{Coding: s.Coding}
		item(&one)
		all.head(tagItem, "", uint32(len(one.Bytes)))
		all.Bytes = append(all.Bytes, one.Bytes...)
	}
	s.Raw(tag, "SQ", all.Bytes)
}

// Packed writes a packed picture: a table of offsets, which may be nil, and its parts.
func (s *Set) Packed(tag uint32, offsets []byte, parts ...[]byte) {
	s.head(tag, "OB", undefined)
	for _, p := range append([][]byte{offsets}, parts...) {
		s.head(tagItem, "", uint32(len(p)+len(p)&1))
		s.Bytes = append(s.Bytes, p...)
		if len(p)&1 == 1 {
			s.Bytes = append(s.Bytes, 0)
		}
	}
	s.head(tagSequenceEnd, "", 0)
}

// preamble and mark begin a file of PS3.10.
const (
	preamble = 128
	mark     = "DICM"
)

// implementation is the class of what writes here: a UID made once of a random number
// (PS3.5 B.2).
const implementation = "2.25.183920734651029384756102938475610293"

// File puts the head of PS3.10 before a data set: its class, its own UID and how it is
// written.
func File(class, instance, syntax string, set []byte) []byte {
	var m Set
	m.Raw(0x00020001, "OB", []byte{0, 1})
	m.Text(0x00020002, "UI", class)
	m.Text(0x00020003, "UI", instance)
	m.Text(0x00020010, "UI", syntax)
	m.Text(0x00020012, "UI", implementation)
	m.Text(0x00020013, "SH", "KRYPTON")
	f := Set{Bytes: append(make([]byte, preamble, preamble+len(mark)+len(m.Bytes)+12+len(set)), mark...)}
	f.Longs(0x00020000, "UL", uint32(len(m.Bytes)))
	return append(append(f.Bytes, m.Bytes...), set...)
}
