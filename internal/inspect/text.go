package inspect

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"krypton/internal/explain"
	"krypton/internal/labels"
	"krypton/internal/number"
)

// Text lays the report out for people.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "model         %s\nsha256        %s\n", r.Model, r.SHA256)
	fmt.Fprintf(&b, "made by       %s (IR version %d, operator set %d)\n", strings.TrimSpace(r.Facts.Producer), r.Facts.IRVersion, r.Facts.Opset)
	for _, d := range r.Facts.Inputs {
		fmt.Fprintf(&b, "input         %s %s [%s]", d.Name, d.Elem, strings.Join(d.Dims, " "))
		if d.Name == r.picture {
			fmt.Fprintf(&b, ", run as %dx%d pixels of %d channels", r.Input[0], r.Input[1], r.Input[2])
		}
		b.WriteByte('\n')
	}
	for _, o := range r.Outputs {
		fmt.Fprintf(&b, "output        %s %v\n", o.Name, o.Shape)
	}
	for _, i := range r.Facts.Bound {
		fmt.Fprintf(&b, "bound         %s = %v, by its name\n", i.Name, i.Values)
	}
	for _, u := range r.Facts.Left {
		fmt.Fprintf(&b, "not made      %s: %s\n", u.Name, cmp.Or(u.Why, "not asked for"))
	}
	for _, note := range r.Facts.Notes {
		fmt.Fprintf(&b, "note          %s\n", note)
	}
	if n := len(r.Facts.Labels); n > 0 {
		fmt.Fprintf(&b, "labels        %d in the graph: %s\n", n, strings.Join(r.Facts.Labels[:min(n, 8)], ", "))
	}
	fmt.Fprintf(&b, "nodes         %d in the file, %d folded into constants\n", r.Facts.Nodes, r.Facts.Folded)
	if len(r.Facts.Converted) > 0 {
		fmt.Fprintf(&b, "converted     %s to float32\n", strings.Join(r.Facts.Converted, ", "))
	}
	for _, key := range slices.Sorted(maps.Keys(r.Facts.Metadata)) {
		fmt.Fprintf(&b, "metadata      %s = %s\n", key, labels.Shortened(r.Facts.Metadata[key]))
	}
	for _, v := range r.Settings {
		fmt.Fprintf(&b, "setting       %s = %s (%s)\n", v.Key, v.Value, v.From)
	}
	if r.Detector != nil {
		fmt.Fprintf(&b, "detector      form %s, %d classes\n", r.Detector.Form, r.Detector.Classes)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note          %s\n", n)
	}
	r.writeCosts(&b)
	b.WriteByte('\n')
	r.writeSteps(&b)
	return b.String()
}

// writeCosts writes what runs and patches take.
func (r *Report) writeCosts(b *strings.Builder) {
	fmt.Fprintf(b, "parameters    %d\nmultiply-adds %.4g for a whole run\nviews         %.1f MiB\n", r.Facts.Parameters, float64(r.Whole), float64(r.ViewBytes)/(1<<20))
	fmt.Fprintf(b, "one core      %s ms expected for a whole run", number.Milliseconds(r.Predicted))
	if r.Patch != nil {
		fmt.Fprintf(b, ", %s ms for the patch at the centre", number.Milliseconds(r.Patch.Predicted))
	}
	b.WriteByte('\n')
	fmt.Fprintf(b, "operators     %s\n", counts(r.Operators))
	fmt.Fprintf(b, "locality      %s\n", counts(r.Localities))
	if p := r.Patch; p != nil {
		fmt.Fprintf(b, "patch         %dx%d, stride %dx%d: %d positions, %.4g multiply-adds each on the mean (%s times fewer), %.4g at the centre, %d KiB\n",
			p.Patch[0], p.Patch[1], p.Stride[0], p.Stride[1], p.Positions, p.Mean, p.Speedup.Text("%.2f", 1), float64(p.Centre), p.Bytes>>10)
		fmt.Fprintf(b, "predicted     %.2g s for a map on %d threads\n", p.Seconds, p.Threads)
		if p.Global != nil {
			fmt.Fprintf(b, "note          %s\n", explain.GlobalText(p.Global))
		}
	}
}

// writeSteps writes the table of steps.
func (r *Report) writeSteps(b *strings.Builder) {
	w := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	head := "step\toperator\tlocality\talgorithm\toutput\twhole\tms"
	if r.Patch != nil {
		head += "\tregion (centre)\tincremental\tshare\tms"
	}
	fmt.Fprintln(w, head)
	for _, s := range r.Steps {
		name := s.Node
		if len(name) > 48 {
			name = name[:47] + "…"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%dx%dx%d\t%.3g\t%s", name, s.Operator, s.Locality, s.Algorithm, s.Plane[0], s.Plane[1], s.Plane[2], float64(s.Whole), number.Milliseconds(s.PredictedWhole))
		if r.Patch != nil {
			fmt.Fprintf(w, "\t%s\t%.3g\t%s\t%s", s.Region, float64(s.Incremental), number.Ratio(float64(s.Incremental), float64(s.Whole)).Text("%.0f%%", 100), number.Milliseconds(s.Predicted))
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush() // a strings.Builder does not fail
}

func counts(m map[string]int) string {
	names := slices.Sorted(maps.Keys(m))
	for i, n := range names {
		names[i] = fmt.Sprintf("%s %d", n, m[n])
	}
	return strings.Join(names, ", ")
}
