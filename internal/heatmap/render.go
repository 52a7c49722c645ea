package heatmap

import (
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"math"
	"strings"
	"sync"

	"github.com/disintegration/imaging"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
)

// Style says how a map is drawn.
type Style struct {
	// Mode is overlay (default), map-only or side-by-side.
	Mode string
	// Alpha is the overlay's opacity, 0 to 1.
	Alpha    float64
	Colormap string
	Scale    *Scale // nil for the map's own
	Combine  string
	// Blocks draws network pixels as they are; otherwise they are smoothed.
	Blocks bool
	// Masked, if set, shows the picture itself where the map reaches the level,
	// and darkens the rest, in place of colours.
	Masked *Level
	// Contours are levels around which lines are drawn.
	Contours []Level
	// Behind says that the map lies behind what is drawn on the picture's white paper.
	Behind bool
	// Boxes are drawn over it all.
	Boxes []Box
	// Kept says that numbers are what keeping a pixel is worth, not what hiding it costs.
	Kept bool
	// Bare leaves out title, colours' scale and caption: what is drawn stands alone.
	Bare bool
	// Title stands above, in bold; Caption lines below.
	Title   string
	Caption []string
}

// Modes lists the ways of drawing.
var Modes = []string{"overlay", "map-only", "side-by-side"}

// Render draws a map over its picture. toPicture maps a point in network pixels
// to picture pixels, along each axis by itself.
func Render(m *Map, picture *image.NRGBA, toPicture func(x, y float64) (float64, float64), s Style) (*image.NRGBA, error) {
	values, err := m.Importance(s.Combine)
	if err != nil {
		return nil, err
	}
	c, err := choose(s.Colormap, values, s.Scale, s.Behind)
	if err != nil {
		return nil, err
	}
	base := Canvas(picture)
	field, missing := spread(base.Bounds(), m, values, picture.Bounds(), toPicture, s.Blocks)
	heat, faded := paint(base.Bounds(), field, c)
	over := blend(base, faded, s.Alpha, s.Behind)
	if s.Masked != nil {
		over = spotlight(base, field, s.Masked.Cut(values))
	}
	var panels []*image.NRGBA
	switch s.Mode {
	case "", "overlay":
		panels = []*image.NRGBA{over}
	case "map-only":
		if s.Masked != nil {
			return nil, errors.New("a mask over the picture and the map alone exclude each other")
		}
		panels = []*image.NRGBA{heat}
	case "side-by-side":
		panels = []*image.NRGBA{base, over}
	default:
		return nil, fmt.Errorf("unknown mode %q: want one of %s", s.Mode, strings.Join(Modes, ", "))
	}
	for _, l := range s.Contours {
		contour(panels[len(panels)-1], field, l.Cut(values))
	}
	if err := frame(panels[len(panels)-1], picture.Bounds(), s.Boxes); err != nil {
		return nil, err
	}
	if s.Bare {
		return besideEachOther(panels), nil
	}
	caption := append(append([]string{}, s.Caption...), levelCaption(s, values)...)
	if missing {
		caption = append(caption, "parts without colour were not measured, or gave no number")
	}
	if s.Masked != nil {
		c = nil // no colour has a meaning
	}
	return compose(panels, c, s, caption)
}

// Canvas is a picture in the size in which a map is drawn over it.
func Canvas(picture *image.NRGBA) *image.NRGBA {
	w, h := canvasSize(picture.Bounds().Dx(), picture.Bounds().Dy())
	return imaging.Resize(picture, w, h, imaging.Linear)
}

// canvasSize scales a picture so that its longer side is 512 to 1400 pixels.
func canvasSize(w, h int) (int, int) {
	long := float64(max(w, h))
	k := 1.0
	switch {
	case long < 512:
		k = 512 / long
	case long > 1400:
		k = 1400 / long
	}
	return max(1, int(math.Round(float64(w)*k))), max(1, int(math.Round(float64(h)*k)))
}

// spread gives the map's value at every pixel of a canvas b that shows the
// picture. It is NaN where there is none: outside of what the network saw, or,
// as missing says, inside.
func spread(b image.Rectangle, m *Map, values []float64, picture image.Rectangle, toPicture func(x, y float64) (float64, float64), blocks bool) (field []float64, missing bool) {
	h, w := m.Input[0], m.Input[1]
	x0, y0 := toPicture(0, 0)
	x1, y1 := toPicture(float64(w), float64(h))
	kx, ky := float64(picture.Dx())/float64(b.Dx()), float64(picture.Dy())/float64(b.Dy())
	field = make([]float64, b.Dx()*b.Dy())
	for y := range b.Dy() {
		ny := (float64((float64(y)+.5)*ky) - y0) / (y1 - y0) * float64(h)
		for x := range b.Dx() {
			nx := (float64((float64(x)+.5)*kx) - x0) / (x1 - x0) * float64(w)
			v := math.NaN()
			if nx >= 0 && ny >= 0 && nx < float64(w) && ny < float64(h) {
				v = sample(values, w, h, nx, ny, blocks)
				missing = missing || v != v
			}
			field[y*b.Dx()+x] = v
		}
	}
	return field, missing
}

