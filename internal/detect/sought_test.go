package detect

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// rawBox is a box as the reference reads it: all in float64, written from what
// docs/video.md says of each form.
type rawBox struct {
	x0, y0, x1, y1 float64
	object         float64
	shares         []float64
	class          int  // of boxes with one class only, -1 for those with a share for each
	turned         quad // where boxes may be turned
}

// headCase is a random head: what it is, its outputs, and its boxes by the reference.
type headCase struct {
	spec   Spec
	outs   []Output
	boxes  []rawBox
	labels int
}

const planeW, planeH = 96, 64

func logistic(v float32) float64 { return 1 / (1 + math.Exp(-float64(v))) }

func softmaxOf(v []float32) []float64 {
	sum, p := 0.0, make([]float64, len(v))
	for i, x := range v {
		p[i] = math.Exp(float64(x))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// headCases makes a head of every form, with all that changes how it is read.
func headCases(r *rand.Rand) map[string]headCase {
	const n, classes = 60, 5
	coordinate := func(size float64) float32 { return float32(r.Float64() * size) }
	share := func() float32 { return r.Float32() * r.Float32() }
	logit := func() float32 { return float32(r.NormFloat64() * 2) }
	activated := func(act string, v []float32) []float64 {
		if act == "softmax" {
			return softmaxOf(v)
		}
		p := make([]float64, len(v))
		for i, x := range v {
			p[i] = float64(x)
			if act == "sigmoid" {
				p[i] = logistic(x)
			}
		}
		return p
	}
	value := func(act string) float32 {
		if act == "" {
			return share()
		}
		return logit()
	}
	cases := map[string]headCase{}
	// centred fills a row's first four numbers, and gives the box.
	centred := func(row []float32, kx, ky float64) rawBox {
		row[0], row[1] = coordinate(planeW/kx), coordinate(planeH/ky)
		row[2], row[3] = coordinate(40/kx)+1/float32(kx), coordinate(40/ky)+1/float32(ky)
		x, y, w, h := float64(row[0])*kx, float64(row[1])*ky, float64(row[2])*kx, float64(row[3])*ky
		return rawBox{x0: x - w/2, y0: y - h/2, x1: x + w/2, y1: y + h/2, object: 1, class: -1}
	}
	cornered := func(row []float32, kx, ky float64) rawBox {
		b := centred(row, kx, ky)
		row[0], row[1], row[2], row[3] = float32(b.x0/kx), float32(b.y0/ky), float32(b.x1/kx), float32(b.y1/ky)
		return b
	}
	for _, act := range []string{"", "sigmoid", "softmax"} {
		for _, form := range []string{"ssd", "yolov5", "yolov8", "detr"} {
			if act == "softmax" && form == "yolov5" {
				continue
			}
			before := map[string]int{"ssd": 0, "yolov5": 5, "yolov8": 4, "detr": 4}[form]
			c := headCase{spec: Spec{Form: form, Activation: act}}
			width := before + classes
			rows, places := make([]float32, n*width), make([]float32, 4*n)
			for i := range n {
				row := rows[i*width:][:width]
				var b rawBox
				switch form {
				case "ssd":
					b = cornered(places[4*i:][:4], planeW, planeH)
				case "detr":
					b = centred(row, planeW, planeH)
				default:
					b = centred(row, 1, 1)
				}
				for k := before; k < width; k++ {
					row[k] = value(act)
				}
				if form == "yolov5" {
					row[4] = value(act)
					b.object = activated(act, row[4:5])[0]
				}
				b.shares = activated(act, row[before:])
				c.boxes = append(c.boxes, b)
			}
			switch form {
			case "ssd":
				background := r.IntN(classes)
				c.spec.Scores, c.spec.Boxes, c.spec.Corners, c.spec.Relative, c.spec.Background = "s", "b", true, true, &background
				c.outs = []Output{{"b", []int{1, n, 4}, places}, {"s", []int{1, n, classes}, rows}}
			case "yolov8":
				columns := make([]float32, len(rows))
				for i := range n {
					for k := range width {
						columns[k*n+i] = rows[i*width+k]
					}
				}
				c.outs = []Output{{"o", []int{1, width, n}, columns}}
			default:
				c.spec.Relative = form == "detr"
				c.outs = []Output{{"o", []int{1, n, width}, rows}}
			}
			cases[form+" "+act] = c
		}
	}
	cases["turned"] = turnedCase(r, n, classes)
	cases["grid"], cases["yolov2"], cases["yolov3"], cases["yolox"] = cellCases(r, classes)
	cases["nms"], cases["nms, outputs"] = chosenCases(r, n, classes)
	return cases
}

// turnedCase is yolov8's head of turned boxes.
func turnedCase(r *rand.Rand, n, classes int) headCase {
	c := headCase{spec: Spec{Form: "yolov8", Angle: true}, labels: classes}
	width := 5 + classes
	data := make([]float32, n*width)
	for i := range n {
		set := func(k int, v float32) float32 { data[k*n+i] = v; return v }
		x, y, w, h := set(0, r.Float32()*planeW), set(1, r.Float32()*planeH), set(2, r.Float32()*40+1), set(3, r.Float32()*40+1)
		a := set(width-1, r.Float32()*math.Pi)
		b := rawBox{object: 1, class: -1}
		sin, cos := math.Sincos(float64(a))
		b.x0, b.y0, b.x1, b.y1 = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
		for k, at := range [][2]float64{{-.5, -.5}, {.5, -.5}, {.5, .5}, {-.5, .5}} {
			u, v := at[0]*float64(w), at[1]*float64(h)
			p := point{float64(x) + u*cos - v*sin, float64(y) + u*sin + v*cos}
			b.turned[k] = p
			b.x0, b.y0, b.x1, b.y1 = min(b.x0, p.x), min(b.y0, p.y), max(b.x1, p.x), max(b.y1, p.y)
		}
		for k := range classes {
			b.shares = append(b.shares, float64(set(4+k, r.Float32()*r.Float32())))
		}
		c.boxes = append(c.boxes, b)
	}
	c.outs = []Output{{"o", []int{1, width, n}, data}}
	return c
}

// cellCases are heads whose boxes belong to cells.
func cellCases(r *rand.Rand, classes int) (grid, v2, v3, x headCase) {
	around := func(cx, cy, w, h float64) rawBox {
		return rawBox{x0: cx - w/2, y0: cy - h/2, x1: cx + w/2, y1: cy + h/2, class: -1}
	}
	normal := func(data []float32) {
		for i := range data {
			data[i] = float32(r.NormFloat64())
		}
	}
	const rows, columns = 4, 6 // stride 16
	n := rows * columns
	data := make([]float32, (5+classes)*n)
	normal(data)
	for k := range data {
		if row := k / n; row == 0 || row > 4 {
			data[k] = r.Float32()
		}
	}
	for i := range n {
		at := func(k int) float32 { return data[k*n+i] }
		b := around((math.Tanh(float64(at(1)))+float64(i%columns))/columns*planeW, (math.Tanh(float64(at(2)))+float64(i/columns))/rows*planeH, logistic(at(3))*planeW, logistic(at(4))*planeH)
		b.object = float64(at(0))
		for k := range classes {
			b.shares = append(b.shares, float64(at(5+k)))
		}
		grid.boxes = append(grid.boxes, b)
	}
	grid.spec, grid.outs = Spec{Form: "grid"}, []Output{{"o", []int{1, 5 + classes, rows, columns}, data}}

	for _, form := range []string{"yolov2", "yolov3"} {
		c := headCase{spec: Spec{Form: form, Strides: []int{16, 32}, Anchors: [][]float32{{1, 1.5, 2, .7}, {.5, 1}}, Outputs: []string{"a", "b"}}}
		if form == "yolov3" {
			c.spec.Anchors = [][]float32{{12, 20, 30, 8}, {16, 16}}
		}
		for level, stride := range c.spec.Strides {
			h, w, anchors := planeH/stride, planeW/stride, c.spec.Anchors[level]
			m := h * w
			data := make([]float32, len(anchors)/2*(5+classes)*m)
			normal(data)
			for a := range len(anchors) / 2 {
				for i := range m {
					at := func(k int) float32 { return data[(a*(5+classes)+k)*m+i] }
					s, k := float64(stride), 1.0
					if form == "yolov2" {
						k = s
					}
					b := around((logistic(at(0))+float64(i%w))*s, (logistic(at(1))+float64(i/w))*s, float64(anchors[2*a])*k*math.Exp(float64(at(2))), float64(anchors[2*a+1])*k*math.Exp(float64(at(3))))
					b.object = logistic(at(4))
					var raw []float32
					for k := range classes {
						raw = append(raw, at(5+k))
						b.shares = append(b.shares, logistic(at(5+k)))
					}
					if form == "yolov2" {
						b.shares = softmaxOf(raw)
					}
					c.boxes = append(c.boxes, b)
				}
			}
			c.outs = append(c.outs, Output{c.spec.Outputs[level], []int{1, len(data) / m, h, w}, data})
		}
		if form == "yolov2" {
			v2 = c
		} else {
			v3 = c
		}
	}

	x.spec = Spec{Form: "yolox", Strides: []int{16, 32}}
	width := 5 + classes
	var all []float32
	for _, stride := range x.spec.Strides {
		w, s := planeW/stride, float64(stride)
		for i := range w * (planeH / stride) {
			row := make([]float32, width)
			normal(row[:4])
			for k := 4; k < width; k++ {
				row[k] = r.Float32()
			}
			b := around((float64(row[0])+float64(i%w))*s, (float64(row[1])+float64(i/w))*s, s*math.Exp(float64(row[2])), s*math.Exp(float64(row[3])))
			b.object = float64(row[4])
			for _, v := range row[5:] {
				b.shares = append(b.shares, float64(v))
			}
			x.boxes = append(x.boxes, b)
			all = append(all, row...)
		}
	}
	x.outs = []Output{{"o", []int{1, len(all) / width, width}, all}}
	return grid, v2, v3, x
}

// chosenCases are heads of boxes that come chosen: in one output, with fillers, and in
// several, of which a count says how many there are.
func chosenCases(r *rand.Rand, n, classes int) (rows, outputs headCase) {
	data, places, scores, labels := make([]float32, 6*n), make([]float32, 4*n), make([]float32, n), make([]float32, n)
	const count = 40
	for i := range n {
		x, y := r.Float32()*60, r.Float32()*40
		box := []float32{x, y, x + r.Float32()*36 + 1, y + r.Float32()*24 + 1}
		class, score := r.IntN(classes), r.Float32()
		b := rawBox{x0: float64(box[0]), y0: float64(box[1]), x1: float64(box[2]), y1: float64(box[3]), object: float64(score), class: class}
		copy(places[4*i:], box)
		scores[i], labels[i] = score, float32(class+1)
		if i < count {
			outputs.boxes = append(outputs.boxes, b)
		}
		copy(data[6*i:], append(slices.Clone(box), score, float32(class)))
		if i%7 == 3 {
			data[6*i+4+i%2] = -1 // a filler
			continue
		}
		rows.boxes = append(rows.boxes, b)
	}
	rows.spec, rows.outs, rows.labels = Spec{Form: "nms", Classes: classes}, []Output{{"o", []int{1, n, 6}, data}}, classes
	outputs.spec = Spec{Form: "nms", Classes: classes, Boxes: "b", Scores: "s", Labels: "l", Count: "n", FirstClass: 1, Columns: []string{"x0", "y0", "x1", "y1"}}
	outputs.labels = classes
	outputs.outs = []Output{{"b", []int{1, n, 4}, places}, {"s", []int{1, n}, scores}, {"l", []int{1, n}, labels}, {"n", []int{1}, []float32{count}}}
	return rows, outputs
}

// clipped is a reference box cut at the frame, and whether anything is left.
func (b rawBox) clipped(f Box) (rawBox, bool) {
	b.x0, b.y0, b.x1, b.y1 = max(b.x0, float64(f.X0)), max(b.y0, float64(f.Y0)), min(b.x1, float64(f.X1)), min(b.y1, float64(f.Y1))
	return b, b.x1 > b.x0 && b.y1 > b.y0
}

// overlaps is the reference's intersection over union.
func overlaps(a, b rawBox, turns bool) float64 {
	w, h := min(a.x1, b.x1)-max(a.x0, b.x0), min(a.y1, b.y1)-max(a.y0, b.y0)
	if w <= 0 || h <= 0 {
		return 0
	}
	if turns {
		return sampled(a.turned, b.turned)
	}
	return w * h / ((a.x1-a.x0)*(a.y1-a.y0) + (b.x1-b.x0)*(b.y1-b.y0) - w*h)
}

// sampled sums the lengths of lines through both to find the overlap of turned boxes.
func sampled(a, b quad) float64 {
	line := func(q quad, y float64) (low, high float64) {
		low, high = math.Inf(1), math.Inf(-1)
		for i, p := range q {
			if n := q[(i+1)%4]; (p.y-y)*(n.y-y) < 0 {
				x := p.x + (y-p.y)/(n.y-p.y)*(n.x-p.x)
				low, high = min(low, x), max(high, x)
			}
		}
		return low, high
	}
	both, either := 0.0, 0.0
	for y := -60.0; y < 130; y += .0613 {
		al, ah := line(a, y)
		bl, bh := line(b, y)
		in := max(0, min(ah, bh)-max(al, bl))
		both += in
		either += max(0, ah-al) + max(0, bh-bl) - in
	}
	return both / either
}

// scoreOf is the reference's score of a class, and the vector of all.
func (c *headCase) scoreOf(b rawBox, class int) float64 {
	switch {
	case b.class >= 0 && b.class != class:
		return 0
	case b.class >= 0:
		return b.object
	case c.spec.Form == "grid":
		return math.Pow(b.object, .6) * math.Pow(b.shares[class], .4)
	}
	return b.object * b.shares[class]
}

func cosineOf(a, b rawBox) float64 {
	if a.class >= 0 {
		if a.class == b.class {
			return 1
		}
		return 0
	}
	dot, p, q := 0.0, 0.0, 0.0
	for i, v := range a.shares {
		dot, p, q = dot+v*b.shares[i], p+v*v, q+b.shares[i]*b.shares[i]
	}
	return dot / math.Sqrt(p*q)
}

// reference is the best overlap times score, the similarity of D-RISE, and the best
// score of boxes that are not known, of a head's boxes.
func (c *headCase) reference(sought rawBox, class int, known []rawBox, kinds []int, iou float64, frame Box) (byClass, drise, unknown float64) {
	turns := c.spec.Angle
	for _, b := range c.boxes {
		b, ok := b.clipped(frame)
		if !ok {
			continue
		}
		o := overlaps(sought, b, turns)
		byClass = max(byClass, o*c.scoreOf(b, class))
		drise = max(drise, o*b.object*cosineOf(sought, b))
		var of []int // the classes that it makes boxes of
		switch {
		case b.class >= 0:
			of = []int{b.class}
		case c.spec.Form == "ssd":
			for k := range b.shares {
				if k != *c.spec.Background {
					of = append(of, k)
				}
			}
		default:
			of = []int{slices.Index(b.shares, slices.Max(b.shares))}
		}
		for _, k := range of {
			far := true
			for i, w := range known {
				far = far && (kinds[i] != k || overlaps(w, b, turns) <= iou)
			}
			if far {
				unknown = max(unknown, c.scoreOf(b, k))
			}
		}
	}
	return byClass, drise, unknown
}

// sameAs finds a box among the reference's.
func (c *headCase) sameAs(t *testing.T, b Box, frame Box) rawBox {
	t.Helper()
	for _, r := range c.boxes {
		k, ok := r.clipped(frame)
		if ok && math.Abs(k.x0-float64(b.X0))+math.Abs(k.y0-float64(b.Y0))+math.Abs(k.x1-float64(b.X1))+math.Abs(k.y1-float64(b.Y1)) < 1e-3 && math.Abs(c.scoreOf(k, b.Class)-float64(b.Score)) < 1e-3 {
			return k
		}
	}
	t.Fatalf("the reference has no box %+v", b)
	return rawBox{}
}

func numbersOf(outs []Output, reads []int) [][]float32 {
	var l [][]float32
	for _, i := range reads {
		l = append(l, outs[i].Data)
	}
	return l
}

// firstSought reads a head in the frame of the whole input: with what, of which numbers, and
// the first box that is found there.
func firstSought(t testing.TB, spec *Spec, outs []Output, least, iou float32, width, height int) (*Raw, [][]float32, *Sought) {
	t.Helper()
	found, err := spec.Find(outs, least, iou, width, height)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %d boxes, %v", spec.Form, len(found), err)
	}
	raw, err := spec.Raw(outs, width, height, Box{X1: float32(width), Y1: float32(height)})
	if err != nil {
		t.Fatalf("%s: %v", spec.Form, err)
	}
	numbers := numbersOf(outs, raw.Reads())
	s, err := raw.Seek(numbers, found[0])
	if err != nil {
		t.Fatalf("%s: %v", spec.Form, err)
	}
	return raw, numbers, s
}

// TestRawAgainstReference: what is read of all boxes of a head agrees with sums in float64
// that look at each box, on the outputs that the sought boxes are from and on others.
func TestRawAgainstReference(t *testing.T) {
	frame := Box{X0: 4, Y0: 2, X1: planeW - 6, Y1: planeH - 3}
	const iou = .3
	seen := map[string]int{}
	for seed := range uint64(6) {
		clean, other := headCases(rand.New(rand.NewPCG(seed, 1))), headCases(rand.New(rand.NewPCG(seed, 2)))
		for name, c := range clean {
			o := other[name]
			o.spec.Background = c.spec.Background
			least := float32(.25)
			found, err := c.spec.Find(c.outs, least, iou, planeW, planeH)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			found = Clip(found, frame.X0, frame.Y0, frame.X1, frame.Y1)
			raw, err := c.spec.Raw(c.outs, planeW, planeH, frame)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			outs := numbersOf(c.outs, raw.Reads())
			var known []*Sought
			var refs []rawBox
			var kinds []int
			for _, b := range found {
				s, err := raw.Seek(outs, b)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				known, refs, kinds = append(known, s), append(refs, c.sameAs(t, b, frame)), append(kinds, b.Class)
			}
			for _, at := range []headCase{c, o} {
				outs := numbersOf(at.outs, raw.Reads())
				for i, s := range known[:min(3, len(known))] {
					seen[name]++
					byClass, drise, unknown := at.reference(refs[i], kinds[i], refs, kinds, iou, frame)
					tolerance := 2e-5
					if c.spec.Angle {
						tolerance = .005 // of adding lines
					}
					got, _ := raw.Unknown(outs, known, iou, Place{})
					for what, pair := range map[string][2]float64{"best": {float64(raw.Best(outs, s)), byClass}, "D-RISE": {float64(raw.DRISE(outs, s)), drise}, "unknown": {float64(got), unknown}} {
						if c.spec.Angle && what == "unknown" {
							continue // on which side of a threshold a box is, lines do not tell
						}
						if !(math.Abs(pair[0]-pair[1]) <= tolerance) {
							t.Errorf("%s, seed %d, box %d: %s is %v, want %v", name, seed, i, what, pair[0], pair[1])
						}
					}
				}
			}
		}
	}
	for name := range headCases(rand.New(rand.NewPCG(0, 1))) {
		if seen[name] < 6 {
			t.Errorf("%s: %d boxes looked at", name, seen[name])
		}
	}
}

// TestRawSkipsExactly: boxes that are passed over change no bit of what comes out, nor
// does where the search begins, also among numbers that are none.
func TestRawSkipsExactly(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 3))
		for name, c := range headCases(r) {
			raw, _, s := firstSought(t, &c.spec, c.outs, .25, .3, planeW, planeH)
			other := headCases(r)[name]
			for _, o := range other.outs { // hostile numbers
				for range len(o.Data) / 20 {
					o.Data[r.IntN(len(o.Data))] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 7, -3}[r.IntN(5)]
				}
			}
			outs := numbersOf(other.outs, raw.Reads())
			best, drise, unknown := float32(0), float32(0), float32(0)
			for k := range raw.planes {
				b := raw.of(&raw.planes[k], outs)
				for i := range b.n {
					x, q, ok := b.box(i)
					if !ok {
						continue
					}
					best = max(best, above(raw.overlap(s, x, q)*raw.score(b.object(i), b.share(i, s.Class))))
					drise = max(drise, above(raw.overlap(s, x, q)*b.object(i)*b.cosine(s, i)))
					own, _ := b.best(i)
					for class := range 16 { // chosen boxes may say any
						if class != own && !raw.each || class == b.background || !b.chosen && class >= b.classes {
							continue
						}
						if v := raw.score(b.object(i), b.share(i, class)); v > unknown && !(class == s.Class && raw.overlap(s, x, q) > .3) {
							unknown = v
						}
					}
				}
			}
			if got := raw.Best(outs, s); math.Float32bits(got) != math.Float32bits(best) {
				t.Errorf("%s, seed %d: best %v, of all boxes %v", name, seed, got, best)
			}
			if got := raw.DRISE(outs, s); math.Float32bits(got) != math.Float32bits(drise) {
				t.Errorf("%s, seed %d: D-RISE %v, of all boxes %v", name, seed, got, drise)
			}
			for n := range 40 {
				from := Place{r.IntN(len(raw.planes)), 0, r.IntN(5)}
				if from.box = r.IntN(raw.planes[from.plane].n); n < 20 && raw.each {
					from.class = raw.planes[0].background
				}
				if got, at := raw.Unknown(outs, []*Sought{s}, .3, from); math.Float32bits(got) != math.Float32bits(unknown) {
					t.Errorf("%s, seed %d: unknown %v at %v from %v, of all boxes %v", name, seed, got, at, from, unknown)
				}
			}
		}
	}
}

