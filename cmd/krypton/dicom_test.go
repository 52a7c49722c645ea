package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/dicomwrite"
)

// marked is what a test's DICOM files have wherever they could say something about people.
const marked = "ZQMARKED"

// about are the attributes that say something about people, or where text is free.
var about = []struct {
	tag uint32
	vr  string
}{
	{0x00080012, "DA"}, {0x00080014, "UI"}, {0x00080020, "DA"}, {0x00080021, "DA"}, {0x00080030, "TM"}, {0x00080050, "SH"}, {0x00080070, "LO"}, {0x00080080, "LO"}, {0x00080081, "ST"}, {0x00080090, "PN"}, {0x00081010, "SH"},
	{0x00081030, "LO"}, {0x0008103e, "LO"}, {0x00081050, "PN"}, {0x00081070, "PN"}, {0x00082111, "ST"}, {0x00090010, "LO"}, {0x00091001, "LO"}, {0x00100010, "PN"}, {0x00100020, "LO"}, {0x00100030, "DA"}, {0x00100040, "CS"}, {0x00101000, "LO"}, {0x00101001, "PN"},
	{0x00101010, "AS"}, {0x00101040, "LO"}, {0x001021b0, "LT"}, {0x00104000, "LT"}, {0x00180015, "CS"}, {0x00181030, "LO"}, {0x0020000d, "UI"}, {0x0020000e, "UI"}, {0x00200010, "SH"}, {0x00204000, "LT"},
}

// scan is a DICOM file of two frames of 64 by 64 pixels, with two windows, marked.
func scan(picture bool) []byte {
	var s dicomwrite.Set
	s.Text(0x00080008, "CS", "ORIGINAL", "PRIMARY", marked)
	written := 0
	upTo := func(tag uint32) {
		for ; written < len(about) && about[written].tag < tag; written++ {
			s.Text(about[written].tag, about[written].vr, marked)
		}
	}
	upTo(0x00280000)
	if !picture {
		return dicomwrite.File("1.2.840.10008.5.1.4.1.1.88.11", "2.25.5", "1.2.840.10008.1.2.1", s.Bytes)
	}
	const side = 64
	us := func(t uint32, v uint16) { s.Shorts(t, "US", v) }
	us(0x00280002, 1)
	s.Text(0x00280004, "CS", "MONOCHROME2")
	s.Text(0x00280008, "IS", "2")
	us(0x00280010, side)
	us(0x00280011, side)
	s.Text(0x00280030, "DS", "0.5", "0.25")
	us(0x00280100, 16)
	us(0x00280101, 12)
	us(0x00280102, 11)
	us(0x00280103, 0)
	s.Text(0x00281050, "DS", "50", "20")
	s.Text(0x00281051, "DS", "100", "40")
	s.Text(0x00281052, "DS", "-1024")
	s.Text(0x00281053, "DS", "1")
	s.Text(0x00281055, "LO", marked, "BONE")
	s.Text(0x00284000, "LT", marked)
	s.Text(0x00321032, "PN", marked)
	var pixels []uint16
	for i := range 2 * side * side {
		pixels = append(pixels, uint16(1024+i%side+i/side%side/2))
	}
	s.Shorts(0x7fe00010, "OW", pixels...)
	return dicomwrite.File("1.2.840.10008.5.1.4.1.1.2", "2.25.5", "1.2.840.10008.1.2.1", s.Bytes)
}

// TestNobodyIsNamed: nothing that a file says about people comes into an output, a message
// or a record.
func TestNobodyIsNamed(t *testing.T) {
	bad := bytes.Replace(scan(true), []byte("MONOCHROME2 "), []byte(marked+"    "), 1)
	dir := inFolder(t, map[string][]byte{"scan.dcm": scan(true), "report.dcm": scan(false), "bad.dcm": bad})
	t.Chdir(dir)
	var said bytes.Buffer
	for _, args := range [][]string{
		{"obe", "scan.dcm", "--model", "shapes", "--patch", "64", "--stride", "64", "--scores", "a.json,a.csv,a.npy", "--json", "--events", "a.events", "--progress", "a.progress"},
		{"obe", "scan.dcm", "--model", "shapes", "--window", "nothing", "-o", "b.png"},
		{"obe", "report.dcm", "bad.dcm", "--model", "shapes", "-o", "out/"},
		{"obe", "scan.dcm", "bad.dcm", "--model", "shapes", "--patch", "64", "--stride", "64", "--out-dir", "batch"},
	} {
		run(args, strings.NewReader(""), &said, &said)
	}
	if said.Len() == 0 || bytes.Contains(said.Bytes(), []byte(marked)) {
		t.Errorf("said: %s", said.Bytes())
	}
	outputs := 0
	err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) == ".dcm" {
			return err
		}
		outputs++
		b, err := os.ReadFile(path)
		if bytes.Contains(b, []byte(marked)) {
			t.Errorf("%s names somebody", path)
		}
		return err
	})
	if err != nil || outputs < 8 {
		t.Errorf("%d outputs, %v", outputs, err)
	}
}