// paint colours every pixel of a canvas by its value; without one it stays
// transparent. faded gets the same, the more transparent the less the part
// matters, so that the picture shows through.
func paint(b image.Rectangle, field []float64, c *colors) (heat, faded *image.NRGBA) {
	heat, faded = image.NewNRGBA(b), image.NewNRGBA(b)
	for i, v := range field {
		if v != v {
			continue
		}
		p := c.at(v)
		copy(heat.Pix[4*i:], []byte{p.R, p.G, p.B, p.A})
		copy(faded.Pix[4*i:], []byte{p.R, p.G, p.B, uint8(math.Round(255 * c.weight(v)))})
	}
	return heat, faded
}

// sample reads the value at a point: that of the pixel, or interpolated between
// the four nearest pixel centres.
func sample(values []float64, w, h int, x, y float64, blocks bool) float64 {
	own := values[int(y)*w+int(x)]
	if blocks || own != own {
		return own
	}
	x, y = min(max(x-.5, 0), float64(w-1)), min(max(y-.5, 0), float64(h-1))
	xi, yi := int(x), int(y)
	fx, fy := x-float64(xi), y-float64(yi)
	at := func(dx, dy int) float64 {
		v := values[min(yi+dy, h-1)*w+min(xi+dx, w-1)]
		if v != v {
			return own
		}
		return v
	}
	return float64((float64(at(0, 0)*(1-fx))+float64(at(1, 0)*fx))*(1-fy)) + float64((float64(at(0, 1)*(1-fx))+float64(at(1, 1)*fx))*fy)
}

// blend lays heat over base, or behind what is darker there than paper.
func blend(base, heat *image.NRGBA, alpha float64, behind bool) *image.NRGBA {
	out := imaging.Clone(base)
	for i := 0; i < len(out.Pix); i += 4 {
		alpha := alpha * float64(heat.Pix[i+3]) / 255
		for k := range 3 {
			paper, colour := float64(base.Pix[i+k]), float64(heat.Pix[i+k])
			if behind {
				colour = float64(colour*paper) / 255
			}
			out.Pix[i+k] = uint8(math.Round(float64(paper*(1-alpha)) + float64(colour*alpha)))
		}
	}
	return out
}

var (
	paper = color.NRGBA{255, 255, 255, 255}
	ink   = color.NRGBA{32, 32, 32, 255}
	pale  = color.NRGBA{96, 96, 96, 255}
)

const (
	margin     = 20
	barWidth   = 22
	barSpace   = 150 // colour bar, ticks and words
	longestBar = 1400
)

// fonts parses the embedded fonts once.
var fonts = sync.OnceValues(func() (f [2]*opentype.Font, err error) {
	for i, ttf := range [][]byte{goregular.TTF, gobold.TTF} {
		if f[i], err = opentype.Parse(ttf); err != nil {
			return f, fmt.Errorf("font: %w", err)
		}
	}
	return f, nil
})

func face(bold int, size float64) (font.Face, error) {
	f, err := fonts()
	if err != nil {
		return nil, err
	}
	return opentype.NewFace(f[bold], &opentype.FaceOptions{Size: size, DPI: 72, Hinting: font.HintingFull})
}

// compose puts panels, the style's title, colour bar (unless c is nil) and caption on one
// sheet.
func compose(panels []*image.NRGBA, c *colors, s Style, caption []string) (*image.NRGBA, error) {
	bold, err := face(1, 20)
	if err != nil {
		return nil, err
	}
	defer bold.Close()
	small, err := face(0, 14)
	if err != nil {
		return nil, err
	}
	defer small.Close()
	pw, ph := panels[0].Bounds().Dx(), panels[0].Bounds().Dy()
	height := max(ph, 240)
	w := margin + len(panels)*(pw+margin)
	if c != nil {
		w += barSpace
	}
	var lines []string
	for _, line := range caption {
		lines = append(lines, wrap(small, line, w-2*margin)...)
	}
	h := 56 + height + margin + 20*len(lines)
	out := imaging.New(w, h, paper)
	text(out, bold, clip(bold, s.Title, w-2*margin), margin, 36, ink)
	for i, p := range panels {
		draw.Draw(out, image.Rect(0, 0, pw, ph).Add(image.Pt(margin+i*(pw+margin), 56)), p, image.Point{}, draw.Over)
	}
	if c != nil {
		bar(out, small, c, s.legend(), image.Pt(margin+len(panels)*(pw+margin), 56), min(height, longestBar))
	}
	for i, line := range lines {
		text(out, small, line, margin, 56+height+24+20*i, pale)
	}
	return out, nil
}

