package dicom

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Frame is one picture in numbers.
type Frame struct {
	W, H int
	// Channels is 1 for gray, whose numbers are those behind the modality transform, or 3
	// for red, green and blue, from 0 to Most.
	Channels int
	Most     float64
	// Pix are the pixels row by row. NaN is padding, or no number in the file itself.
	Pix []float32
	// Padded is how many there are of these.
	Padded int
	// Inverted says that greater numbers are darker (MONOCHROME1).
	Inverted bool
	// Modality is what made numbers of those stored: "" for nothing, "slope ... intercept"
	// or "table".
	Modality string
	// Windows are those that the file has, tables behind them.
	Windows []Window
	// Spacing is how many millimetres pixels lie apart, down and across, nil if the file
	// does not say; SpacingFrom is the attribute.
	Spacing     *[2]float64
	SpacingFrom string
	// Aspect is how much higher than wide pixels are, 1 for squares, and where nothing is said.
	Aspect float64
	// Notes are what there is to say of the frame.
	Notes []string

	file *File
}

// Frame reads a picture, from 0 on.
func (f *File) Frame(ctx context.Context, n int) (*Frame, error) {
	c, err := f.cells(ctx, n)
	if err != nil {
		return nil, err
	}
	d := f.attributes(n)
	p := &Frame{W: f.Width, H: f.Height, Channels: f.Channels, Inverted: f.Photometric == "MONOCHROME1", Notes: c.notes, file: f}
	if p.Spacing, p.SpacingFrom, err = d.spacing(); err != nil {
		p.Notes = append(p.Notes, err.Error())
	}
	p.Aspect = d.aspect(p.Spacing)
	if f.Channels == 1 {
		if err := p.gray(d, c); err != nil {
			return nil, err
		}
		p.Windows, err = d.windows(p)
		return p, err
	}
	return p, p.colours(d, c)
}

// Bytes is about what Frame takes beside the file, in bytes.
func (f *File) Bytes() int64 {
	n := int64(f.Width) * int64(f.Height) * int64(f.Channels)
	switch {
	case f.packed.native():
		return 4 * n
	case f.packed.by >= codecJPEGLS: // a program's file, read while it grows
		return n * int64(4+3*f.bits/8)
	}
	return n * int64(4+max(2*f.bits/8, 4))
}

// attributes are what holds for a frame: what it has for itself goes before what all share,
// and that before what the file says.
func (f *File) attributes(n int) dataset {
	all := dataset{}
	for t, e := range f.set {
		all[t] = e
	}
	take := func(groups tag, at int) {
		e, ok := f.set[groups]
		if !ok {
			return
		}
		// What is damaged there is passed over, as anywhere.
		_ = e.items(func(i int, item []byte) bool {
			if i != at {
				return true
			}
			for t, group := range datasetOf(item, e.coding) {
				if t != tagPixelMeasures && t != tagFrameVOI && t != tagFrameValues {
					continue
				}
				for t, v := range group.first() {
					all[t] = v
				}
			}
			return false
		})
	}
	take(tagSharedGroups, 0)
	take(tagPerFrameGroups, n)
	return all
}

// first is the first item of a sequence.
func (e *element) first() (d dataset) {
	_ = e.items(func(_ int, item []byte) bool {
		d = datasetOf(item, e.coding)
		return false
	})
	return d
}

// gray makes numbers of those stored.
func (p *Frame) gray(d dataset, c *cells) error {
	through, err := p.modality(d)
	if err != nil {
		return err
	}
	padding := d.padding(p.file)
	p.Pix = make([]float32, p.W*p.H)
	for i := range p.Pix {
		v := c.at(i, 0)
		if padding(v) {
			v = math.NaN()
		} else {
			v = through(v)
		}
		if v != v || math.IsInf(v, 0) {
			v = math.NaN()
			p.Padded++
		}
		p.Pix[i] = float32(v)
	}
	if p.Padded > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%d pixels are padding: black, and left out of ranges", p.Padded))
	}
	return nil
}

// modality is the transform of C.11.1: a table, or slope and intercept.
func (p *Frame) modality(d dataset) (func(float64) float64, error) {
	if e, ok := d[tagModalityLUT]; ok && len(e.value) > 0 && !p.file.floats {
		t, err := tableOf(e.first(), p.file.signed)
		if err != nil {
			return nil, fmt.Errorf("modality table: %w", err)
		}
		p.Modality = "table"
		return t.at, nil
	}
	slope, intercept := d.number(tagSlope, 1), d.number(tagIntercept, 0)
	for _, t := range []tag{tagSlope, tagIntercept} {
		if d.text(t) != "" && d.numbers(t, 1<<10) == nil {
			return nil, fmt.Errorf("damaged: the rescaling %v is no number", t)
		}
	}
	if slope == 0 {
		slope = 1
		p.Notes = append(p.Notes, "a rescale slope of 0 is taken for 1")
	}
	if slope == 1 && intercept == 0 {
		return func(v float64) float64 { return v }, nil
	}
	p.Modality = fmt.Sprintf("slope %g, intercept %g", slope, intercept)
	return func(v float64) float64 { return float64(v*slope) + intercept }, nil
}

