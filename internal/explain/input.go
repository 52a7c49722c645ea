package explain

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"sync"

	"krypton/internal/failure"
	"krypton/internal/imagein"
	"krypton/internal/model"
	"krypton/models"
)

// Source is where a picture, a tensor or a mask comes from. The zero value is none.
type Source struct {
	// Name is its name in records, Called that in messages.
	Name, Called string
	// Open gives its bytes.
	Open func() (io.ReadCloser, error)
}

// File is the source of a file's bytes.
func File(path string) Source {
	return Source{path, path, func() (io.ReadCloser, error) {
		f, err := imagein.OpenRegular(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, failure.As(failure.Missing, err)
		} else if err != nil {
			return nil, failure.As(failure.Data, err)
		}
		return f, nil
	}}
}

// Sample is the built-in picture.
func Sample() Source {
	name, data := models.Sample()
	return Bytes(name, name, data)
}

// Named is the source that a name stands for: a file, - for what stdin reads, and "" for the
// built-in picture; without stdin "" is none, and - a file.
func Named(name string, stdin io.Reader) Source {
	switch {
	case name == "" && stdin == nil:
		return Source{}
	case name == "":
		return Sample()
	case name == "-" && stdin != nil:
		return Source{Name: name, Called: "standard input", Open: func() (io.ReadCloser, error) { return io.NopCloser(stdin), nil }}
	}
	return File(name)
}