// legend says in two lines what the numbers are, and in two what those below 0 mean.
func (s Style) legend() [4]string {
	if s.Kept {
		return [4]string{"score where kept,", "less the mean", "below 0: keeping", "lowers the score"}
	}
	return [4]string{"score drop", "when hidden", "below 0: hiding", "raises the score"}
}

// bar draws the colour bar with ticks and what they mean, a legend.
func bar(out *image.NRGBA, f font.Face, c *colors, means [4]string, at image.Point, height int) {
	top, bottom := at.Y+44, at.Y+height-44
	for y := top; y < bottom; y++ {
		v := c.scale.Hi - (c.scale.Hi-c.scale.Lo)*float64(y-top)/float64(bottom-1-top)
		for x := range barWidth {
			out.SetNRGBA(at.X+x, y, c.at(v))
		}
	}
	text(out, f, means[0], at.X, at.Y+16, ink)
	text(out, f, means[1], at.X, at.Y+34, ink)
	if c.scale.Lo < 0 {
		text(out, f, means[2], at.X, bottom+20, pale)
		text(out, f, means[3], at.X, bottom+38, pale)
	}
	for _, v := range ticks(c.scale) {
		y := bottom - 1 - int(math.Round((v-c.scale.Lo)/(c.scale.Hi-c.scale.Lo)*float64(bottom-1-top)))
		for x := range 5 {
			out.SetNRGBA(at.X+barWidth+x, y, ink)
		}
		text(out, f, fmt.Sprintf("%.3g", v), at.X+barWidth+10, y+5, ink)
	}
}

// ticks are round numbers that divide a scale in about five.
func ticks(s Scale) []float64 {
	step := math.Pow(10, math.Floor(math.Log10((s.Hi-s.Lo)/4)))
	for _, k := range []float64{5, 2} {
		if (s.Hi-s.Lo)/(step*k) >= 4 {
			step *= k
			break
		}
	}
	var t []float64
	for i := math.Ceil(s.Lo/step - 1e-9); i*step <= s.Hi+1e-9*step && len(t) < 20; i++ {
		if i == 0 {
			i = 0 // not minus zero
		}
		t = append(t, i*step)
	}
	return t
}

// text draws one line with its baseline at y.
func text(out *image.NRGBA, f font.Face, s string, x, y int, c color.Color) {
	d := font.Drawer{Dst: out, Src: image.NewUniform(c), Face: f, Dot: fixed.P(x, y)}
	d.DrawString(s)
}

// measure is how wide a line is.
func measure(f font.Face, s string) int { return font.MeasureString(f, s).Ceil() }

// clip makes a line from anywhere safe to draw and no wider than width.
func clip(f font.Face, s string, width int) string {
	s = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	r := []rune(s)
	if len(r) > 400 {
		r = r[:400]
	}
	if string(r) == s && measure(f, s) <= width {
		return s
	}
	for len(r) > 0 && measure(f, string(r)+"…") > width {
		r = r[:len(r)-1]
	}
	return string(r) + "…"
}

// mostWrapped is how many lines one line of a caption may become.
const mostWrapped = 5

// wrap makes a line from anywhere safe to draw, in lines no wider than width: it is broken
// between words, and clipped where a word or all of it is too long.
func wrap(f font.Face, s string, width int) []string {
	var lines []string
	for ; len(lines) < mostWrapped-1 && measure(f, s) > width; s = strings.TrimLeft(s, " ") {
		end := 0
		for i, r := range s {
			if r == ' ' && i > 0 {
				if measure(f, s[:i]) > width {
					break
				}
				end = i
			}
		}
		if end == 0 {
			break
		}
		lines, s = append(lines, clip(f, s[:end], width)), s[end:]
	}
	return append(lines, clip(f, s, width))
}

// Burn gives a picture with a line of text below it.
func Burn(img *image.NRGBA, line string) (*image.NRGBA, error) {
	b := img.Rect
	size := max(11, float64(b.Dx())/40)
	f, err := face(1, size)
	if err != nil {
		return nil, err
	}
	height := int(2 * size)
	out := image.NewNRGBA(image.Rect(0, 0, b.Dx(), b.Dy()+height))
	draw.Draw(out, out.Rect, image.Black, image.Point{}, draw.Src)
	draw.Draw(out, image.Rect(0, 0, b.Dx(), b.Dy()), img, b.Min, draw.Src)
	text(out, f, clip(f, line, b.Dx()-8), 4, b.Dy()+int(1.4*size), color.White)
	return out, nil
}
