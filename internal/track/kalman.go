package track

import "krypton/internal/detect"

// motion is the Kalman filter of SORT (Bewley et al. 2016) with ByteTrack's
// state and noise: centre x, centre y, aspect (width over height) and height,
// each with its velocity. As noise and motion couple a coordinate with nothing
// but its own velocity, it is four filters of two numbers.
type motion struct {
	axis [4]axis
}

// axis is one coordinate: place, velocity, and their covariance.
type axis struct {
	x, v          float64
	pxx, pxv, pvv float64
}

// Standard deviations as shares of the height (ByteTrack, KalmanFilter).
const (
	placeDeviation    = 1. / 20
	velocityDeviation = 1. / 160
)

func measure(b detect.Box) [4]float64 {
	w, h := float64(b.X1-b.X0), float64(b.Y1-b.Y0)
	return [4]float64{float64(b.X0) + w/2, float64(b.Y0) + h/2, w / h, h}
}

// deviations of a coordinate: place and velocity at the start or per step, and
// of a measurement.
func deviations(i int, height float64) (place, velocity, measured float64) {
	if i == 2 { // the aspect has no unit
		return 1e-2, 1e-5, 1e-1
	}
	return placeDeviation * height, velocityDeviation * height, placeDeviation * height
}

func newMotion(b detect.Box) motion {
	var m motion
	z := measure(b)
	for i := range m.axis {
		p, v, _ := deviations(i, z[3])
		if i != 2 {
			p, v = 2*p, 10*v
		}
		m.axis[i] = axis{x: z[i], pxx: p * p, pvv: v * v}
	}
	return m
}

// predict moves on by one frame.
func (m *motion) predict() {
	height := m.axis[3].x
	for i := range m.axis {
		a := &m.axis[i]
		p, v, _ := deviations(i, height)
		a.x += a.v
		a.pxx += 2*a.pxv + a.pvv + p*p
		a.pxv += a.pvv
		a.pvv += v * v
	}
}

// update takes a measurement into account.
func (m *motion) update(b detect.Box) {
	z := measure(b)
	height := m.axis[3].x
	for i := range m.axis {
		a := &m.axis[i]
		_, _, r := deviations(i, height)
		s := a.pxx + r*r
		kx, kv := a.pxx/s, a.pxv/s
		d := z[i] - a.x
		a.x += kx * d
		a.v += kv * d
		a.pvv -= kv * a.pxv
		a.pxv -= kx * a.pxv
		a.pxx -= kx * a.pxx
	}
}

// box is where the object is believed to be.
func (m *motion) box() detect.Box {
	h := max(m.axis[3].x, 1e-6)
	w := max(m.axis[2].x, 1e-6) * h
	x, y := m.axis[0].x, m.axis[1].x
	return detect.Box{X0: float32(x - w/2), Y0: float32(y - h/2), X1: float32(x + w/2), Y1: float32(y + h/2)}
}
