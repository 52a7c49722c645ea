package dicom

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Window makes brightness of a frame's numbers (PS3.3 C.11.2).
type Window struct {
	Center, Width float64
	// Function is LINEAR, LINEAR_EXACT, SIGMOID or TABLE.
	Function string

	name  string // the file's, never told
	table *table
}

// table is a lookup table of C.11: numbers from first on.
type table struct {
	first   float64
	bits    int
	entries []uint16
}

// at is what the table has for a number; the first and the last entry hold for all beyond
// them.
func (t *table) at(v float64) float64 {
	i := math.Floor(v - t.first)
	return float64(t.entries[int(min(max(i, 0), float64(len(t.entries)-1)))])
}

// within fails where an entry has more bits than the table says: how bright it is nobody knows.
func (t *table) within() error {
	if most := slices.Max(t.entries); int(most)>>t.bits > 0 {
		return fmt.Errorf("damaged: an entry of %d, entries have %d bits", most, t.bits)
	}
	return nil
}

// tableOf reads a table: descriptor and data. signed is what the first number is where the
// file leaves it open.
func tableOf(d dataset, signed bool) (*table, error) {
	desc, data := d[tagLUTDescriptor], d[tagLUTData]
	if len(desc.value) < 6 {
		return nil, errors.New("damaged: no descriptor")
	}
	o := desc.coding.order
	n, first := int(o.Uint16(desc.value)), o.Uint16(desc.value[2:])
	t := &table{first: float64(first), bits: int(o.Uint16(desc.value[4:]))}
	if n == 0 {
		n = 1 << 16
	}
	if desc.vr == "SS" || signed && first >= 1<<15 {
		t.first = float64(int16(first))
	}
	if t.bits < 1 || t.bits > 16 {
		return nil, fmt.Errorf("damaged: entries of %d bits", t.bits)
	}
	switch {
	case len(data.value) >= 2*n:
		t.entries = make([]uint16, n)
		for i := range t.entries {
			t.entries[i] = data.coding.order.Uint16(data.value[2*i:])
		}
	case len(data.value) >= n && t.bits <= 8:
		t.entries = make([]uint16, n)
		swap := data.coding == explicitBig && data.kind() == "OW" && len(data.value) >= n+n&1
		for i := range t.entries {
			at := i
			if swap {
				at ^= 1
			}
			t.entries[i] = uint16(data.value[at])
		}
	default:
		return nil, fmt.Errorf("%w: %d entries in %d bytes", errShort, n, len(data.value))
	}
	return t, nil
}

// maxWindows bounds those that are kept.
const maxWindows = 256

