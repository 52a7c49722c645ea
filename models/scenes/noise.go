package scenes

import "math"

// lattice is a pseudo-random number in [0, 1) for each integer point.
func lattice(x, y int, seed uint64) float64 {
	// The finalizer of SplitMix64 over the coordinates.
	z := seed + uint64(int64(x))*0x9e3779b97f4a7c15 + uint64(int64(y))*0xc2b2ae3d27d4eb4f
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	z ^= z >> 31
	return float64(z>>11) / (1 << 53)
}

// valueNoise is a smooth function through random values at the integer points,
// in [0, 1).
func valueNoise(x, y float64, seed uint64) float64 {
	fx, fy := math.Floor(x), math.Floor(y)
	tx, ty := x-fx, y-fy
	tx, ty = tx*tx*(3-2*tx), ty*ty*(3-2*ty)
	ix, iy := int(fx), int(fy)
	top := lattice(ix, iy, seed)*(1-tx) + lattice(ix+1, iy, seed)*tx
	bottom := lattice(ix, iy+1, seed)*(1-tx) + lattice(ix+1, iy+1, seed)*tx
	return top*(1-ty) + bottom*ty
}

// fractalNoise is the sum of octaves of value noise, each of half the size and
// half the height of the one before, scaled to [0, 1).
func fractalNoise(x, y float64, octaves int, seed uint64) float64 {
	sum, total, height := 0.0, 0.0, 1.0
	for i := range octaves {
		sum += height * valueNoise(x, y, seed+uint64(i)*0x632be59bd9b4e019)
		total += height
		x, y, height = 2*x+17.3, 2*y+5.7, height/2
	}
	return sum / total
}
