package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/dicom"
	"krypton/internal/dicomwrite"
)

// marked is what a test's DICOM files have wherever they could say something about people.
const marked = "ZQMARKED"

// scanUID is the identifier of a test's files.
const scanUID = "2.25.55555.44444.33333"

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
	upTo(0x00080016)
	class := map[bool]string{true: "1.2.840.10008.5.1.4.1.1.2", false: "1.2.840.10008.5.1.4.1.1.88.11"}[picture]
	s.Text(0x00080016, "UI", class)
	s.Text(0x00080018, "UI", scanUID)
	upTo(0x00280000)
	if !picture {
		return dicomwrite.File(class, scanUID, "1.2.840.10008.1.2.1", s.Bytes)
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
	return dicomwrite.File(class, scanUID, "1.2.840.10008.1.2.1", s.Bytes)
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

// derived runs obe on a marked file, and gives the objects that it makes, as they are read.
func derived(t *testing.T, args ...string) (files [2][]byte, frames [2]*dicom.Frame) {
	t.Helper()
	dir := inFolder(t, map[string][]byte{"scan.dcm": scan(true)})
	t.Chdir(dir)
	var said bytes.Buffer
	args = append([]string{"obe", "scan.dcm#2", "--model", "shapes", "--patch", "64", "--stride", "32", "--dicom", "out.dcm", "--scores", "a.json"}, args...)
	if got := run(args, strings.NewReader(""), &said, &said); got != exitOK {
		t.Fatalf("%d: %s", got, said.String())
	}
	for i, name := range []string{"out.dcm", "out.map.dcm"} {
		var err error
		if files[i], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
		f, err := dicom.Open(files[i], 0)
		if err == nil {
			frames[i], err = f.Frame(context.Background(), 0)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return files, frames
}

// TestDerivedObjects: the drawn map and its numbers come back from the objects, which have
// the source's people, unless they are anonymous.
func TestDerivedObjects(t *testing.T) {
	files, frames := derived(t)
	img, err := os.ReadFile("a.json")
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		Classes []struct {
			Base   float64     `json:"base_score"`
			Scores [][]float64 `json:"scores"`
		} `json:"classes"`
	}
	if err := json.Unmarshal(img, &r); err != nil {
		t.Fatal(err)
	}
	if c := frames[0]; c.Channels != 3 || c.W < 64 || c.H < 64 {
		t.Errorf("a capture of %d x %d", c.W, c.H)
	}
	m := frames[1]
	if m.W != 64 || m.H != 64 || m.Padded != 0 || m.SpacingFrom != "PixelSpacing" || *m.Spacing != [2]float64{.5, .25} {
		t.Errorf("%+v", m)
	}
	// The first corner is covered by the first patch alone.
	if want := float32(r.Classes[0].Base - r.Classes[0].Scores[0][0]); math.Abs(float64(m.Pix[0]-want)) > 1e-6 {
		t.Errorf("%g, want %g", m.Pix[0], want)
	}
	for i, b := range files {
		if n := bytes.Count(b, []byte(marked)); n < 8 || !bytes.Contains(b, []byte(dicom.NotForDiagnosis)) || !bytes.Contains(b, []byte(scanUID)) {
			t.Errorf("object %d has %d of what the source says", i, n)
		}
	}
	readBack(t, frames)
	anonymous, frames := derived(t, "--anonymous")
	for i, b := range anonymous {
		if bytes.Contains(b, []byte(marked)) || bytes.Contains(b, []byte(scanUID)) || !bytes.Contains(b, []byte(dicom.NotForDiagnosis)) {
			t.Errorf("object %d says whose it is", i)
		}
	}
	readBack(t, frames)
}

// readBack has pydicom and dcmtk read the objects, where they are installed: both must
// be where KRYPTON_DATA is set.
func readBack(t *testing.T, frames [2]*dicom.Frame) {
	t.Helper()
	python := "/usr/bin/python3"
	if exec.Command(python, "-c", "import pydicom, numpy").Run() != nil || exec.Command("dcmdump", "--version").Run() != nil {
		if os.Getenv("KRYPTON_DATA") != "" {
			t.Error("python3-pydicom and dcmtk are not installed")
		}
		return
	}
	const script = "import pydicom,sys\nfor n in sys.argv[1:]:\n a=pydicom.dcmread(n).pixel_array\n print(a.shape,'%.9g %.9g'%(a.min(),a.max()))"
	got, err := exec.Command(python, "-c", script, "out.dcm", "out.map.dcm").CombinedOutput()
	want := ""
	for i, f := range frames {
		least, most := f.Range()
		shape := fmt.Sprintf("(%d, %d)", f.H, f.W)
		if i == 0 {
			shape = fmt.Sprintf("(%d, %d, 3)", f.H, f.W)
		}
		want += fmt.Sprintf("%s %.9g %.9g\n", shape, least, most)
	}
	if err != nil || string(got) != want {
		t.Errorf("pydicom: %v: %s, want %s", err, got, want)
	}
	if said, err := exec.Command("dcmdump", "out.map.dcm", "out.dcm").CombinedOutput(); err != nil || bytes.Contains(said, []byte("W: ")) || bytes.Contains(said, []byte("E: ")) {
		t.Errorf("dcmdump: %v: %.2000s", err, said)
	}
	if said, err := exec.Command("dcm2pnm", "out.dcm", "out.ppm").CombinedOutput(); err != nil {
		t.Errorf("dcm2pnm: %v: %s", err, said)
	}
	ppm, err := os.ReadFile("out.ppm")
	head := fmt.Sprintf("P6\n%d %d\n255\n", frames[0].W, frames[0].H)
	if err != nil || !bytes.HasPrefix(ppm, []byte(head)) || len(ppm) != len(head)+len(frames[0].Pix) {
		t.Fatalf("dcm2pnm: %v, %d bytes", err, len(ppm))
	}
	for i, v := range frames[0].Pix {
		if float32(ppm[len(head)+i]) != v {
			t.Fatalf("dcm2pnm: %d instead of %g at %d", ppm[len(head)+i], v, i)
		}
	}
}
