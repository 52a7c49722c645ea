package dicom

import (
	"context"
	"encoding/csv"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// stored are the least, the greatest and the mean number of all frames behind the modality
// transform, in the stored colour space.
func stored(f *File) (got [3]float64, err error) {
	least, most, sum, n := math.Inf(1), math.Inf(-1), 0., 0
	for k := range f.Frames {
		c, err := f.cells(context.Background(), k)
		if err != nil {
			return got, err
		}
		p := &Frame{W: f.Width, H: f.Height, Channels: f.Channels, file: f}
		through := func(v float64) float64 { return v }
		if f.samples == 1 {
			if through, err = p.modality(f.attributes(k)); err != nil {
				return got, err
			}
		}
		for i := range f.Width * f.Height {
			for s := range f.samples {
				v := through(c.at(i, s))
				least, most, sum, n = min(least, v), max(most, v), sum+v, n+1
			}
		}
	}
	return [3]float64{least, most, sum / float64(n)}, nil
}

// differs are the files whose numbers are others than expected.csv's, or that are refused,
// with what there is to say: docs/dicom.md says why.
var differs = map[string]string{
	// The bytes lie in words (PS3.5 8.2, A.3): pydicom 2.3 does not turn them around.
	"SC_rgb_small_odd_big_endian.dcm": "52 176 128.77777777777777",
	// gdcmconv takes "1A" frames for one; there are 15.
	"badVR.dcm":        "795000 1.254e+06 1.0132733333333334e+06",
	"MR_truncated.dcm": "cut short: 8130 bytes of 8192",
	"JPEG2000-embedded-sequence-delimiter.dcm": "JPEG 2000 by gdcmconv: Invalid number of tiles",
	"ExplVR_BigEndNoMeta.dcm":                  "without a picture",
	"ExplVR_LitEndNoMeta.dcm":                  "without a picture",
	"UN_sequence.dcm":                          "without a picture",
	"empty_charset_LEI.dcm":                    "without a picture",
	"no_meta_group_length.dcm":                 "without a picture",
	"priv_SQ.dcm":                              "without a picture",
	"waveform_ecg.dcm":                         "without a picture",
	"meta_missing_tsyntax.dcm":                 "rows and columns",
	"nested_priv_SQ.dcm":                       "rows and columns",
	"no_meta.dcm":                              "cut short",
}

// TestExpected: the numbers of real files are those that pydicom and gdcm read. Lossy JPEG
// may be rounded otherwise (ITU-T T.83).
func TestExpected(t *testing.T) {
	dir := os.Getenv("KRYPTON_DATA")
	if dir == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	for _, p := range []string{"gdcmconv", "dcmdjpls"} {
		if _, err := exec.LookPath(p); err != nil {
			t.Fatalf("%v: install dcmtk and libgdcm-tools", err)
		}
	}
	dir = filepath.Join(dir, "dicom")
	file, err := os.Open(filepath.Join(dir, "expected.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		data, err := os.ReadFile(filepath.Join(dir, row[0]))
		if err != nil {
			t.Fatal(err)
		}
		var got [3]float64
		f, err := Open(data, 1<<28)
		if err == nil {
			got, err = stored(f)
		}
		texts, other := row[7:10], differs[row[0]]
		if other != "" {
			if texts = strings.Fields(other); err != nil {
				if !strings.Contains(err.Error(), other) || strings.Contains(err.Error(), "\n") {
					t.Errorf("%s: %v, want %q", row[0], err, other)
				}
				continue
			}
		}
		if err != nil {
			t.Errorf("%s: %v", row[0], err)
			continue
		}
		for i := range got {
			want, err := strconv.ParseFloat(texts[i], 64)
			allowed := 0.
			if i == 2 && f.packed.by == codecJPEG {
				allowed = .02
			}
			if err != nil || math.Abs(got[i]-want) > allowed+1e-12*math.Abs(want) {
				t.Errorf("%s: %v, want %v", row[0], got, texts)
				break
			}
		}
	}
}
