package dicom

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"krypton/internal/dicomwrite"
)

// The classes of objects that are written.
const (
	secondaryCapture = "1.2.840.10008.5.1.4.1.1.7"
	parametricMap    = "1.2.840.10008.5.1.4.1.1.30"
	explicitSyntax   = "1.2.840.10008.1.2.1"
)

// The attributes that derived objects take over from their source or say of it.
const (
	tagCharacterSet tag = 0x00080005
	tagStudy        tag = 0x0020000d
	tagSeries       tag = 0x0020000e
	tagReference    tag = 0x00200052
	tagPosition     tag = 0x00200032
	tagOrientation  tag = 0x00200037
	tagThickness    tag = 0x00180050
	tagLossy        tag = 0x00282110
)

// people are the attributes about the patient and the study that derived objects take over,
// if they are not to be anonymous, with their representations. All of them must be there, if
// empty (PS3.3 C.7.1.1, C.7.2.1), but those of optional.
var people = map[tag]string{
	0x00080020: "DA", 0x00080030: "TM", 0x00080050: "SH", 0x00080090: "PN", 0x00100010: "PN", 0x00100020: "LO", 0x00100030: "DA", 0x00100040: "CS", 0x00200010: "SH",
	0x00081030: "LO", 0x00101010: "AS", 0x00101020: "DS", 0x00101030: "DS",
}

// optional are those of people that are left out where the source has none.
var optional = []tag{0x00081030, 0x00101010, 0x00101020, 0x00101030}

// identity are all that is kept of a file for derived objects.
var identity = func() map[tag]string {
	all := maps.Clone(people)
	maps.Copy(all, map[tag]string{tagCharacterSet: "CS", tagSOPClass: "UI", tagSOPInstance: "UI", tagStudy: "UI", tagSeries: "UI", tagReference: "UI", tagPosition: "DS", tagOrientation: "DS", tagThickness: "DS", tagLossy: "CS"})
	return all
}()

// Header is the file without its picture and tables: what derived objects take over.
func (f *File) Header() *File {
	h := *f
	h.set, h.study = dataset{}, dataset{}
	for t, e := range f.study {
		e.value = bytes.Clone(e.value)
		h.study[t] = e
	}
	return &h
}

// Derived says what a derived object is.
type Derived struct {
	// Frame is the source's, from 1 on; Spacing that of its pixels, nil if nobody knows.
	Frame   int
	Spacing *[2]float64
	// Of are what identifiers are made of: equal ones for equal objects.
	Of string
	// Label says what is mapped, Version the program's.
	Label, Version string
	Made           time.Time
	// Anonymous objects have nothing of the source's people, study and identifiers.
	Anonymous bool
}

// NotForDiagnosis is said in every derived object.
const NotForDiagnosis = "derived, not for diagnosis"

// elements are those of an object that is being made.
type elements map[tag]func(s *dicomwrite.Set)

func (e elements) text(t tag, vr string, values ...string) {
	e[t] = func(s *dicomwrite.Set) { s.Text(uint32(t), vr, values...) }
}

func (e elements) short(t tag, values ...uint16) {
	e[t] = func(s *dicomwrite.Set) { s.Shorts(uint32(t), "US", values...) }
}

// items writes a sequence, of no item too.
func (e elements) items(t tag, items ...elements) {
	e[t] = func(s *dicomwrite.Set) {
		var all []func(*dicomwrite.Set)
		for _, item := range items {
			all = append(all, item.write)
		}
		s.Sequence(uint32(t), all...)
	}
}

// write writes them in the order of tags.
func (e elements) write(s *dicomwrite.Set) {
	for _, t := range slices.Sorted(maps.Keys(e)) {
		e[t](s)
	}
}

// file makes a file of them.
func (e elements) file(class, instance string) []byte {
	e.text(tagSOPClass, "UI", class)
	e.text(tagSOPInstance, "UI", instance)
	var s dicomwrite.Set
	e.write(&s)
	return dicomwrite.File(class, instance, explicitSyntax, s.Bytes)
}

// uid is an identifier for one use, of a hash (PS3.5 B.2, RFC 9562 version 8).
func (d *Derived) uid(use string) string {
	b := sha256.Sum256([]byte(use + "\x00" + d.Of))
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return "2.25." + new(big.Int).SetBytes(b[:16]).String()
}

// plain makes a text that every character set of DICOM has, of at most n letters.
func plain(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '\\' {
			return '?'
		}
		return r
	}, s)
	return strings.TrimSpace(s[:min(len(s), n)])
}

// code is an item of a code sequence.
func code(value, scheme, meaning string) elements {
	e := elements{}
	e.text(0x00080100, "SH", value)
	e.text(0x00080102, "SH", scheme)
	e.text(0x00080104, "LO", meaning)
	return e
}

