package explain

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"krypton/internal/dicom"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
)

// DICOM makes two objects of an answer about a DICOM file's picture, in the same study: a
// secondary capture of the drawn map, and a parametric map of what each pixel of the file
// is worth. anonymous objects have nothing of the source's people and identifiers.
func (a *Answer) DICOM(in *Input, style heatmap.Style, anonymous bool) (capture, parametric []byte, err error) {
	from := in.DICOM
	if from == nil {
		return nil, nil, failure.Usagef("%s is no DICOM file, of which objects could be derived", a.record.Image)
	}
	img, err := a.Draw(in, style)
	if err != nil {
		return nil, nil, err
	}
	if img, err = heatmap.Burn(img, dicom.NotForDiagnosis); err != nil {
		return nil, nil, err
	}
	values, err := a.onPicture(in)
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.New()
	sum.Write(img.Pix)
	if err := binary.Write(sum, binary.LittleEndian, values); err != nil {
		return nil, nil, err
	}
	r := a.record
	d := dicom.Derived{
		Frame: from.Frame, Spacing: from.Spacing, Label: r.Title(), Version: r.Version, Made: time.Now(), Anonymous: anonymous,
		Of: fmt.Sprintf("%s %d %s %s %v %x", r.ImageSHA256, from.Frame, r.ModelSHA256, r.Version, anonymous, sum.Sum(nil)),
	}
	if from.From != "PixelSpacing" {
		d.Spacing = nil
	}
	rgb := make([]byte, 0, len(img.Pix)/4*3)
	for i := 0; i < len(img.Pix); i += 4 {
		rgb = append(rgb, img.Pix[i:i+3]...)
	}
	if capture, err = from.File.Capture(d, img.Rect.Dx(), img.Rect.Dy(), rgb); err != nil {
		return nil, nil, err
	}
	parametric, err = from.File.Parametric(d, values)
	return capture, parametric, err
}

// onPicture is what hiding takes from the score, for each pixel of the picture; NaN where
// the network does not see it, or no patch lay.
func (a *Answer) onPicture(in *Input) ([]float32, error) {
	m := a.shown
	values, err := m.Importance(a.combine)
	if err != nil {
		return nil, err
	}
	size, at := in.Backdrop.Image().Rect.Size(), in.Backdrop.Transform()
	out := make([]float32, size.X*size.Y)
	for i := range out {
		x := int(math.Floor((float64(i%size.X) + .5 - at.OffsetX) / at.ScaleX))
		y := int(math.Floor((float64(i/size.X) + .5 - at.OffsetY) / at.ScaleY))
		out[i] = float32(math.NaN())
		if x >= 0 && y >= 0 && x < m.Input[1] && y < m.Input[0] {
			out[i] = float32(values[y*m.Input[1]+x])
		}
	}
	return out, nil
}
