package nn

import "math"

// CrossEntropy is the mean over the batch of -sum(target * log softmax(logits)),
// with its gradient with respect to the logits. The target gives every class
// the share smoothing / classes, and the label the rest as well (Szegedy et al.
// 2016). It counts the samples whose largest logit is the label's.
func CrossEntropy(logits *Tensor, labels []int, smoothing float64) (loss float64, correct int, grad *Tensor) {
	grad = NewTensor(logits.N, logits.C, logits.H, logits.W)
	for n, label := range labels {
		p, g := Softmax(logits.Sample(n)), grad.Sample(n)
		best := 0
		for i, v := range p {
			if v > p[best] {
				best = i
			}
			target := smoothing / float64(len(p))
			if i == label {
				target += 1 - smoothing
			}
			g[i] = float32((v - target) / float64(logits.N))
			loss -= target * math.Log(max(v, 1e-30))
		}
		if best == label {
			correct++
		}
	}
	return loss / float64(logits.N), correct, grad
}

// Softmax is exp(x) / sum(exp(x)).
func Softmax(x []float32) []float64 {
	top := math.Inf(-1)
	for _, v := range x {
		top = max(top, float64(v))
	}
	out := make([]float64, len(x))
	var sum float64
	for i, v := range x {
		out[i] = math.Exp(float64(v) - top)
		sum += out[i]
	}
	for i := range out {
		out[i] /= sum
	}
	return out
}
