package explain

import (
	"bufio"
	"context"
	"fmt"
	"image"
	"io"
	"math"

	"krypton/internal/dicom"
	"krypton/internal/failure"
	"krypton/internal/imagein"
	"krypton/internal/model"
	"krypton/internal/recording"
	"krypton/internal/wav"
)

// decoder makes inputs of one kind of file.
type decoder struct {
	// is tells the kind by a file's first bytes, HeadBytes of them or all there are, or by
	// its name.
	is     func(head []byte, name string) bool
	decode func(ctx context.Context, r *Reader, p *model.Plane, from io.Reader, of Source) (*Input, error)
}

// HeadBytes is what kinds of files are told by.
const HeadBytes = wav.Magic

// decoders are those of all kinds. The first that fits takes a file; what is nothing else
// is a picture.
var decoders = []decoder{
	{func(head []byte, _ string) bool { return isPlainTensor(head) }, tensorInput},
	{IsRecording, recordingInput},
	{func([]byte, string) bool { return true }, pictureInput},
}

// isPlainTensor tells files of arrays by their first bytes.
func isPlainTensor(head []byte) bool { return imagein.IsTensor(head) || imagein.IsArchive(head) }

// pictureInput fits and normalizes a picture. What a network of series reads of a DICOM file
// is its waveform.
func pictureInput(ctx context.Context, r *Reader, p *model.Plane, from io.Reader, of Source) (*Input, error) {
	begin := bufio.NewReader(from)
	if _, ok := r.model.Series(); ok {
		head, _ := begin.Peek(dicom.HeadBytes)
		if dicom.Is(head) {
			return recordingInput(ctx, r, p, begin, of)
		}
		if err := recording.Foreign(head); err != nil {
			return nil, failure.As(failure.Data, fmt.Errorf("%s: %w", of.Called, err))
		}
	}
	if err := p.NoPictures; err != nil {
		return nil, err
	}
	if err := of.noTime(pictures); err != nil {
		return nil, err
	}
	if err := r.applies(of.Called, pictures, p.Said); err != nil {
		return nil, err
	}
	limits, err := r.limits(of.Called, 1+len(r.fills))
	if err != nil {
		return nil, err
	}
	pre := p.Pre
	pic, err := pre.DecodeFrame(ctx, begin, of.Called, of.Frame, limits)
	if err != nil {
		return nil, err
	}
	in := &Input{SHA256: pic.SHA256, DICOM: pic.DICOM}
	for _, n := range pic.Notes {
		in.notes = append(in.notes, failure.Spell(n, r.host.Spell))
	}
	if d := pic.DICOM; d != nil && pre.KeepsShape() && math.Abs(d.Aspect-1) > 1e-3 {
		in.notes = append(in.notes, fmt.Sprintf("pixels are %.4g times as high as wide, and taken as squares", d.Aspect))
	}
	behind := &pictureBackdrop{image: pic.Image}
	in.Backdrop = behind
	if pic.Deep != nil {
		k := deepPicture{picture: picture{pic.Samples, pic.DICOM}}
		k.fitted, behind.at = pre.FitDeep(pic.Deep, p.W, p.H)
		in.kind, in.base = &k, pre.NormalizeDeep(k.fitted, p.C)
		return in, nil
	}
	k := stillPicture{picture: picture{pic.Samples, nil}}
	k.fitted, behind.at = pre.Fit(pic.Image, p.W, p.H)
	in.kind, in.base = &k, pre.Normalize(k.fitted, p.C)
	return in, nil
}

// picture is what all kinds of pictures are alike in.
type picture struct {
	samples string         // what the file has for numbers, "" if those of eight bits
	dicom   *imagein.DICOM // nil for others
}

func (k picture) shown(p *model.Plane, size image.Point) image.Rectangle {
	g := p.Pre.Geometry(size, 1, image.Pt(p.W, p.H))
	return g.Shown()
}

func (k picture) describe(p *model.Plane, entry map[string]any) {
	switch w := p.Pre.Window; {
	case k.dicom != nil:
		entry["dicom"] = k.dicom
	case w != nil:
		entry["window"] = []float64{w.Lo, w.Hi}
	case p.Pre.Rule == imagein.Full:
		entry["window"] = imagein.Full
	}
	if k.samples != "" {
		entry["samples"] = k.samples
	}
}

// ofPictures refuses a fill that only series have.
func (f namedFill) ofPictures() error {
	if f.OfSeries() {
		return failure.As(failure.Usage, failure.Settingf("%v %s is for series and tensors, not for pictures", failure.Setting("fill"), f.name))
	}
	return nil
}

// stillPicture is a picture of eight bits, in the network's size.
type stillPicture struct {
	picture
	fitted *image.NRGBA
}

func (k *stillPicture) fill(p *model.Plane, f namedFill) (filled, error) {
	if err := f.ofPictures(); err != nil {
		return filled{}, err
	}
	return filled{numbers: p.Pre.Normalize(f.Image(k.fitted), p.C)}, nil
}

// deepPicture is a picture with fractions. What a fill takes from it has them too.
type deepPicture struct {
	picture
	fitted *imagein.Deep
}

