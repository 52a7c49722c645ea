// Package quality says how similar two maps are: by structure, by order, by
// what they call important.
package quality

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// ErrNotFinite says that maps cannot be compared because of their scores.
var ErrNotFinite = errors.New("a map holds what is no finite number")

// grid checks that two maps are of the same whole rows and hold numbers only.
func grid(a, b []float32, cols int) (rows int, err error) {
	if cols < 1 || len(a) == 0 || len(a) != len(b) || len(a)%cols != 0 {
		return 0, fmt.Errorf("maps of %d and %d positions do not make rows of %d", len(a), len(b), cols)
	}
	for i := range a {
		if d := float64(a[i]) - float64(b[i]); math.IsNaN(d) || math.IsInf(d, 0) {
			return 0, ErrNotFinite
		}
	}
	return len(a) / cols, nil
}

// gaussian is a separable window of n numbers: its weights along an axis, of sum 1.
func gaussian(n int, sigma float64) []float64 {
	w := make([]float64, n)
	sum := 0.0
	for i := range w {
		d := float64(i) - float64(n-1)/2
		w[i] = math.Exp(-d * d / (2 * sigma * sigma))
		sum += w[i]
	}
	for i := range w {
		w[i] /= sum
	}
	return w
}

func uniform(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1 / float64(n)
	}
	return w
}

// ssim is the mean structural similarity over all windows that lie inside
// (Wang, Bovik, Sheikh, Simoncelli: Image Quality Assessment, 2004, with
// K1 = .01 and K2 = .03). norm multiplies variances and the covariance.
func ssim(a, b []float64, rows, cols int, wy, wx []float64, span, norm float64) float64 {
	c1, c2 := stabilizers(span)
	sum, n := 0.0, 0
	for y := 0; y+len(wy) <= rows; y++ {
		for x := 0; x+len(wx) <= cols; x++ {
			var ma, mb, aa, bb, ab float64
			for i, u := range wy {
				for j, v := range wx {
					at := (y+i)*cols + x + j
					w, p, q := u*v, a[at], b[at]
					ma += float64(w * p)
					mb += float64(w * q)
					aa += float64(w * p * p)
					bb += float64(w * q * q)
					ab += float64(w * p * q)
				}
			}
			sum += index(ma, mb, aa, bb, ab, c1, c2, norm)
			n++
		}
	}
	return sum / float64(n)
}

// stabilizers are the constants of the index for values that range over span.
func stabilizers(span float64) (c1, c2 float64) {
	return (.01 * span) * (.01 * span), (.03 * span) * (.03 * span)
}

// index is the structural similarity of one window: of its means, and of the means of the
// squares and of the products.
func index(ma, mb, aa, bb, ab, c1, c2, norm float64) float64 {
	va, vb, cov := norm*(aa-float64(ma*ma)), norm*(bb-float64(mb*mb)), norm*(ab-float64(ma*mb))
	return (float64(2*ma*mb) + c1) * (float64(2*cov) + c2) / ((float64(ma*ma) + float64(mb*mb) + c1) * (va + vb + c2))
}

// odd is the largest odd number up to n.
func odd(n int) int { return n - 1 + n%2 }

func widen(x []float32) []float64 {
	w := make([]float64, len(x))
	for i, v := range x {
		w[i] = float64(v)
	}
	return w
}

// SSIMScores is the structural similarity of two maps' raw scores: Gaussian
// window of 11 by 11 positions, sigma 1.5, values ranging over the exact map's
// span, mean over the windows inside the map. On smaller maps the window shrinks
// to the largest odd size that fits. A map is like a constant one only if it
// equals it. The error says that sizes differ or that some score is no finite
// number.
func SSIMScores(exact, approx []float32, cols int) (float64, error) {
	rows, err := grid(exact, approx, cols)
	if err != nil {
		return 0, err
	}
	span := float64(slices.Max(exact)) - float64(slices.Min(exact))
	if span == 0 {
		if slices.Equal(exact, approx) {
			return 1, nil
		}
		return 0, nil
	}
	return ssim(widen(exact), widen(approx), rows, cols, gaussian(odd(min(rows, 11)), 1.5), gaussian(odd(min(cols, 11)), 1.5), span, 1), nil
}

// SSIMPaper is the similarity as the published system measures it: scores are
// rendered in the reversed jet colour map between 0.75 p and min(1, 1.25 p),
// where p is the clean score, to 8-bit RGB; the index of scikit-image's
// structural_similarity (uniform 7 by 7 window, 3 by 3 on maps under 7, sample
// covariance, the border of half a window left out) is averaged over the
// channels. Colours are part of this score: it is not comparable to SSIMScores.
func SSIMPaper(exact, approx []float32, cols int, p float32) (float64, error) {
	rows, err := grid(exact, approx, cols)
	if err != nil {
		return 0, err
	}
	wy, wx, norm := paperWindow(rows, cols)
	lo, hi := colours(p)
	a, b := render(exact, lo, hi), render(approx, lo, hi)
	sum := 0.0
	for c := range 3 {
		sum += ssim(a[c], b[c], rows, cols, wy, wx, 255, norm)
	}
	return sum / 3, nil
}

// paperWindow is SSIMPaper's on a map of this size, and what makes a sample's variance of
// the windows' one.
func paperWindow(rows, cols int) (wy, wx []float64, norm float64) {
	win := 7
	if min(rows, cols) < 7 {
		win = 3
	}
	wy, wx, norm = uniform(min(win, odd(rows))), uniform(min(win, odd(cols))), 1
	if n := float64(len(wy) * len(wx)); n > 1 {
		norm = n / (n - 1)
	}
	return wy, wx, norm
}

// colours are the scores that the first and the last colour stand for.
func colours(p float32) (lo, hi float64) { return 0.75 * float64(p), math.Min(1, 1.25*float64(p)) }

// jet is matplotlib's segment data of the colour map: position and value.
var jet = [3][][2]float64{
	{{0, 0}, {.35, 0}, {.66, 1}, {.89, 1}, {1, .5}},
	{{0, 0}, {.125, 0}, {.375, 1}, {.64, 1}, {.91, 0}, {1, 0}},
	{{0, .5}, {.11, 1}, {.34, 1}, {.65, 0}, {1, 0}},
}

// palette are the 256 colours of reversed jet: the channels' values of 0 to 255.
var palette = func() (all [256][3]float64) {
	for i := range all {
		at := 1 - float64(i)/255
		for c, segments := range jet {
			k := 1
			for k < len(segments)-1 && segments[k][0] < at {
				k++
			}
			p, q := segments[k-1], segments[k]
			all[i][c] = math.Round(255 * (p[1] + (q[1]-p[1])*(at-p[0])/(q[0]-p[0])))
		}
	}
	return all
}()

// colourOf is the colour of a score: the first one's if none differ.
func colourOf(v, lo, hi float64) *[3]float64 {
	t := 0.0
	if hi > lo {
		t = min(max((v-lo)/(hi-lo), 0), 1)
	}
	return &palette[int(math.Min(math.Floor(t*256), 255))]
}

// render maps scores to colours: the channels' values.
func render(scores []float32, lo, hi float64) [3][]float64 {
	var out [3][]float64
	for c := range out {
		out[c] = make([]float64, len(scores))
	}
	for i, v := range scores {
		colour := colourOf(float64(v), lo, hi)
		for c := range out {
			out[c][i] = colour[c]
		}
	}
	return out
}
