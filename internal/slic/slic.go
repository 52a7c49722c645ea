// Package slic parts pictures into superpixels: connected segments of like colours (Achanta
// et al., SLIC Superpixels Compared to State-of-the-Art Superpixel Methods, TPAMI 2012). The
// same picture gives the same segments.
package slic

import (
	"image"
	"math"
)

// iterations are those of the paper: centres hardly move any more.
const iterations = 10

// Segment parts a picture into about count segments, at least one and at most as many as it
// has pixels, and gives the number of each pixel's, row by row from 0, and how many there
// are. Every segment is connected (by sides). The larger compactness is, above 0, the less
// segments follow colours: it is the distance of colours, in CIELAB, that counts as much as
// that of neighbouring centres.
func Segment(img *image.NRGBA, count int, compactness float64) (labels []int32, n int) {
	p := newPicture(img)
	centres, step := p.seeds(count)
	weight := compactness / step
	labels = make([]int32, p.h*p.w)
	for range iterations {
		p.assign(labels, centres, step, float64(weight*weight))
		p.move(labels, centres)
	}
	return connect(labels, p.h, p.w, len(labels)/len(centres)/4)
}

// picture is one in CIELAB.
type picture struct {
	h, w int
	lab  [][3]float64
}

// newPicture converts sRGB, of white D65.
func newPicture(img *image.NRGBA) *picture {
	p := &picture{h: img.Rect.Dy(), w: img.Rect.Dx()}
	var linear [256]float64
	for i := range linear {
		v := float64(i) / 255
		if linear[i] = v / 12.92; v > 0.04045 {
			linear[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	f := func(t float64) float64 {
		if t > 216.0/24389 {
			return math.Cbrt(t)
		}
		return (float64(t*24389/27) + 16) / 116
	}
	for y := range p.h {
		for x := range p.w {
			c := img.Pix[y*img.Stride+4*x:]
			r, g, b := linear[c[0]], linear[c[1]], linear[c[2]]
			fx := f(float64(float64(0.4124564*r)+float64(0.3575761*g)+float64(0.1804375*b)) / 0.95047)
			fy := f(float64(0.2126729*r) + float64(0.7151522*g) + float64(0.0721750*b))
			fz := f(float64(float64(0.0193339*r)+float64(0.1191920*g)+float64(0.9503041*b)) / 1.08883)
			p.lab = append(p.lab, [3]float64{float64(116*fy) - 16, 500 * (fx - fy), 200 * (fy - fz)})
		}
	}
	return p
}

// centre is the mean colour and place of a segment.
type centre struct {
	lab  [3]float64
	y, x float64
}

// Grid is how many rows and columns about count squares have in a picture of h by w pixels,
// as many at most: where segments begin.
func Grid(h, w, count int) (rows, cols int) {
	step := math.Sqrt(float64(h*w) / float64(count))
	rows = min(max(1, int(math.Round(float64(h)/step))), h, count)
	return rows, min(max(1, int(math.Round(float64(count)/float64(rows)))), w)
}

// seeds lays centres on a grid, each moved to where the colours beside it differ least, and
// gives the distance between them.
func (p *picture) seeds(count int) ([]centre, float64) {
	rows, cols := Grid(p.h, p.w, count)
	var all []centre
	for r := range rows {
		for c := range cols {
			y, x := (2*r+1)*p.h/(2*rows), (2*c+1)*p.w/(2*cols)
			by, bx, least := y, x, math.Inf(1)
			for ny := y - 1; ny <= y+1; ny++ {
				for nx := x - 1; nx <= x+1; nx++ {
					if g := p.gradient(ny, nx); g < least {
						by, bx, least = ny, nx, g
					}
				}
			}
			all = append(all, centre{p.lab[by*p.w+bx], float64(by), float64(bx)})
		}
	}
	return all, math.Max(float64(p.h)/float64(rows), float64(p.w)/float64(cols))
}

// gradient is how much the colours on both sides of a pixel differ, along both axes;
// infinite beyond the picture.
func (p *picture) gradient(y, x int) float64 {
	if y < 0 || x < 0 || y >= p.h || x >= p.w {
		return math.Inf(1)
	}
	at := func(y, x int) *[3]float64 { return &p.lab[min(max(0, y), p.h-1)*p.w+min(max(0, x), p.w-1)] }
	return distance(at(y-1, x), at(y+1, x)) + distance(at(y, x-1), at(y, x+1))
}

// distance is the square of that of two colours.
func distance(a, b *[3]float64) float64 {
	sum := 0.0
	for k := range a {
		d := a[k] - b[k]
		sum += float64(d * d)
	}
	return sum
}

// assign gives each pixel the label of the nearest centre of those whose square of twice the
// step holds it; the first of equally near ones. weight is that of squared distances of
// places beside those of colours.
func (p *picture) assign(labels []int32, centres []centre, step, weight float64) {
	best := make([]float64, len(labels))
	for i := range best {
		best[i], labels[i] = math.Inf(1), -1
	}
	for k := range centres {
		c := &centres[k]
		for y := max(0, int(math.Ceil(c.y-step))); y <= min(p.h-1, int(c.y+step)); y++ {
			for x := max(0, int(math.Ceil(c.x-step))); x <= min(p.w-1, int(c.x+step)); x++ {
				dy, dx := float64(y)-c.y, float64(x)-c.x
				i := y*p.w + x
				d := distance(&p.lab[i], &c.lab) + float64(weight*(float64(dy*dy)+float64(dx*dx)))
				if d < best[i] {
					best[i], labels[i] = d, int32(k)
				}
			}
		}
	}
}

// move moves centres to the means of their pixels; one that has none stays.
func (p *picture) move(labels []int32, centres []centre) {
	sums, n := make([]centre, len(centres)), make([]float64, len(centres))
	for i, k := range labels {
		if k < 0 {
			continue
		}
		s := &sums[k]
		for c, v := range p.lab[i] {
			s.lab[c] += v
		}
		s.y, s.x = s.y+float64(i/p.w), s.x+float64(i%p.w)
		n[k]++
	}
	for k, s := range sums {
		if n[k] == 0 {
			continue
		}
		for c, v := range s.lab {
			centres[k].lab[c] = v / n[k]
		}
		centres[k].y, centres[k].x = s.y/n[k], s.x/n[k]
	}
}

// connect numbers the connected parts of labels anew, in the order of their first pixels.
// A part of fewer than least pixels joins the segment of the pixel in front of or above its
// first one.
func connect(labels []int32, h, w, least int) ([]int32, int) {
	out := make([]int32, len(labels))
	for i := range out {
		out[i] = -1
	}
	n := int32(0)
	var part []int
	for first := range out {
		if out[first] >= 0 {
			continue
		}
		part = append(part[:0], first)
		out[first] = n
		for k := 0; k < len(part); k++ {
			around(part[k], h, w, func(i int) {
				if out[i] < 0 && labels[i] == labels[first] {
					out[i] = n
					part = append(part, i)
				}
			})
		}
		if len(part) >= least || first == 0 {
			n++
			continue
		}
		joins := out[max(first-w, 0)]
		if first%w > 0 {
			joins = out[first-1]
		}
		for _, i := range part {
			out[i] = joins
		}
	}
	return out, int(n)
}

// around calls f for the pixels that share a side with one.
func around(i, h, w int, f func(int)) {
	if i%w > 0 {
		f(i - 1)
	}
	if i%w < w-1 {
		f(i + 1)
	}
	if i >= w {
		f(i - w)
	}
	if i < (h-1)*w {
		f(i + w)
	}
}
