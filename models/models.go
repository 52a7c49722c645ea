// Package models is the catalogue of the networks that are built into Krypton.
// They are trained by models/train on pictures that models/scenes draws, and on
// strips that models/beats renders.
package models

import (
	_ "embed"
	"slices"
)

// Entry is a built-in network.
type Entry struct {
	// Name is what the network is asked for by.
	Name string
	// Description says in a sentence what the network does.
	Description string
	// Model is the ONNX file. It must not be written to.
	Model []byte
	// Config is the YAML file that would lie beside the model, with its input
	// size, preprocessing and labels. It must not be written to.
	Config []byte
}

//go:embed shapes.onnx
var shapesModel []byte

//go:embed shapes.krypton.yaml
var shapesConfig []byte

//go:embed beats.onnx
var beatsModel []byte

//go:embed beats.krypton.yaml
var beatsConfig []byte

//go:embed sample.png
var samplePNG []byte

// catalogue has the default network first.
var catalogue = []Entry{{
	Name:        "shapes",
	Description: "names the one object (star, key, bicycle, ...) in a picture with texture and clutter",
	Model:       shapesModel,
	Config:      shapesConfig,
}, {
	Name:        "beats",
	Description: "says whether a beat in ten seconds of a two-lead electrocardiogram does not belong there: a demonstration of series, no medical device",
	Model:       beatsModel,
	Config:      beatsConfig,
}}

// List is all built-in networks, the default one first.
func List() []Entry { return slices.Clone(catalogue) }

// Lookup finds a network by its name.
func Lookup(name string) (Entry, bool) {
	for _, e := range catalogue {
		if e.Name == name {
			return e, true
		}
	}
	return Entry{}, false
}

// Default is the network to take when none is named.
func Default() Entry { return catalogue[0] }

// Sample is a picture for the default network: a file name that says what it is
// and the bytes of a PNG file, which must not be written to.
func Sample() (name string, png []byte) { return "sample.png", samplePNG }
