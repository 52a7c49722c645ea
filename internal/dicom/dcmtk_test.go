package dicom

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestAgainstDCMTK: what real files look like through their windows, or from their least
// to their greatest number, is what dcm2pnm shows, within one grey level.
func TestAgainstDCMTK(t *testing.T) {
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	if _, err := exec.LookPath("dcm2pnm"); err != nil {
		t.Fatalf("%v: install dcmtk", err)
	}
	dir = filepath.Join(dir, "dicom")
	for name, option := range map[string]string{
		"CT_small.dcm": "+Wm", "MR_small.dcm": "+Wi 1", "MR_small_RLE.dcm": "+Wi 1", "MR_small_bigendian.dcm": "+Wm", "MR_small_implicit.dcm": "+Wm", "image_dfl.dcm": "+Wm",
		"rtdose_1frame.dcm": "+Wm", "SC_rgb_rle.dcm": "", "SC_rgb_small_odd_big_endian.dcm": "", "SC_ybr_full_422_uncompressed.dcm": "", "SC_rgb_jpeg_gdcm.dcm": "",
	} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		f, err := Open(data, 1<<28)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		p, err := f.Frame(context.Background(), 0)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		window := p.Full()
		var args []string
		switch option {
		case "+Wi 1":
			window, args = p.Windows[0], []string{"+Wi", "1"}
		case "+Wm":
			args = []string{"+Wm"}
		}
		out := filepath.Join(t.TempDir(), "out.pnm")
		program := "dcm2pnm"
		if !f.packed.native() {
			program = "dcmj2pnm"
		}
		said, err := exec.Command(program, append(args, filepath.Join(dir, name), out)...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v: %s", name, err, said)
		}
		pnm, err := os.ReadFile(out)
		head := fmt.Sprintf("P%d\n%d %d\n255\n", map[int]int{1: 5, 3: 6}[p.Channels], p.W, p.H)
		if err != nil || !bytes.HasPrefix(pnm, []byte(head)) || len(pnm) != len(head)+len(p.Pix) {
			t.Fatalf("%s: %v, %d bytes, want %q and %d", name, err, len(pnm), head, len(p.Pix))
		}
		worst := 0.
		for i, v := range p.Pix {
			is := float64(v) * 255 / p.Most
			if p.Channels == 1 {
				if is = 255 * window.Level(float64(v)); p.Inverted {
					is = 255 - is
				}
			}
			worst = max(worst, math.Abs(is-float64(pnm[len(head)+i])))
		}
		allowed := 1.001
		if p.Channels == 3 && f.Photometric != "RGB" {
			allowed = 1.5 // it rounds each part of a colour by itself
		}
		if worst > allowed {
			t.Errorf("%s: %.3g grey levels from dcm2pnm's", name, worst)
		}
	}
}
