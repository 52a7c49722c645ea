package main

import (
	"bytes"
	"errors"
	"image"
	"io/fs"

	"krypton/internal/imagein"
	"krypton/models"
)

// pictureInput is a picture as the network reads it.
type pictureInput struct {
	picture   *image.NRGBA // what the map is drawn over
	transform imagein.Transform
	// base and fill are the network's input and what patches are cut from.
	base, fill []float32
	sha256     string
	notes      []string
}

// input reads a picture and prepares it for the network.
func (j *job) input(in string) (*pictureInput, error) {
	pic, err := j.read(in)
	if err != nil {
		return nil, err
	}
	plane := j.model.plan.InputPlane()
	fitted, transform := j.model.pre.Fit(pic.Image, plane.W, plane.H)
	return &pictureInput{picture: pic.Image, transform: transform, sha256: pic.SHA256, notes: pic.Notes,
		base: j.model.pre.Normalize(fitted, plane.C), fill: j.model.pre.Normalize(j.fill.Image(fitted), plane.C)}, nil
}

// read decodes a picture, "" for the built-in one.
func (j *job) read(in string) (*imagein.Picture, error) {
	limits := imagein.DefaultLimits
	limits.MaxPixels = j.maxPixels
	var p *imagein.Picture
	var err error
	switch in {
	case "":
		name, data := models.Sample()
		p, err = imagein.Decode(bytes.NewReader(data), name, limits)
	case "-":
		p, err = imagein.Decode(j.io.in, "standard input", limits)
	default:
		p, err = imagein.Open(in, limits)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, coded(exitNoInput, err)
	}
	return p, coded(exitData, err)
}
