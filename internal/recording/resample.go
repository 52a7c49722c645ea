package recording

import (
	"fmt"
	"math"
)

// sincZeros is how many zeros the window of a sinc has on either side.
const sincZeros = 16

// Resample gives n samples at another rate: the first at the time of the first. By linear,
// each lies on the line between its neighbours; by sinc, it is their sum weighted with a sinc
// under a Hann window of 16 zeros to either side, whose cutoff is half of the lower rate and
// whose weights sum to one. Beyond the ends the last sample goes on.
func Resample(in []float64, from, to float64, n int, how string) ([]float64, error) {
	if how != "linear" && how != "sinc" {
		return nil, fmt.Errorf("no way to resample is called %q", how)
	}
	out := make([]float64, n)
	cut := min(1, to/from)
	reach := int(math.Ceil(sincZeros / cut))
	for i := range out {
		x := float64(i) * from / to
		at := int(math.Floor(x))
		part := x - float64(at)
		if how == "linear" {
			out[i] = float64(sampleAt(in, at)*(1-part)) + float64(sampleAt(in, at+1)*part)
			continue
		}
		sum, total := 0.0, 0.0
		for k := 1 - reach; k <= reach; k++ {
			w := sincWeight(float64(k)-part, cut)
			sum += float64(w * sampleAt(in, at+k))
			total += w
		}
		out[i] = sum / total
	}
	return out, nil
}

func sampleAt(in []float64, i int) float64 { return in[min(max(i, 0), len(in)-1)] }

// sincWeight is that of a sample d places away.
func sincWeight(d, cut float64) float64 {
	x := d * cut
	if math.Abs(x) >= sincZeros {
		return 0
	}
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x) * (.5 + .5*math.Cos(math.Pi*x/sincZeros))
}

// FillMissing puts numbers in the place of missing samples: zero, the mean of the others, or
// the line between the neighbours, which goes on beyond the ends. It gives how many there
// were; all missing is an error.
func FillMissing(samples []float64, how string) (int, error) {
	n, sum, good := 0, 0.0, 0
	for _, v := range samples {
		if v != v {
			n++
		} else {
			sum, good = sum+v, good+1
		}
	}
	switch {
	case n == 0:
		return 0, nil
	case how == "zero":
		replace(samples, 0)
		return n, nil
	case good == 0:
		return n, Bad("all samples are missing")
	case how == "mean":
		replace(samples, sum/float64(good))
		return n, nil
	case how == "line":
		bridge(samples)
		return n, nil
	}
	return n, Bad("%d samples are missing", n)
}

func replace(samples []float64, by float64) {
	for i, v := range samples {
		if v != v {
			samples[i] = by
		}
	}
}

// bridge draws lines over what is missing.
func bridge(samples []float64) {
	last := -1 // the last that is there
	for i, v := range samples {
		if v != v {
			continue
		}
		for k := last + 1; k < i; k++ {
			if samples[k] = v; last >= 0 {
				samples[k] = samples[last] + (v-samples[last])*float64(k-last)/float64(i-last)
			}
		}
		last = i
	}
	for k := last + 1; k < len(samples); k++ {
		samples[k] = samples[last]
	}
}