func (k *deepPicture) fill(p *model.Plane, f namedFill) (filled, error) {
	if err := f.ofPictures(); err != nil {
		return filled{}, err
	}
	channels := k.fitted.Channels
	if numbers := f.Numbers(k.fitted.Pix, p.H, p.W, channels); numbers != nil {
		return filled{numbers: p.Pre.NormalizeDeep(&imagein.Deep{W: p.W, H: p.H, Channels: channels, Pix: numbers}, p.C)}, nil
	}
	if k.fitted.Ends != nil { // of gray alone
		colour := f.Image(image.NewNRGBA(image.Rect(0, 0, p.W, p.H)))
		made := &imagein.Deep{W: p.W, H: p.H, Channels: 1, Pix: imagein.Gray(colour), Ends: k.fitted.Ends}
		made.Paint()
		return filled{numbers: p.Pre.NormalizeDeep(made, p.C)}, nil
	}
	return filled{numbers: p.Pre.Normalize(f.Image(image.NewNRGBA(image.Rect(0, 0, p.W, p.H))), p.C)}, nil
}

// tensorInput takes a tensor as it is, from a file of its own or an archive.
func tensorInput(_ context.Context, r *Reader, p *model.Plane, from io.Reader, of Source) (*Input, error) {
	name := of.Called
	if err := of.noTime(tensors); err != nil {
		return nil, err
	}
	if err := r.applies(name, tensors, p.Said); err != nil {
		return nil, err
	}
	limits, err := r.limits(name, 3+len(r.fills)) // the file's bytes and its numbers
	if err != nil {
		return nil, err
	}
	series, isSeries := r.model.Series()
	want := imagein.Reading{H: p.H, W: p.W, C: p.C, Series: isSeries}
	begin := bufio.NewReader(from)
	var t *imagein.Tensor
	if head, _ := begin.Peek(HeadBytes); imagein.IsArchive(head) {
		t, err = imagein.DecodeMember(begin, name, of.Part, limits, want)
	} else {
		t, err = imagein.DecodeTensor(begin, name, want)
	}
	if err != nil {
		return nil, err
	}
	if err := p.CheckNumbers(t.Data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	k := &plainTensor{name, fmt.Sprintf("%s %v", t.Elem, t.Shape), t.Data, t.Picture(p.Pre.Order == "bgr"), nil}
	if isSeries {
		k.series = &series
	}
	return &Input{
		Backdrop: &pictureBackdrop{k.image, imagein.Transform{ScaleX: 1, ScaleY: 1}},
		SHA256:   t.SHA256,
		base:     t.Data,
		kind:     k,
		notes:    []string{"a tensor (" + k.what + "), taken as it is: neither resized nor normalized"},
	}, nil
}

// plainTensor is the network's input as it is.
type plainTensor struct {
	name  string // in messages
	what  string // the file holds: type and shape
	data  []float32
	image *image.NRGBA
	// series says how the numbers lie, nil where they are no series.
	series *model.Series
}

// fill takes a colour through the preprocessing that the tensor is taken to have gone
// through.
func (k *plainTensor) fill(p *model.Plane, f namedFill) (filled, error) {
	switch {
	case f.Kind == "recording":
		return filled{}, failure.Wrongf("%s: %v %s is for recordings, not for tensors", k.name, failure.Setting("fill"), f.name)
	case f.Kind == "line" && k.series == nil:
		return filled{}, failure.Wrongf("%s: %v %s is for series", k.name, failure.Setting("fill"), f.name)
	case f.Kind == "line":
		l := line{series: *k.series, plane: p, sample: k.sample, number: func(_ int, v float64) float64 { return v }}
		return filled{numbers: k.data, paint: l.paint}, nil
	}
	if k.series != nil && (f.Kind == "mean" || f.name == "gray") { // as recordings have it
		return filled{numbers: k.means(p), note: fmt.Sprintf("fill %s is the mean of each channel", f.name)}, nil
	}
	if numbers := f.Numbers(k.data, p.H, p.W, p.C); numbers != nil {
		p.Round(numbers)
		return filled{numbers: numbers, note: "fill " + string(f.name) + " is that of the tensor's numbers"}, nil
	}
	if p.NoPictures != nil || k.series != nil {
		channels := p.C
		if k.series != nil {
			channels = k.series.Leads
		}
		return filled{}, failure.Wrongf("%s: %v %s is of pictures, and the network reads %d channels that are none: take mean or blur", k.name, failure.Setting("fill"), f.name, channels)
	}
	return filled{numbers: p.Pre.Normalize(f.Image(k.image), p.C), note: "fill " + string(f.name) + " is what the preprocessing makes of that colour"}, nil
}

// sample is one of a series.
func (k *plainTensor) sample(lead, t int) float64 {
	return float64(k.data[lead*k.series.LeadStep+t*k.series.TimeStep])
}

// means is a series each channel of which is its mean.
func (k *plainTensor) means(p *model.Plane) []float32 {
	out := make([]float32, len(k.data))
	for lead := range k.series.Leads {
		samples := make([]float64, k.series.Samples)
		for t := range samples {
			samples[t] = k.sample(lead, t)
		}
		mean := float32(meanOf(samples))
		for t := range samples {
			out[lead*k.series.LeadStep+t*k.series.TimeStep] = mean
		}
	}
	p.Round(out)
	return out
}

func (k *plainTensor) shown(p *model.Plane, _ image.Point) image.Rectangle {
	return image.Rect(0, 0, p.W, p.H)
}

func (k *plainTensor) describe(_ *model.Plane, entry map[string]any) {
	entry["tensor"], entry["resize"] = k.what, "none"
}