// Bytes is the source of bytes.
func Bytes(name, called string, data []byte) Source {
	return Source{name, called, func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

// Input is a picture, or a tensor, as a network reads it. Several questions can be asked
// of it at once.
type Input struct {
	// Picture is what maps are drawn over, Transform where the network's pixels lie on it.
	Picture   *image.NRGBA
	Transform imagein.Transform
	// SHA256 is the digest of the file's bytes, Mask that of the mask's, "" if there is
	// none.
	SHA256, MaskSHA256 string

	model   *model.Model
	source  Source
	base    []float32 // the network's input
	fitted  *image.NRGBA
	deep    *imagein.Deep
	tensor  string // what the file holds, if that is a tensor
	samples string // the file's numbers, if those of a picture that has not eight bits
	notes   []string
	mask    []bool // of the network's pixels, nil for all
	masked  *MaskRecord

	mu    sync.Mutex
	fills map[namedFill]filled
	views viewCache
}

// filled is what patches of a fill are cut from, and what there is to say of it.
type filled struct {
	numbers []float32
	note    string
}

// Reader reads pictures and tensors for a model. It is used by several goroutines at
// once.
type Reader struct {
	model *model.Model
	host  Host
	fills []namedFill
	room  *room
}

// NewReader is a Reader for questions with these fills. reserve is memory that work on a
// picture takes beside the views of the model's plans, in bytes.
func NewReader(m *model.Model, fills []Fill, seed uint64, host Host) (*Reader, error) {
	named, err := parseFills(fills, seed)
	if err != nil {
		return nil, err
	}
	return &Reader{model: m, host: host, fills: named, room: &room{host: host, reserve: m.Plan.ViewBytes()}}, nil
}

// Read reads a picture or a tensor and prepares it for the network, with what patches of
// the reader's fills are cut from. mask, if it is not the zero Source, is a picture of
// what counts.
func (r *Reader) Read(ctx context.Context, from, mask Source) (*Input, error) {
	in, err := r.read(from)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil && mask.Open != nil {
		err = r.readMask(in, mask)
	}
	if err != nil {
		return nil, err
	}
	return in, nil
}

func (r *Reader) read(from Source) (*Input, error) {
	f, err := from.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := bufio.NewReader(f)
	// What cannot be read now will fail once more in the decoder.
	head, _ := b.Peek(imagein.TensorMagic)
	var in *Input
	if imagein.IsTensor(head) {
		in, err = r.tensorInput(b, from.Called)
	} else {
		in, err = r.pictureInput(b, from.Called)
	}
	if err != nil {
		return nil, pictureError(err)
	}
	in.model, in.source = r.model, from
	for _, f := range r.fills {
		if _, err := in.fill(f); err != nil {
			return nil, pictureError(err)
		}
	}
	return in, nil
}

// pictureError gives an error of a picture, tensor or mask its kind.
func pictureError(err error) error {
	if errors.Is(err, imagein.ErrMemory) {
		return failure.As(failure.Temporary, err)
	}
	return failure.As(failure.Data, err)
}

// limits are those of a picture file; others of the network's size are made of it.
func (r *Reader) limits(name string, others int) (imagein.Limits, error) {
	l := imagein.DefaultLimits
	if r.host.Pixels > 0 {
		l.MaxPixels = r.host.Pixels
	}
	plane, left := r.model.Plan.InputPlane(), r.room.pictures()
	// Each of the others as numbers, and what scaling and blurring take.
	need := int64(plane.H) * int64(plane.W) * int64(4*plane.C*others+40)
	if l.Memory = left - need; l.Memory <= 0 {
		return l, failure.As(failure.Temporary, failure.Settingf("%s: %w: pictures of the network's size, %d x %d, take %d MiB, %d MiB are left for them (%v)", name, imagein.ErrMemory, plane.W, plane.H, need>>20, left>>20, failure.Setting("memory")))
	}
	return l, nil
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
	in := &Input{Picture: pic.Image, SHA256: pic.SHA256, samples: pic.Samples}
	for _, n := range pic.Notes {
		in.notes = append(in.notes, failure.Spell(n, r.host.Spell))
	}
	if pic.Deep != nil {
		in.deep, in.Transform = pre.FitDeep(pic.Deep, plane.W, plane.H)
		in.base = pre.NormalizeDeep(in.deep, plane.C)
	} else {
		in.fitted, in.Transform = pre.Fit(pic.Image, plane.W, plane.H)
		in.base = pre.Normalize(in.fitted, plane.C)
	}
	return in, nil
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
	in := &Input{Picture: t.Picture(r.model.Pre.Order == "bgr"), Transform: imagein.Transform{ScaleX: 1, ScaleY: 1},
		base: t.Data, SHA256: t.SHA256, tensor: fmt.Sprintf("%s %v", t.Elem, t.Shape)}
	in.notes = []string{"a tensor (" + in.tensor + "), taken as it is: neither resized nor normalized"}
	return in, nil
}

// fill is what patches of a fill are cut from, computed when it is asked for first.
func (in *Input) fill(f namedFill) (filled, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if made, ok := in.fills[f]; ok {
		return made, nil
	}
	made, err := in.makeFill(f)
	if err != nil {
		return filled{}, err
	}
	if in.fills == nil {
		in.fills = map[namedFill]filled{}
	}
	in.fills[f] = made
	return made, nil
}

// makeFill computes a fill. What one takes from a picture with fractions has them too;
// a colour goes through the preprocessing, also that which a tensor is taken to have
// gone through.
func (in *Input) makeFill(f namedFill) (filled, error) {
	pre, plane := in.model.Pre, in.model.Plan.InputPlane()
	switch {
	case in.tensor != "":
		if numbers := f.Numbers(in.base, plane.H, plane.W, plane.C); numbers != nil {
			in.model.Round(numbers)
			return filled{numbers, "fill " + string(f.name) + " is that of the tensor's numbers"}, nil
		}
		if in.model.NoPictures != nil {
			return filled{}, failure.Wrongf("%s: %v %s is a colour, and the network reads %d channels: take mean or blur", in.source.Called, failure.Setting("fill"), f.name, plane.C)
		}
		return filled{pre.Normalize(f.Image(in.Picture), plane.C), "fill " + string(f.name) + " is what the preprocessing makes of that colour"}, nil
	case in.deep == nil:
		return filled{numbers: pre.Normalize(f.Image(in.fitted), plane.C)}, nil
	}
	if numbers := f.Numbers(in.deep.Pix, plane.H, plane.W, in.deep.Channels); numbers != nil {
		return filled{numbers: pre.NormalizeDeep(&imagein.Deep{W: plane.W, H: plane.H, Channels: in.deep.Channels, Pix: numbers}, plane.C)}, nil
	}
	return filled{numbers: pre.Normalize(f.Image(image.NewNRGBA(image.Rect(0, 0, plane.W, plane.H))), plane.C)}, nil
}

// Model is what the reader reads for.
func (r *Reader) Model() *model.Model { return r.model }

// Threads is the number of cores.
func (r *Reader) Threads() int { return r.host.Threads }

// Drawable is the input without what only questions are for: maps can be drawn over it.
func (in *Input) Drawable() *Input {
	return &Input{Picture: in.Picture, Transform: in.Transform, SHA256: in.SHA256}
}

// Numbers are the network's input, row by row, channels last: not to be written.
func (in *Input) Numbers() []float32 { return in.base }

// Fills are what patches of each of the reader's fills are cut from, as Numbers.
func (r *Reader) Fills(in *Input) ([][]float32, error) {
	var all [][]float32
	for _, f := range r.fills {
		made, err := in.fill(f)
		if err != nil {
			return nil, err
		}
		all = append(all, made.numbers)
	}
	return all, nil
}

// Notes are what there is to say of the input, and of the reader's fills on it.
func (r *Reader) Notes(in *Input) []string {
	notes := append([]string(nil), in.notes...)
	for _, f := range r.fills {
		if made, err := in.fill(f); err == nil && made.note != "" {
			notes = append(notes, made.note)
		}
	}
	return notes
}

// Preprocessed says how the picture became the network's input: the record's entry.
func (in *Input) Preprocessed() map[string]any {
	pre := in.model.Pre
	p := map[string]any{"mean": pre.Mean, "std": pre.Std, "scale": pre.Scale, "order": pre.Order, "resize": pre.Resize, "crop_fraction": pre.CropFraction}
	if pre.Resize == "letterbox" {
		p["pad"] = pre.Pad
	}
	if in.tensor != "" {
		p["tensor"], p["resize"] = in.tensor, "none"
		return p
	}
	if w := pre.Window; w != nil {
		p["window"] = []float64{w.Lo, w.Hi}
	}
	if in.samples != "" {
		p["samples"] = in.samples
	}
	return p
}

// readMask reads the mask of a picture.
func (r *Reader) readMask(in *Input, from Source) error {
	limits, err := r.limits(from.Called, 0)
	if err != nil {
		return failure.As(failure.Temporary, failure.Settingf("%v: %w", failure.Setting("mask"), err))
	}
	f, err := from.Open()
	if err != nil {
		return failure.As(failure.Data, failure.Settingf("%v: %w", failure.Setting("mask"), err))
	}
	defer f.Close()
	m, err := imagein.DecodeMask(f, from.Called, limits)
	if err != nil {
		return pictureError(failure.Settingf("%v: %w", failure.Setting("mask"), err))
	}
	if m.Transparent {
		return failure.As(failure.Data, failure.Settingf("%v: %s: has transparent parts: what counts must be painted, the rest black", failure.Setting("mask"), from.Called))
	}
	plane := r.model.Plan.InputPlane()
	in.mask, err = imagein.Mask(m, in.Picture.Bounds().Size(), in.Transform, plane.W, plane.H)
	if err != nil {
		return failure.As(failure.Data, failure.Settingf("%v: %s: %w", failure.Setting("mask"), from.Called, err))
	}
	in.MaskSHA256, in.masked = m.SHA256, &MaskRecord{File: from.Name, SHA256: m.SHA256}
	for _, v := range in.mask {
		if v {
			in.masked.Pixels++
		}
	}
	if in.masked.Pixels == 0 {
		return failure.As(failure.Data, failure.Settingf("%v: %s: nothing counts in what the network sees", failure.Setting("mask"), from.Called))
	}
	return nil
}
