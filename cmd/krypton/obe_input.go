package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"image"
	"io"
	"io/fs"
	"math"
	"runtime/debug"

	"krypton/internal/failure"
	"krypton/internal/imagein"
	"krypton/models"
)

// pictureInput is a picture, or a tensor, as the network reads it.
type pictureInput struct {
	picture   *image.NRGBA // what the map is drawn over
	transform imagein.Transform
	// base is the network's input; fills are what patches are cut from, one
	// for each of the job's fills.
	base    []float32
	fills   [][]float32
	sha256  string
	tensor  string // what the file holds, if that is a tensor
	samples string // the file's numbers, if those of a picture that has not eight bits
	notes   []string
}

// input reads a picture and prepares it for the network; "" is the built-in
// one and - is standard input.
func (j *job) input(in string) (*pictureInput, error) {
	var r io.Reader
	name := in
	switch in {
	case "":
		var data []byte
		name, data = models.Sample()
		r = bytes.NewReader(data)
	case "-":
		name, r = "standard input", j.io.in
	default:
		f, err := imagein.OpenRegular(in)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, failure.As(failure.Missing, err)
		} else if err != nil {
			return nil, failure.As(failure.Data, err)
		}
		defer f.Close()
		r = f
	}
	b := bufio.NewReader(r)
	// What cannot be read now will fail once more in the decoder.
	head, _ := b.Peek(imagein.TensorMagic)
	var p *pictureInput
	var err error
	if imagein.IsTensor(head) {
		p, err = j.tensorInput(b, name)
	} else {
		p, err = j.pictureInput(b, name)
	}
	return p, pictureError(err)
}

// pictureError gives an error of a picture, tensor or mask its kind.
func pictureError(err error) error {
	if errors.Is(err, imagein.ErrMemory) {
		return failure.As(failure.Temporary, err)
	}
	return failure.As(failure.Data, err)
}

// room is the memory that one picture may take, from its file to the network's input:
// what the model and its views leave of --memory; half of that where another picture is
// computed meanwhile.
func (j *job) room() int64 {
	if j.memory == 0 {
		return math.MaxInt64 // nobody has set a limit
	}
	if j.pictures == 0 {
		debug.FreeOSMemory()
		j.pictures = max(1, j.memory-residentMemory()-j.views()-j.scoreBytes())
		if j.overlapping {
			j.pictures = max(1, j.pictures/2)
		}
	}
	return j.pictures
}

// limits are those of a picture file; others of the network's size are made of it.
func (j *job) limits(name string, others int) (imagein.Limits, error) {
	l := imagein.DefaultLimits
	l.MaxPixels = j.maxPixels
	plane := j.model.Plan.InputPlane()
	// Each of the others as numbers, and what scaling and blurring take.
	need := int64(plane.H) * int64(plane.W) * int64(4*plane.C*others+40)
	if l.Memory = j.room() - need; l.Memory <= 0 {
		return l, fmt.Errorf("%s: %w: pictures of the network's size, %d x %d, take %d MiB, %d MiB are left for them (--memory)", name, imagein.ErrMemory, plane.W, plane.H, need>>20, j.room()>>20)
	}
	return l, nil
}

// pictureInput fits and normalizes a picture.
func (j *job) pictureInput(r io.Reader, name string) (*pictureInput, error) {
	if err := j.model.NoPictures; err != nil {
		return nil, err
	}
	limits, err := j.limits(name, 1+len(j.fills))
	if err != nil {
		return nil, err
	}
	pre := j.model.Pre
	pic, err := pre.Decode(r, name, limits)
	if err != nil {
		return nil, err
	}
	plane := j.model.Plan.InputPlane()
	p := &pictureInput{picture: pic.Image, sha256: pic.SHA256, samples: pic.Samples, notes: pic.Notes}
	if pic.Deep != nil {
		j.fitDeep(p, pic.Deep)
		return p, nil
	}
	fitted, transform := pre.Fit(pic.Image, plane.W, plane.H)
	p.transform, p.base = transform, pre.Normalize(fitted, plane.C)
	for _, f := range j.fills {
		p.fills = append(p.fills, pre.Normalize(f.Image(fitted), plane.C))
	}
	return p, nil
}

// fitDeep fits and normalizes a picture with fractions: what fills take from it has
// them too, and colours are those of any picture.
func (j *job) fitDeep(p *pictureInput, deep *imagein.Deep) {
	plane, pre := j.model.Plan.InputPlane(), j.model.Pre
	fitted, transform := pre.FitDeep(deep, plane.W, plane.H)
	p.transform, p.base = transform, pre.NormalizeDeep(fitted, plane.C)
	for _, f := range j.fills {
		if numbers := f.Numbers(fitted.Pix, plane.H, plane.W, fitted.Channels); numbers != nil {
			p.fills = append(p.fills, pre.NormalizeDeep(&imagein.Deep{W: plane.W, H: plane.H, Channels: fitted.Channels, Pix: numbers}, plane.C))
		} else {
			p.fills = append(p.fills, pre.Normalize(f.Image(image.NewNRGBA(image.Rect(0, 0, plane.W, plane.H))), plane.C))
		}
	}
}

// tensorInput takes a tensor as it is. A colour to fill patches with goes
// through the preprocessing that the tensor is taken to have gone through.
func (j *job) tensorInput(r io.Reader, name string) (*pictureInput, error) {
	if _, err := j.limits(name, 3+len(j.fills)); err != nil { // the file's bytes and its numbers
		return nil, err
	}
	plane := j.model.Plan.InputPlane()
	t, err := imagein.DecodeTensor(r, name, plane.H, plane.W, plane.C)
	if err != nil {
		return nil, err
	}
	if err := j.model.CheckNumbers(t.Data); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	p := &pictureInput{picture: t.Picture(j.model.Pre.Order == "bgr"), transform: imagein.Transform{ScaleX: 1, ScaleY: 1},
		base: t.Data, sha256: t.SHA256, tensor: fmt.Sprintf("%s %v", t.Elem, t.Shape)}
	p.notes = []string{"a tensor (" + p.tensor + "), taken as it is: neither resized nor normalized"}
	for _, f := range j.fills {
		fill := f.Numbers(t.Data, plane.H, plane.W, plane.C)
		switch {
		case fill != nil:
			j.model.Round(fill)
			p.notes = append(p.notes, "fill "+f.name+" is that of the tensor's numbers")
		case j.model.NoPictures != nil:
			return nil, failure.Usagef("%s: --fill %s is a colour, and the network reads %d channels: take mean or blur", name, f.name, plane.C)
		default:
			fill = j.model.Pre.Normalize(f.Image(p.picture), plane.C)
			p.notes = append(p.notes, "fill "+f.name+" is what the preprocessing makes of that colour")
		}
		p.fills = append(p.fills, fill)
	}
	return p, nil
}