// windows are those that the file has, and its tables.
func (d dataset) windows(p *Frame) ([]Window, error) {
	var all []Window
	centers, widths := d.numbers(tagWindowCenter, maxWindows), d.numbers(tagWindowWidth, maxWindows)
	names := strings.Split(d.text(tagWindowName), `\`)
	function := d.text(tagVOIFunction)
	if function == "" {
		function = "LINEAR"
	}
	for i := range min(len(centers), len(widths)) {
		w := Window{Center: centers[i], Width: widths[i], Function: function}
		if i < len(names) {
			w.name = strings.TrimSpace(names[i])
		}
		if err := w.check(); err != nil {
			p.Notes = append(p.Notes, fmt.Sprintf("the file's window %d is passed over: %v", i+1, err))
			continue
		}
		all = append(all, w)
	}
	if len(centers) != len(widths) {
		p.Notes = append(p.Notes, "the file's windows have no center each, or no width")
	}
	e, ok := d[tagVOILUT]
	if !ok {
		return all, nil
	}
	least, _ := p.Range()
	var wrong error
	err := e.items(func(_ int, item []byte) bool {
		in := datasetOf(item, e.coding)
		t, err := tableOf(in, p.Modality == "" && p.file.signed || p.Modality != "" && p.Modality != "table" && least < 0)
		if err == nil {
			err = t.within()
		}
		if err != nil {
			wrong = err
			return true
		}
		all = append(all, Window{Function: "TABLE", name: in.text(tagLUTName), table: t})
		return len(all) < maxWindows
	})
	if err = errors.Join(err, wrong); err != nil {
		p.Notes = append(p.Notes, fmt.Sprintf("a table of the file's windows is passed over: %v", err))
	}
	return all, nil
}

// check says whether a window's numbers make sense.
func (w *Window) check() error {
	least := 0.
	switch w.Function {
	case "LINEAR":
		least = 1
	case "LINEAR_EXACT", "SIGMOID":
		least = math.SmallestNonzeroFloat64
	case "TABLE":
		return nil
	default:
		return errors.New("a function that PS3.3 does not have")
	}
	if !(w.Width >= least) || math.IsInf(w.Width, 0) || math.IsInf(w.Center, 0) || w.Center != w.Center {
		return fmt.Errorf("width %g: want %s", w.Width, map[bool]string{true: "1 or more", false: "more than 0"}[least == 1])
	}
	return nil
}

// Level is a number's brightness, from 0 for black to 1 for white, before inversion.
func (w *Window) Level(v float64) float64 {
	switch w.Function {
	case "TABLE":
		return w.table.at(v) / (math.Exp2(float64(w.table.bits)) - 1)
	case "SIGMOID":
		return 1 / (1 + math.Exp(-4*(v-w.Center)/w.Width))
	case "LINEAR_EXACT":
		return min(max((v-w.Center)/w.Width+.5, 0), 1)
	}
	switch c, width := w.Center-.5, w.Width-1; {
	case v <= c-width/2:
		return 0
	case v > c+width/2:
		return 1
	default:
		return (v-c)/width + .5
	}
}

// Bounds are about the numbers of black and of white, before inversion.
func (w *Window) Bounds() (black, white float64) {
	switch w.Function {
	case "TABLE":
		return w.table.first, w.table.first + float64(len(w.table.entries)-1)
	case "LINEAR":
		return w.Center - .5 - (w.Width-1)/2, w.Center - .5 + (w.Width-1)/2
	}
	return w.Center - w.Width/2, w.Center + w.Width/2
}

// String says what a window does, without the file's words.
func (w *Window) String() string {
	if w.Function == "TABLE" {
		return fmt.Sprintf("a table of %d entries", len(w.table.entries))
	}
	return fmt.Sprintf("center %g, width %g, %s", w.Center, w.Width, w.Function)
}

// Range is the least and the greatest number of a frame, 0 and 0 where it has none.
func (p *Frame) Range() (least, most float64) {
	least, most = math.Inf(1), math.Inf(-1)
	for _, v := range p.Pix {
		if v == v {
			least, most = min(least, float64(v)), max(most, float64(v))
		}
	}
	if least > most {
		return 0, 0
	}
	return least, most
}

// fromTo is the window from one number to another.
func fromTo(least, most float64) Window {
	if least == most {
		most = least + 1
	}
	return Window{Center: (least + most) / 2, Width: most - least, Function: "LINEAR_EXACT"}
}

// Own is the window that shows a frame where nobody chose one, and a note if the file has
// none: its first, else all that numbers of up to eight bits can be, or the range of
// those that there are.
func (p *Frame) Own() (Window, string) {
	if len(p.Windows) > 0 {
		return p.Windows[0], ""
	}
	if p.file.stored <= 8 && !p.file.floats && p.Modality == "" {
		least := 0.
		if p.file.signed {
			least = -math.Exp2(float64(p.file.stored - 1))
		}
		return fromTo(least, least+math.Exp2(float64(p.file.stored))-1), ""
	}
	least, most := p.Range()
	return fromTo(least, most), fmt.Sprintf("the file has no window: black and white are its least and greatest number, %g and %g", least, most)
}

// Full is the window of all numbers of a frame.
func (p *Frame) Full() Window { return fromTo(p.Range()) }

// Given is a window of two numbers.
func Given(center, width float64) (Window, error) {
	w := Window{Center: center, Width: width, Function: "LINEAR"}
	return w, w.check()
}

// Named is one of the file's windows, by its number from 1 on, or by its name.
func (p *Frame) Named(name string) (Window, error) {
	if n, err := strconv.Atoi(name); err == nil {
		if n < 1 || n > len(p.Windows) {
			return Window{}, fmt.Errorf("there is no window %d: the file has %s", n, p.listWindows())
		}
		return p.Windows[n-1], nil
	}
	i := slices.IndexFunc(p.Windows, func(w Window) bool { return w.name != "" && strings.EqualFold(w.name, name) })
	if i < 0 {
		return Window{}, fmt.Errorf("no window has that name: the file has %s", p.listWindows())
	}
	return p.Windows[i], nil
}

// listWindows says which windows a file has.
func (p *Frame) listWindows() string {
	if len(p.Windows) == 0 {
		return "none"
	}
	var texts []string
	for i, w := range p.Windows[:min(len(p.Windows), 8)] {
		texts = append(texts, fmt.Sprintf("%d (%s)", i+1, w.String()))
	}
	return strings.Join(texts, ", ")
}