// padding says which stored numbers are no part of the picture (C.7.5.1.1.2).
func (d dataset) padding(f *File) func(float64) bool {
	value, limit := tagPadding, tagPaddingLimit
	if f.floats {
		value, limit = tagFloatPadding, tagFloatPadLimit
		if f.bits == 64 {
			value, limit = tagDoublePadding, tagDoublePadLimit
		}
	}
	as := func(t tag) []float64 {
		all := d.numbers(t, 1)
		if len(all) == 1 && !f.floats { // in as many bits as the numbers have
			v := uint32(int64(all[0])) << (32 - min(f.stored, 32))
			all[0] = float64(v >> (32 - f.stored))
			if f.signed {
				all[0] = float64(int32(v) >> (32 - f.stored))
			}
		}
		return all
	}
	lo := as(value)
	if lo == nil {
		return func(float64) bool { return false }
	}
	hi := as(limit)
	if hi == nil {
		hi = lo
	}
	least, most := min(lo[0], hi[0]), max(lo[0], hi[0])
	return func(v float64) bool { return v >= least && v <= most }
}

// spacing is the distance of pixels: what is calibrated or lies in the patient goes before
// what is measured at the detector.
func (d dataset) spacing() (*[2]float64, string, error) {
	for _, from := range []struct {
		tag  tag
		name string
	}{{tagSpacing, "PixelSpacing"}, {tagImagerSpacing, "ImagerPixelSpacing"}, {tagNominalSpacing, "NominalScannedPixelSpacing"}} {
		if d.text(from.tag) == "" {
			continue
		}
		v := d.numbers(from.tag, 2)
		if len(v) != 2 || !(v[0] > 0 && v[1] > 0) || v[0] > 1e4 || v[1] > 1e4 {
			return nil, "", fmt.Errorf("%s is no distance of pixels", from.name)
		}
		return &[2]float64{v[0], v[1]}, from.name, nil
	}
	return nil, "", nil
}

// aspect is how much higher than wide pixels are: by their distance, or else by
// PixelAspectRatio (C.7.6.3.1.7).
func (d dataset) aspect(spacing *[2]float64) float64 {
	if spacing != nil {
		return spacing[0] / spacing[1]
	}
	if v := d.numbers(tagAspect, 2); len(v) == 2 && v[0] > 0 && v[1] > 0 {
		return v[0] / v[1]
	}
	return 1
}

// colours makes red, green and blue.
func (p *Frame) colours(d dataset, c *cells) error {
	p.Pix = make([]float32, 3*p.W*p.H)
	if c.meaning == "PALETTE COLOR" {
		return p.palette(d, c)
	}
	p.Most = math.Exp2(float64(c.stored)) - 1
	ybr := strings.HasPrefix(c.meaning, "YBR_FULL")
	middle := math.Exp2(float64(c.stored - 1))
	for i := range p.W * p.H {
		to := p.Pix[3*i:][:3]
		a, b, r := c.at(i, 0), c.at(i, 1), c.at(i, 2)
		if ybr { // C.7.6.3.1.2
			b, r = b-middle, r-middle
			a, b, r = a+float64(1.402*r), a-float64(.344136*b)-float64(.714136*r), a+float64(1.772*b)
		}
		for k, v := range [3]float64{a, b, r} {
			to[k] = float32(min(max(v, 0), p.Most))
		}
	}
	return nil
}

// palette looks colours up. Old programs wrote numbers of 8 bits into tables of 16: where
// none is greater, they are taken as such.
func (p *Frame) palette(d dataset, c *cells) error {
	var tables [3]*table
	p.Most = 255
	for k, t := range [3][2]tag{{tagRedDescriptor, tagRedData}, {tagGreenDescriptor, tagGreenData}, {tagBlueDescriptor, tagBlueData}} {
		if _, ok := d[tagRedSegments]; ok && len(d[t[1]].value) == 0 {
			return fmt.Errorf("a palette in segments %w", ErrUnsupported)
		}
		var err error
		if tables[k], err = tableOf(dataset{tagLUTDescriptor: d[t[0]], tagLUTData: d[t[1]]}, p.file.signed); err != nil {
			return fmt.Errorf("palette: %w", err)
		}
		if slices.Max(tables[k].entries) > 255 {
			p.Most = 65535
		}
	}
	for i := range p.W * p.H {
		v := c.at(i, 0)
		for k, t := range tables {
			p.Pix[3*i+k] = float32(t.at(v))
		}
	}
	return nil
}
