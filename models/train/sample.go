package main

import (
	"bytes"
	"fmt"
	"image/png"

	"krypton/models/scenes"
)

// samplePNG is the picture that comes with the model.
func samplePNG() ([]byte, error) {
	var buf bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&buf, scenes.Sample(sampleSide)); err != nil {
		return nil, fmt.Errorf("encode the sample picture: %w", err)
	}
	return buf.Bytes(), nil
}

// sampleSide is the sample's width and height in pixels, a multiple of the
// network's.
const sampleSide = 4 * side