// TestRawAllocatesNothing: positions are many.
func TestRawAllocatesNothing(t *testing.T) {
	for name, c := range headCases(rand.New(rand.NewPCG(1, 1))) {
		raw, outs, s := firstSought(t, &c.spec, c.outs, .25, .3, planeW, planeH)
		known, place := []*Sought{s}, Place{}
		if n := testing.AllocsPerRun(10, func() {
			raw.Best(outs, s)
			raw.DRISE(outs, s)
			_, place = raw.Unknown(outs, known, .3, place)
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestSeekOthers: a box of other outputs is not found.
func TestSeekOthers(t *testing.T) {
	for name, c := range headCases(rand.New(rand.NewPCG(4, 1))) {
		raw, err := c.spec.Raw(c.outs, planeW, planeH, Box{X1: planeW, Y1: planeH})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := raw.Seek(numbersOf(c.outs, raw.Reads()), Box{X0: 1, Y0: 2, X1: 3.5, Y1: 4.25}); err == nil {
			t.Errorf("%s: a box that is not there was found", name)
		}
	}
}

// BenchmarkRaw reads the head of a YOLOv8 at 640 by 640, by far the largest of the common
// ones, and UltraFace's.
func BenchmarkRaw(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, c := range []struct {
		n, classes int
		spec       Spec
	}{{8400, 80, Spec{Form: "yolov8"}}, {8400, 80, Spec{Form: "yolov8", Activation: "sigmoid"}}, {4420, 2, Spec{Form: "ssd", Scores: "s", Boxes: "b", Corners: true, Relative: true}}} {
		var outs []Output
		scores := make([]float32, c.n*c.classes)
		for i := range scores {
			scores[i] = r.Float32() * .01
		}
		if c.spec.Activation != "" {
			for i := range scores {
				scores[i] = float32(r.NormFloat64() - 6)
			}
		}
		places := make([]float32, 4*c.n)
		for i := range places {
			places[i] = r.Float32() * 300
		}
		if c.spec.Form == "ssd" {
			for i := range c.n {
				x, y := r.Float32()*.8, r.Float32()*.8
				copy(places[4*i:], []float32{x, y, x + .1, y + .2})
			}
			scores[1] = .9
			outs = []Output{{"s", []int{1, c.n, c.classes}, scores}, {"b", []int{1, c.n, 4}, places}}
		} else {
			scores[3*c.n+100] = .9
			outs = []Output{{"o", []int{1, 4 + c.classes, c.n}, append(places, scores...)}}
		}
		raw, in, s := firstSought(b, &c.spec, outs, .5, .45, 640, 640)
		_, place := raw.Unknown(in, []*Sought{s}, .45, Place{})
		for name, f := range map[string]func(){"best": func() { raw.Best(in, s) }, "drise": func() { raw.DRISE(in, s) }, "unknown": func() { raw.Unknown(in, []*Sought{s}, .45, place) }} {
			b.Run(fmt.Sprintf("%s%s/%s", c.spec.Form, c.spec.Activation, name), func(b *testing.B) {
				for b.Loop() {
					f()
				}
			})
		}
	}
}
