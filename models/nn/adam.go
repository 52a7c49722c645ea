package nn

import "math"

// Adam is the optimizer of Kingma and Ba 2015 with the decoupled weight decay
// of Loshchilov and Hutter 2019.
type Adam struct {
	// Decay is the share of a weight, times the rate, that a step takes away.
	Decay float64

	params        []*Param
	first, second [][]float32
	steps         int
}

// NewAdam is an optimizer for the parameters, with beta 0.9 and 0.999.
func NewAdam(params []*Param, decay float64) *Adam {
	a := &Adam{Decay: decay, params: params}
	for _, p := range params {
		a.first = append(a.first, make([]float32, len(p.Value)))
		a.second = append(a.second, make([]float32, len(p.Value)))
	}
	return a
}

// Step moves the parameters against their gradients.
func (a *Adam) Step(rate float64) {
	const beta1, beta2, epsilon = 0.9, 0.999, 1e-8
	a.steps++
	c1 := 1 - math.Pow(beta1, float64(a.steps))
	c2 := 1 - math.Pow(beta2, float64(a.steps))
	parallel(len(a.params), func(k int) {
		p, m, v := a.params[k], a.first[k], a.second[k]
		keep := float32(1)
		if p.Decay {
			keep = float32(1 - rate*a.Decay)
		}
		for i, g := range p.Grad {
			m[i] = beta1*m[i] + (1-beta1)*g
			v[i] = beta2*v[i] + (1-beta2)*g*g
			p.Value[i] = p.Value[i]*keep - float32(rate*(float64(m[i])/c1)/(math.Sqrt(float64(v[i])/c2)+epsilon))
		}
	})
}

// CosineRate falls from peak to 0 over the steps along half a cosine, after a
// linear rise over the first warmup steps.
func CosineRate(peak float64, step, warmup, steps int) float64 {
	if step < warmup {
		return peak * float64(step+1) / float64(warmup)
	}
	t := float64(step-warmup) / float64(max(1, steps-warmup))
	return peak * 0.5 * (1 + math.Cos(math.Pi*t))
}
