package scenes

import "math"

// Class is a kind of object, an index into [Labels].
type Class int

// Labels are the names of the classes. A network's output i belongs to
// Labels[i].
var Labels = []string{
	"star", "ring", "heart", "crescent", "cross", "arrow",
	"key", "fish", "house", "tree", "mug", "bicycle",
}

// The classes.
const (
	Star Class = iota
	Ring
	Heart
	Crescent
	Cross
	Arrow
	Key
	Fish
	House
	Tree
	Mug
	Bicycle
)

// String is the class's label.
func (c Class) String() string { return Labels[c] }

// tone says which of an object's colours a part of it has.
type tone int

const (
	mainTone tone = iota
	accentTone
	darkTone
)

// layer is a part of an object: outlines with holes in them. Later layers lie
// on earlier ones.
type layer struct {
	tone         tone
	solid, holes []contour
}

func solid(t tone, c ...contour) layer { return layer{tone: t, solid: c} }

// outlines are the shapes of all classes, each within the unit circle around
// the origin or little more.
var outlines = [...]func() []layer{
	Star: func() []layer {
		var c contour
		for i := range 10 {
			r := 1.0
			if i%2 == 1 {
				r = 0.42
			}
			sin, cos := math.Sincos(math.Pi * (float64(i)/5 - 0.5))
			c = append(c, point{r * cos, r * sin})
		}
		return []layer{solid(mainTone, c)}
	},
	Ring: func() []layer {
		return []layer{{solid: []contour{circle(0, 0, 0.95)}, holes: []contour{circle(0, 0, 0.55)}}}
	},
	Heart: func() []layer {
		// The well-known heart curve x = 16 sin^3 t.
		const n = 60
		var c contour
		for i := range n {
			t := 2 * math.Pi * float64(i) / n
			sin := math.Sin(t)
			y := 13*math.Cos(t) - 5*math.Cos(2*t) - 2*math.Cos(3*t) - math.Cos(4*t)
			c = append(c, point{16 * sin * sin * sin / 17, -(y + 2) / 17})
		}
		return []layer{solid(mainTone, c)}
	},
	Crescent: func() []layer {
		// The part of the unit circle that a circle of radius r around (d, 0)
		// leaves over, shifted to the middle.
		const d, r, shift = 0.5, 0.8, 0.3
		cut := math.Acos((1 + d*d - r*r) / (2 * d))
		x, y := math.Cos(cut), math.Sin(cut)
		inner := math.Atan2(y, x-d)
		var c contour
		const n = 30
		for i := range n + 1 {
			sin, cos := math.Sincos(cut + (2*math.Pi-2*cut)*float64(i)/n)
			c = append(c, point{cos + shift, sin})
		}
		for i := 1; i < n; i++ {
			sin, cos := math.Sincos(-inner - (2*math.Pi-2*inner)*float64(i)/n)
			c = append(c, point{d + r*cos + shift, r * sin})
		}
		return []layer{solid(mainTone, c)}
	},
	Cross: func() []layer {
		const w, l = 0.3, 0.92
		return []layer{solid(mainTone, polygon(-w, -l, w, -l, w, -w, l, -w, l, w, w, w, w, l, -w, l, -w, w, -l, w, -l, -w, -w, -w))}
	},
	Arrow: func() []layer {
		return []layer{solid(mainTone, polygon(1, 0, 0.2, -0.75, 0.2, -0.28, -0.95, -0.28, -0.95, 0.28, 0.2, 0.28, 0.2, 0.75))}
	},
	Key: func() []layer {
		return []layer{
			{solid: []contour{circle(-0.55, 0, 0.45)}, holes: []contour{circle(-0.55, 0, 0.21)}},
			solid(mainTone, rectangle(-0.15, -0.11, 1, 0.11)),
			solid(mainTone, rectangle(0.42, 0, 0.6, 0.42), rectangle(0.8, 0, 1, 0.5)),
		}
	},
	Fish: func() []layer {
		var body contour
		const n = 24
		for i := range n {
			t := float64(i) / n
			body = append(body, point{0.95 - 1.5*t, -0.55 * math.Sin(math.Pi*math.Pow(t, 0.8))})
		}
		for i := range n {
			t := 1 - float64(i)/n
			body = append(body, point{0.95 - 1.5*t, 0.55 * math.Sin(math.Pi*math.Pow(t, 0.8))})
		}
		return []layer{
			solid(accentTone, polygon(0.25, -0.45, -0.1, -0.8, -0.3, -0.35)),
			solid(accentTone, polygon(-0.4, 0, -1, -0.55, -0.82, 0, -1, 0.55)),
			solid(mainTone, body),
			solid(darkTone, circle(0.55, -0.12, 0.09)),
		}
	},
	House: func() []layer {
		return []layer{
			solid(accentTone, rectangle(0.35, -0.85, 0.58, -0.2)),
			solid(mainTone, rectangle(-0.7, -0.2, 0.7, 0.85)),
			solid(accentTone, polygon(0, -1, 1, -0.1, -1, -0.1)),
			solid(darkTone, rectangle(-0.5, 0.25, -0.1, 0.85)),
			solid(darkTone, rectangle(0.15, 0.15, 0.52, 0.5)),
		}
	},
	Tree: func() []layer {
		return []layer{
			solid(accentTone, rectangle(-0.14, 0.5, 0.14, 1)),
			solid(mainTone, polygon(0, -0.1, 0.75, 0.68, -0.75, 0.68)),
			solid(mainTone, polygon(0, -0.55, 0.6, 0.2, -0.6, 0.2)),
			solid(mainTone, polygon(0, -1, 0.45, -0.25, -0.45, -0.25)),
		}
	},
	Mug: func() []layer {
		return []layer{
			{solid: []contour{ellipse(0.42, 0.02, 0.5, 0.48)}, holes: []contour{ellipse(0.42, 0.02, 0.3, 0.28)}},
			solid(mainTone, roundRectangle(-0.8, -0.75, 0.45, 0.8, 0.14)),
			solid(accentTone, ellipse(-0.175, -0.72, 0.62, 0.15)),
			solid(darkTone, ellipse(-0.175, -0.72, 0.5, 0.09)),
		}
	},
	Bicycle: func() []layer {
		const w = 0.11
		wheel := func(x float64) layer {
			return layer{tone: accentTone, solid: []contour{circle(x, 0.32, 0.46)}, holes: []contour{circle(x, 0.32, 0.335)}}
		}
		return []layer{
			wheel(-0.6), wheel(0.6),
			solid(mainTone,
				segment(-0.6, 0.32, -0.02, 0.32, w), segment(-0.6, 0.32, -0.28, -0.25, w),
				segment(-0.28, -0.25, -0.02, 0.32, w), segment(-0.02, 0.32, 0.38, -0.25, w),
				segment(-0.28, -0.25, 0.38, -0.25, w), segment(0.6, 0.32, 0.3, -0.55, w)),
			solid(darkTone, segment(-0.36, -0.42, -0.28, -0.25, w), segment(-0.5, -0.45, -0.2, -0.45, 0.14),
				segment(0.3, -0.55, 0.52, -0.62, w)),
		}
	},
}