// common are the elements that all derived objects have.
func (f *File) common(d *Derived, use string) elements {
	e := elements{}
	take := func(t tag, vr string) bool {
		v := f.study.text(t)
		if d.Anonymous || v == "" {
			return false
		}
		e.text(t, vr, v)
		return true
	}
	for t, vr := range people {
		if !take(t, vr) && !slices.Contains(optional, t) {
			e.text(t, vr, "")
		}
	}
	take(tagCharacterSet, "CS")
	if !take(tagStudy, "UI") {
		e.text(tagStudy, "UI", d.uid("study"))
	}
	if d.Anonymous {
		e.text(0x00100010, "PN", "ANONYMOUS")
		e.text(0x00120062, "CS", "YES")
		e.text(0x00120063, "LO", "nothing of the source but its picture")
	}
	lossy := f.study.text(tagLossy)
	if lossy != "01" {
		lossy = "00"
	}
	if f.packed.by == codecJPEG {
		lossy = "01"
	}
	e.text(tagLossy, "CS", lossy)
	e.text(tagSeries, "UI", d.uid("series "+use))
	e.text(0x00200011, "IS", "9001")
	e.text(0x00200060, "CS", "")
	e.text(0x00200013, "IS", "1")
	e.text(0x0008103e, "LO", plain("krypton: "+NotForDiagnosis, 64))
	e.text(0x00082111, "ST", plain(fmt.Sprintf("Occlusion map by krypton %s of %s: %s", d.Version, d.Label, NotForDiagnosis), 1024))
	e.text(0x00080023, "DA", d.Made.UTC().Format("20060102"))
	e.text(0x00080033, "TM", d.Made.UTC().Format("150405"))
	e.text(0x00080070, "LO", "krypton")
	e.text(0x00081090, "LO", "krypton obe")
	e.text(0x00181000, "LO", "none")
	e.text(0x00181020, "LO", plain(d.Version, 64))
	e.text(0x00280301, "CS", "NO")
	return e
}

// source is an item that refers to the source, with the frame if there are several.
func (f *File) source(d *Derived) elements {
	e := elements{}
	e.text(0x00081150, "UI", f.study.text(tagSOPClass))
	e.text(0x00081155, "UI", f.study.text(tagSOPInstance))
	if f.Frames > 1 {
		e.text(0x00081160, "IS", strconv.Itoa(d.Frame))
	}
	return e
}

// named says whether the source can be referred to, and may be.
func (f *File) named(d *Derived) bool {
	return !d.Anonymous && len(f.study[tagSOPClass].value) > 0 && len(f.study[tagSOPInstance].value) > 0
}

// Capture is a secondary capture of a picture of w by h pixels, three bytes each, in the
// source's study.
func (f *File) Capture(d Derived, w, h int, rgb []byte) ([]byte, error) {
	if w < 1 || h < 1 || w > math.MaxUint16 || h > math.MaxUint16 || len(rgb) != 3*w*h || len(rgb) > math.MaxInt32 {
		return nil, fmt.Errorf("%d x %d pixels: a secondary capture has up to %d each way", w, h, math.MaxUint16)
	}
	e := f.common(&d, "capture")
	e.text(0x00080008, "CS", "DERIVED", "SECONDARY")
	e.text(tagModality, "CS", "OT")
	e.text(0x00080064, "CS", "WSD")
	e.text(0x00200020, "CS", "")
	if f.named(&d) {
		e.items(0x00082112, f.source(&d))
	}
	var picture dicomwrite.Set
	describe(&picture, 3, "RGB", h, w, [3]int{8, 8, 7}, 0)
	e[tagSamples] = func(s *dicomwrite.Set) { s.Bytes = append(s.Bytes, picture.Bytes...) } // up to tagSigned
	e[tagPixels] = func(s *dicomwrite.Set) { s.Raw(uint32(tagPixels), "OW", rgb) }
	return e.file(secondaryCapture, d.uid("capture")), nil
}

// noValue is where a map has no number.
const noValue = -math.MaxFloat32

// Parametric is a parametric map of numbers for the pixels of the source's frame, NaN where
// there is none, in its frame of reference.
func (f *File) Parametric(d Derived, values []float32) ([]byte, error) {
	if len(values) != f.Width*f.Height || len(values) > math.MaxInt32/4 {
		return nil, fmt.Errorf("%d numbers for %d x %d pixels", len(values), f.Width, f.Height)
	}
	values = slices.Clone(values)
	least, most := float32(math.Inf(1)), float32(math.Inf(-1))
	for i, v := range values {
		if v != v {
			values[i] = noValue
			continue
		}
		least, most = min(least, v), max(most, v)
	}
	if least > most {
		least, most = 0, 0
	}
	e := f.common(&d, "map")
	e.text(0x00080008, "CS", "DERIVED", "PRIMARY", "OTHER", "NONE")
	e.text(tagModality, "CS", "OT")
	e.text(0x00280302, "CS", "NO")
	e.text(0x20500020, "CS", "IDENTITY")
	e.text(0x00189004, "CS", "RESEARCH")
	e.text(0x00700080, "CS", "OCCLUSION")
	e.text(0x00700081, "LO", plain(d.Label, 64))
	e.text(0x00700084, "PN", "krypton")
	e.text(tagFrames, "IS", "1")
	e.short(tagSamples, 1)
	e.text(tagPhotometric, "CS", "MONOCHROME2")
	e.short(tagRows, uint16(f.Height))
	e.short(tagColumns, uint16(f.Width))
	e.short(tagBitsAllocated, 32)
	for _, t := range []tag{tagFloatPadding, tagFloatPadLimit} {
		e[t] = func(s *dicomwrite.Set) { s.Floats(uint32(t), "FL", noValue) }
	}
	e.items(0x00400555)
	f.refer(e, &d)
	dimensions(e, &d)
	e.items(tagSharedGroups, f.groups(&d, least, most))
	frame, content := elements{}, elements{}
	content.text(0x00209056, "SH", "1")
	content[0x00209057] = func(s *dicomwrite.Set) { s.Longs(0x00209057, "UL", 1) }
	content[0x00209157] = func(s *dicomwrite.Set) { s.Longs(0x00209157, "UL", 1) }
	frame.items(0x00209111, content)
	e.items(tagPerFrameGroups, frame)
	e[tagFloatPixels] = func(s *dicomwrite.Set) { s.Floats(uint32(tagFloatPixels), "OF", values...) }
	return e.file(parametricMap, d.uid("map")), nil
}

