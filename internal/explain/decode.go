package explain

import (
	"fmt"
	"image"
	"io"

	"krypton/internal/failure"
	"krypton/internal/imagein"
	"krypton/internal/model"
)

// decoder makes inputs of one kind of file.
type decoder struct {
	// is tells the kind by a file's first bytes, headBytes of them or all there are.
	is     func(head []byte) bool
	decode func(r *Reader, from io.Reader, name string) (*Input, error)
}

// headBytes is what decoders are told by.
const headBytes = imagein.TensorMagic

// decoders are those of all kinds. The first that fits takes a file; what is nothing else
// is a picture.
var decoders = []decoder{
	{imagein.IsTensor, (*Reader).tensorInput},
	{func([]byte) bool { return true }, (*Reader).pictureInput},
}

// pictureInput fits and normalizes a picture.
func (r *Reader) pictureInput(from io.Reader, name string) (*Input, error) {
	if err := r.model.NoPictures; err != nil {
		return nil, err
	}
	limits, err := r.limits(name, 1+len(r.fills))
	if err != nil {
		return nil, err
	}
	pre, plane := r.model.Pre, r.model.Plan.InputPlane()
	pic, err := pre.Decode(from, name, limits)
	if err != nil {
		return nil, err
	}
	in := &Input{SHA256: pic.SHA256}
	for _, n := range pic.Notes {
		in.notes = append(in.notes, failure.Spell(n, r.host.Spell))
	}
	behind := &pictureBackdrop{image: pic.Image}
	in.Backdrop = behind
	if pic.Deep != nil {
		k := deepPicture{picture: picture{pic.Samples}}
		k.fitted, behind.at = pre.FitDeep(pic.Deep, plane.W, plane.H)
		in.kind, in.base = &k, pre.NormalizeDeep(k.fitted, plane.C)
		return in, nil
	}
	k := stillPicture{picture: picture{pic.Samples}}
	k.fitted, behind.at = pre.Fit(pic.Image, plane.W, plane.H)
	in.kind, in.base = &k, pre.Normalize(k.fitted, plane.C)
	return in, nil
}

// picture is what all kinds of pictures are alike in.
type picture struct {
	samples string // what the file has for numbers, "" if those of eight bits
}

func (p picture) shown(m *model.Model, size image.Point) image.Rectangle {
	plane := m.Plan.InputPlane()
	g := m.Pre.Geometry(size, 1, image.Pt(plane.W, plane.H))
	return g.Shown()
}

func (p picture) describe(m *model.Model, entry map[string]any) {
	if w := m.Pre.Window; w != nil {
		entry["window"] = []float64{w.Lo, w.Hi}
	}
	if p.samples != "" {
		entry["samples"] = p.samples
	}
}

// stillPicture is a picture of eight bits, in the network's size.
type stillPicture struct {
	picture
	fitted *image.NRGBA
}

func (k *stillPicture) fill(m *model.Model, f namedFill) (filled, error) {
	return filled{numbers: m.Pre.Normalize(f.Image(k.fitted), m.Plan.InputPlane().C)}, nil
}

// deepPicture is a picture with fractions. What a fill takes from it has them too.
type deepPicture struct {
	picture
	fitted *imagein.Deep
}

func (k *deepPicture) fill(m *model.Model, f namedFill) (filled, error) {
	plane, channels := m.Plan.InputPlane(), k.fitted.Channels
	if numbers := f.Numbers(k.fitted.Pix, plane.H, plane.W, channels); numbers != nil {
		return filled{numbers: m.Pre.NormalizeDeep(&imagein.Deep{W: plane.W, H: plane.H, Channels: channels, Pix: numbers}, plane.C)}, nil
	}
	return filled{numbers: m.Pre.Normalize(f.Image(image.NewNRGBA(image.Rect(0, 0, plane.W, plane.H))), plane.C)}, nil
}

// tensorInput takes a tensor as it is.
func (r *Reader) tensorInput(from io.Reader, name string) (*Input, error) {
	if _, err := r.limits(name, 3+len(r.fills)); err != nil { // the file's bytes and its numbers
		return nil, err
	}
	plane := r.model.Plan.InputPlane()
	t, err := imagein.DecodeTensor(from, name, plane.H, plane.W, plane.C)
	if err != nil {
		return nil, err
	}
	if err := r.model.CheckNumbers(t.Data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	k := &plainTensor{name, fmt.Sprintf("%s %v", t.Elem, t.Shape), t.Data, t.Picture(r.model.Pre.Order == "bgr")}
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
}

// fill takes a colour through the preprocessing that the tensor is taken to have gone
// through.
func (k *plainTensor) fill(m *model.Model, f namedFill) (filled, error) {
	plane := m.Plan.InputPlane()
	if numbers := f.Numbers(k.data, plane.H, plane.W, plane.C); numbers != nil {
		m.Round(numbers)
		return filled{numbers, "fill " + string(f.name) + " is that of the tensor's numbers"}, nil
	}
	if m.NoPictures != nil {
		return filled{}, failure.Wrongf("%s: %v %s is a colour, and the network reads %d channels: take mean or blur", k.name, failure.Setting("fill"), f.name, plane.C)
	}
	return filled{m.Pre.Normalize(f.Image(k.image), plane.C), "fill " + string(f.name) + " is what the preprocessing makes of that colour"}, nil
}

func (k *plainTensor) shown(m *model.Model, _ image.Point) image.Rectangle {
	plane := m.Plan.InputPlane()
	return image.Rect(0, 0, plane.W, plane.H)
}

func (k *plainTensor) describe(_ *model.Model, entry map[string]any) {
	entry["tensor"], entry["resize"] = k.what, "none"
}
