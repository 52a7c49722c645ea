package scenes

import (
	"image"
	"math"
)

// Placement is where and how an object lies in a scene.
type Placement struct {
	// X and Y are the object's middle, in scene units.
	X, Y float64
	// Size is the diameter of the circle around the object, in scene units.
	Size float64
	// Angle turns the object clockwise, in radians.
	Angle float64
	// Aspect stretches the width by itself and the height by its inverse. Zero
	// counts as 1.
	Aspect float64
	// Shear moves the object's top sideways, as a share of its height.
	Shear float64
	// Flip mirrors the object left to right.
	Flip bool
}

func (p Placement) transform() affine {
	sx, sy := p.Size/2, p.Size/2
	if p.Aspect > 0 {
		sx, sy = sx*p.Aspect, sy/p.Aspect
	}
	if p.Flip {
		sx = -sx
	}
	sin, cos := math.Sincos(p.Angle)
	// rotation * shear * scale
	return affine{
		a: cos * sx, b: (cos*p.Shear - sin) * sy, c: p.X,
		d: sin * sx, e: (sin*p.Shear + cos) * sy, f: p.Y,
	}
}

// Paint is how an object's surface looks.
type Paint struct {
	// Main, Accent and Dark are the colours of the object's parts.
	Main, Accent, Dark RGB
	// Light is the direction the light comes from, in radians; 0 is the right,
	// pi/2 below.
	Light float64
	// Bevel is the strength of the light on the rounded edges, 0 to 1.
	Bevel float64
	// Fade is the loss of brightness across the object, away from the light, 0
	// to 1.
	Fade float64
	// Grain is the strength of a fine texture, 0 to 1, and GrainSeed chooses
	// it.
	Grain     float64
	GrainSeed uint64
	// Shadow is the darkness of the shadow behind the object, 0 to 1.
	Shadow float64
	// Outline is the opacity of a line of colour Edge around the object, 0 to
	// 1.
	Outline float64
	Edge    RGB
}

// Draw paints an object of the class and returns the rectangle of pixels that
// it covers, without its shadow.
func (c *Canvas) Draw(class Class, at Placement, paint Paint) image.Rectangle {
	return c.draw(outlines[class](), at, paint)
}

// draw is Draw for an object with the given layers, whose contours it
// overwrites.
func (c *Canvas) draw(layers []layer, at Placement, paint Paint) image.Rectangle {
	m := at.transform()
	var all []contour
	for i := range layers {
		l := &layers[i]
		for j := range l.solid {
			l.solid[j] = m.contour(l.solid[j])
		}
		for j := range l.holes {
			l.holes[j] = m.contour(l.holes[j])
		}
		all = append(all, l.solid...)
	}
	size := at.Size * c.unit
	soft := max(1, int(size*0.03+0.5))
	whole := c.coverage(all, nil, 8*soft+2)
	if whole == nil {
		return image.Rectangle{}
	}
	clear(whole.a)
	parts := make([]*mask, len(layers))
	for i, l := range layers {
		parts[i] = c.coverage(l.solid, l.holes, 0)
		whole.unite(parts[i])
	}
	lightY, lightX := math.Sincos(paint.Light)

	if paint.Shadow > 0 {
		shadow := whole.blurred(2 * soft)
		dx, dy := int(-lightX*size*0.06), int(-lightY*size*0.06)
		shifted := *shadow
		shifted.a = make([]float32, len(shadow.a))
		for j := range shadow.h {
			for i := range shadow.w {
				x, y := i-dx, j-dy
				if x >= 0 && y >= 0 && x < shadow.w && y < shadow.h {
					shifted.a[j*shadow.w+i] = shadow.a[y*shadow.w+x]
				}
			}
		}
		c.paint(&shifted, float32(paint.Shadow), func(int, int) RGB { return RGB{} })
	}
	height := whole.blurred(soft)
	if paint.Outline > 0 {
		edge := *height
		edge.a = make([]float32, len(height.a))
		for i, h := range height.a {
			edge.a[i] = min(1, 3*h)
		}
		c.paint(&edge, float32(paint.Outline), func(int, int) RGB { return paint.Edge })
	}
	for n, part := range parts {
		base := [...]RGB{mainTone: paint.Main, accentTone: paint.Accent, darkTone: paint.Dark}[layers[n].tone]
		c.paint(part, 1, func(i, j int) RGB {
			// The slope of the blurred coverage stands for that of a rounded
			// edge: bright where it faces the light.
			slope := float64(height.at(i+1, j)-height.at(i-1, j))*lightX + float64(height.at(i, j+1)-height.at(i, j-1))*lightY
			shade := 1 - paint.Bevel*1.2*slope*float64(soft)
			x, y := (float64(i)+0.5)/c.unit-at.X, (float64(j)+0.5)/c.unit-at.Y
			shade += paint.Fade * (x*lightX + y*lightY) / at.Size
			if paint.Grain > 0 {
				shade += paint.Grain * (valueNoise(x/at.Size*24, y/at.Size*24, paint.GrainSeed) - 0.5)
			}
			return base.Scale(float32(shade))
		})
	}
	box := image.Rectangle{}
	for j := range whole.h {
		for i := range whole.w {
			if whole.a[j*whole.w+i] > 0 {
				box = box.Union(image.Rect(whole.x0+i, whole.y0+j, whole.x0+i+1, whole.y0+j+1))
			}
		}
	}
	return box
}
