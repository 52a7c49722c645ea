package obe

// few says why there are too few positions to sample.
func (w *certifier) few() string {
	masked, same := 0, 0
	for i := range w.known {
		if w.c.masked[i] {
			masked++
		} else if w.c.same[i] {
			same++
		}
	}
	switch {
	case len(w.known) < smallestCertified:
		return "there are too few positions to sample"
	case same >= masked:
		return "the patch changes the picture at too few positions to sample: elsewhere the fill is what the picture shows"
	}
	return "the mask leaves too few positions to sample"
}
