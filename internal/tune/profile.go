// Package tune measures what approximate maps of a model lose and gain on
// sample pictures, keeps the best of them as a profile, and chooses from one.
package tune

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"krypton/internal/incremental"
	"krypton/internal/obe"
)

// Point is one way to approximate, with what it gave on the samples: means
// over them.
type Point struct {
	obe.Approximation `yaml:",inline"`
	// Precision is the plan's, empty for float32. It is not in Speedup.
	Precision incremental.Precision `yaml:"precision,omitempty" json:"precision,omitempty"`
	// Speedup is how many times fewer multiply-adds a map takes than running
	// the network, by plain sums, at every position. Positions that are
	// interpolated count as of mean cost.
	Speedup float64 `yaml:"speedup" json:"speedup"`
	// SSIM is the structural similarity of the scores to the exact map's,
	// SSIMPaper that of the rendered maps as the published system has it.
	// Worst is the lowest of both on any sample.
	SSIM      float64 `yaml:"ssim" json:"ssim"`
	SSIMPaper float64 `yaml:"ssim_paper" json:"ssim_paper"`
	Worst     float64 `yaml:"worst" json:"worst"`
	// Rank is Spearman's correlation with the exact map, TopDecile the share
	// of its most important tenth that the map has too.
	Rank      float64 `yaml:"rank" json:"rank"`
	TopDecile float64 `yaml:"top_decile" json:"top_decile"`
}

// whole says that every position is computed.
func (p Point) whole() bool { return len(p.Steps) == 0 && !p.Checkerboard }

// Quality is the lower of the two similarities.
func (p Point) Quality() float64 { return math.Min(p.SSIM, p.SSIMPaper) }

// Profile is what tuning found: points by rising speed and falling quality,
// none of which is beaten in both by another.
type Profile struct {
	Samples int    `yaml:"samples" json:"samples"`
	Patch   string `yaml:"patch" json:"patch"`
	Stride  string `yaml:"stride" json:"stride"`
	// Fill and Input (height x width) are empty in profiles of before they were kept.
	Fill  string `yaml:"fill,omitempty" json:"fill,omitempty"`
	Input string `yaml:"input,omitempty" json:"input,omitempty"`
	// Exact is the speed of the exact map in the same measure.
	Exact  float64 `yaml:"exact_speedup" json:"exact_speedup"`
	Points []Point `yaml:"points" json:"points"`
}

// ErrProfile says that a profile has no point for what is wanted.
var ErrProfile = errors.New("the profile has no such point")

// Validate fails where a profile, which comes from a file, makes no sense.
func (p *Profile) Validate() error {
	if len(p.Points) == 0 {
		return errors.New("no points")
	}
	for i, q := range p.Points {
		if err := q.Approximation.Validate(); err != nil {
			return fmt.Errorf("point %d: %w", i+1, err)
		}
		if q.Precision != "" && !slices.Contains(incremental.Precisions, q.Precision) {
			return fmt.Errorf("point %d: unknown precision %q", i+1, q.Precision)
		}
		for _, v := range []float64{q.Speedup, q.SSIM, q.SSIMPaper} {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("point %d: %g is no number", i+1, v)
			}
		}
	}
	return nil
}

// ForQuality is the fastest point whose quality reaches ssim.
func (p *Profile) ForQuality(ssim float64) (Point, error) {
	best, found := Point{}, false
	for _, q := range p.Points {
		if q.Quality() >= ssim && (!found || q.Speedup > best.Speedup) {
			best, found = q, true
		}
	}
	if !found {
		return best, fmt.Errorf("%w: none reaches an SSIM of %g", ErrProfile, ssim)
	}
	return best, nil
}

// ForSpeed is the best point that is at least as fast as wanted.
func (p *Profile) ForSpeed(speedup float64) (Point, error) {
	best, found := Point{}, false
	for _, q := range p.Points {
		if q.Speedup >= speedup && (!found || q.Quality() > best.Quality()) {
			best, found = q, true
		}
	}
	if !found {
		return best, fmt.Errorf("%w: none is %g times faster than running the network each time", ErrProfile, speedup)
	}
	return best, nil
}