// refer writes what a map says of the source's series and of its frame of reference.
func (f *File) refer(e elements, d *Derived) {
	if v := f.study.text(tagReference); v != "" {
		if e.text(tagReference, "UI", v); d.Anonymous {
			e.text(tagReference, "UI", d.uid("reference"))
		}
		e.text(0x00201040, "LO", "")
	}
	series := f.study.text(tagSeries)
	if !f.named(d) || series == "" {
		return
	}
	of := elements{}
	of.text(tagSeries, "UI", series)
	of.items(0x0008114a, f.source(d))
	e.items(0x00081115, of)
}

// dimensions writes what orders a map's frames: the one there is.
func dimensions(e elements, d *Derived) {
	organization := d.uid("dimensions")
	one := elements{}
	one.text(0x00209164, "UI", organization)
	e.items(0x00209221, one)
	index := elements{}
	index.text(0x00209164, "UI", organization)
	index[0x00209165] = func(s *dicomwrite.Set) { s.Shorts(0x00209165, "AT", 0x0020, 0x9057) }
	index[0x00209167] = func(s *dicomwrite.Set) { s.Shorts(0x00209167, "AT", 0x0020, 0x9111) }
	e.items(0x00209222, index)
}

// groups are the functional groups of a map: where it lies, what its numbers are, what it
// was made of.
func (f *File) groups(d *Derived, least, most float32) elements {
	all, measures := elements{}, elements{}
	number := func(v float64) string { return plain(strconv.FormatFloat(v, 'g', 10, 64), 16) }
	if d.Spacing != nil {
		measures.text(tagSpacing, "DS", number(d.Spacing[0]), number(d.Spacing[1]))
	}
	copied := func(to elements, t tag) bool {
		v := f.study.text(t)
		if v != "" {
			to.text(t, "DS", v)
		}
		return v != ""
	}
	copied(measures, tagThickness)
	all.items(tagPixelMeasures, measures)
	if e := (elements{}); copied(e, tagPosition) {
		all.items(0x00209113, e)
	}
	if e := (elements{}); copied(e, tagOrientation) {
		all.items(0x00209116, e)
	}
	kind, window, meaning := elements{}, elements{}, elements{}
	kind.text(0x00089007, "CS", "DERIVED", "PRIMARY", "OTHER", "NONE")
	all.items(0x00409092, kind)
	width := max(float64(most)-float64(least), 1e-9)
	window.text(tagWindowCenter, "DS", number((float64(most)+float64(least))/2))
	window.text(tagWindowWidth, "DS", number(width))
	window.text(tagVOIFunction, "CS", "LINEAR_EXACT")
	all.items(tagFrameVOI, window)
	same := elements{}
	same.text(tagIntercept, "DS", "0")
	same.text(tagSlope, "DS", "1")
	same.text(0x00281054, "LO", "US") // of no unit
	all.items(tagFrameValues, same)
	meaning.text(tagLUTName, "LO", "what hiding a place takes from the score")
	meaning.text(0x00409210, "SH", "OCCLUSION")
	for t, v := range map[tag]float64{0x00409214: float64(least), 0x00409213: float64(most), 0x00409224: 0, 0x00409225: 1} {
		meaning[t] = func(s *dicomwrite.Set) { s.Doubles(uint32(t), "FD", v) }
	}
	meaning.items(0x004008ea, code("1", "UCUM", "no units"))
	all.items(0x00409096, meaning)
	derivation := elements{}
	derivation.text(0x00082111, "ST", "occlusion map: "+NotForDiagnosis)
	derivation.items(0x00089215, code("110001", "DCM", "Image Processing"))
	derivation.items(0x00082112)
	if f.named(d) {
		of := f.source(d)
		of.items(0x0040a170, code("121322", "DCM", "Source image for image processing operation"))
		derivation.items(0x00082112, of)
	}
	all.items(0x00089124, derivation)
	return all
}
