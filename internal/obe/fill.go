package obe

import (
	"fmt"
	"image"
	"image/color"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/disintegration/imaging"
)

// Fill says what the patch is painted with. Colours are those of the image,
// before any normalization: black is black whatever the network subtracts.
type Fill struct {
	// Kind is color, mean, blur or noise, or one of series: zero, value, line, permuted or
	// recording.
	Kind string
	// Color is the colour for Kind color.
	Color color.NRGBA
	// Seed is the seed for Kinds noise and permuted.
	Seed uint64
	// Value is the number of Kind value.
	Value float64
	// File is the recording of Kind recording.
	File string
}

// Fills lists the names that ParseFill takes, besides #rrggbb.
var Fills = []string{"gray", "black", "white", "mean", "blur", "noise"}

// SeriesFills are those of series alone, besides value:NUMBER and recording:FILE.
var SeriesFills = []string{"zero", "line", "permuted"}

// OfSeries says whether the fill is for series alone.
func (f Fill) OfSeries() bool {
	return f.Kind == "value" || f.Kind == "recording" || slices.Contains(SeriesFills, f.Kind)
}

// ParseFill reads gray, black, white, mean, blur, noise or #rrggbb, or what SeriesFills says.
func ParseFill(s string, seed uint64) (Fill, error) {
	c := func(v uint8) Fill { return Fill{Kind: "color", Color: color.NRGBA{v, v, v, 255}} }
	switch s {
	case "gray", "grey":
		return c(128), nil
	case "black":
		return c(0), nil
	case "white":
		return c(255), nil
	case "mean", "blur", "noise", "zero", "line", "permuted":
		return Fill{Kind: s, Seed: seed}, nil
	}
	if text, ok := strings.CutPrefix(s, "value:"); ok {
		if v, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(v) && !math.IsInf(float64(float32(v)), 0) {
			return Fill{Kind: "value", Value: v}, nil
		}
	}
	if file, ok := strings.CutPrefix(s, "recording:"); ok && file != "" {
		return Fill{Kind: "recording", File: file}, nil
	}
	if hex, ok := strings.CutPrefix(s, "#"); ok && len(hex) == 6 {
		if v, err := strconv.ParseUint(hex, 16, 32); err == nil {
			return Fill{Kind: "color", Color: color.NRGBA{uint8(v >> 16), uint8(v >> 8), uint8(v), 255}}, nil
		}
	}
	return Fill{}, fmt.Errorf("unknown fill %q: want one of %s or #rrggbb, or of series %s, value:NUMBER or recording:FILE", s, strings.Join(Fills, ", "), strings.Join(SeriesFills, ", "))
}

// Image is the picture that a patch is cut from, of the same size as img: at
// each position the patch shows the part of it that lies there.
func (f Fill) Image(img *image.NRGBA) *image.NRGBA {
	b := img.Bounds()
	switch f.Kind {
	case "blur":
		// As wide as about a quarter of the picture: details are gone,
		// tones stay.
		return imaging.Blur(img, float64(max(b.Dx(), b.Dy()))/16)
	case "noise":
		rng := rand.New(rand.NewPCG(f.Seed, 0x6b727970746f6e))
		out := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()))
		for i := 0; i < len(out.Pix); i += 4 {
			v := rng.Uint32()
			out.Pix[i], out.Pix[i+1], out.Pix[i+2], out.Pix[i+3] = uint8(v), uint8(v>>8), uint8(v>>16), 255
		}
		return out
	case "mean":
		return imaging.New(b.Dx(), b.Dy(), mean(img))
	}
	return imaging.New(b.Dx(), b.Dy(), f.Color)
}

// Numbers is what a patch is cut from where the network's input base is given
// as numbers (h rows of w pixels of c channels) and no picture: mean and blur
// are taken of the numbers themselves. The other kinds are colours, which have
// no numbers until a picture of them is normalized: nil.
func (f Fill) Numbers(base []float32, h, w, c int) []float32 {
	switch f.Kind {
	case "mean":
		sum := make([]float64, c)
		for i, v := range base {
			sum[i%c] += float64(v)
		}
		out := make([]float32, len(base))
		for i := range out {
			out[i] = float32(sum[i%c] / float64(h*w))
		}
		return out
	case "zero", "value":
		return slices.Repeat([]float32{float32(f.Value)}, len(base))
	case "permuted":
		rng := rand.New(rand.NewPCG(f.Seed, 0x6b727970746f6e))
		out := slices.Clone(base)
		for k := range c {
			rng.Shuffle(h*w, func(i, j int) { out[i*c+k], out[j*c+k] = out[j*c+k], out[i*c+k] })
		}
		return out
	case "blur":
		weights := gauss(float64(max(h, w)) / 16)
		return smooth(smooth(base, h, w*c, 1, weights), w, c, h, weights)
	}
	return nil
}

// gauss are the weights of a bell curve from its middle on, to three standard
// deviations.
func gauss(sigma float64) []float64 {
	w := make([]float64, int(math.Ceil(3*sigma))+1)
	for i := range w {
		w[i] = math.Exp(-float64(i*i) / (2 * sigma * sigma))
	}
	return w
}

// smooth takes weighted means along one axis of n places, each of inner numbers,
// in each of outer blocks. What lies beyond the ends does not count.
func smooth(in []float32, n, inner, outer int, weights []float64) []float32 {
	out := make([]float32, len(in))
	for o := range outer {
		for i := range n {
			lo, hi := max(0, i-len(weights)+1), min(n-1, i+len(weights)-1)
			for k := range inner {
				sum, total := 0.0, 0.0
				for p := lo; p <= hi; p++ {
					g := weights[max(p-i, i-p)]
					sum += float64(g * float64(in[(o*n+p)*inner+k]))
					total += g
				}
				out[(o*n+i)*inner+k] = float32(sum / total)
			}
		}
	}
	return out
}

// mean is the mean colour of a picture, rounded.
func mean(img *image.NRGBA) color.NRGBA {
	var sum [3]uint64
	b := img.Bounds()
	for y := range b.Dy() {
		row := img.Pix[y*img.Stride:][:4*b.Dx()]
		for i := 0; i < len(row); i += 4 {
			for c := range sum {
				sum[c] += uint64(row[i+c])
			}
		}
	}
	n := uint64(b.Dx() * b.Dy())
	return color.NRGBA{uint8((sum[0] + n/2) / n), uint8((sum[1] + n/2) / n), uint8((sum[2] + n/2) / n), 255}
}
