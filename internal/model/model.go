package model

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"krypton/internal/detect"
	"krypton/internal/failure"
	"krypton/internal/graph"
	"krypton/internal/imagein"
	"krypton/internal/incremental"
	"krypton/internal/labels"
	"krypton/internal/prediction"
)

// Preparation says how pictures are prepared for a network, and what its classes are
// called, where that is not left to the model.
type Preparation struct {
	// Labels is a file of names of classes, "" for the model's own.
	Labels string
	// Activation says that the model's own is taken.
	Activation bool
	// Preset names a preprocessing, "" for the usual one; what else is not zero stands in
	// the place of its parts.
	Preset, Order, Resize, Interpolation string
	Mean, Std                            []float64
	Scale, Crop                          float64
	// Pad is the gray that letterboxes have around pictures, 0 to 255.
	Pad int
	// View says which of a picture's own numbers are black and white.
	View imagein.View
	// Said are those of these settings that somebody made, and no metadata of the model.
	Said []failure.Setting
	// With says how the pictures of inputs that are joined to the picture's are prepared.
	With []With
	// Notes are what there is to say already.
	Notes []string
}

// What is wrong with a Preparation.
var (
	// ErrPreset: no preset has the name.
	ErrPreset = errors.New("preset")
	// ErrPad: it is no gray.
	ErrPad = errors.New("pad")
	// ErrNoOutput: the network has none of the name.
	ErrNoOutput = errors.New("output")
	// ErrBlack: nothing says which whole number is black.
	ErrBlack = errors.New("black is not known")
	// ErrRange: the input's whole numbers cannot be what pixels become.
	ErrRange = errors.New("the range of pixels does not fit")
)

// Model is a model ready to run.
type Model struct {
	File   *File
	Graph  *graph.Graph
	Plan   *incremental.Plan
	Second *incremental.Plan // in another precision, nil if there is no need of it
	// Program is what other devices make their own plan of, nil if there is no need of it.
	Program *incremental.Program
	// Labels are names of classes, nil if there are none.
	Labels []string
	// Pre is how pictures are prepared, from the preset Preset.
	Pre    *imagein.Preprocess
	Preset string
	// NoPictures says why the network cannot read pictures, but only tensors.
	NoPictures error
	// Planes are the inputs that read pictures, the picture's own first.
	Planes []Plane
	// Own says that the activation is that of the model's file.
	Own bool
	// Bound are the values of other inputs than the picture's.
	Bound []Bound
	Notes []string // what is doubtful about it

	network *Network
	plans   *Plans
}

// Prepare makes a network with its plans ready for pictures.
func (n *Network) Prepare(made *Plans, p Preparation) (*Model, error) {
	g := n.Graph
	m := &Model{File: n.File, Graph: g, Plan: made.First, Second: made.Second, Program: made.Program, Own: p.Activation && n.File.Config.Activation != "", Preset: p.Preset, Bound: slices.Clone(n.opt.Bound), network: n, plans: made}
	for _, b := range g.Facts.Bound {
		m.Bound = append(m.Bound, Bound{Input: b.Name, Value: strings.Trim(fmt.Sprint(b.Values), "[]")})
	}
	m.Notes = append(m.Notes, p.Notes...)
	var err error
	if m.Labels, err = n.Labels(p.Labels); err != nil {
		return nil, err
	}
	m.tellLeft()
	for i, l := range m.Labels {
		m.Labels[i] = labels.OneLine(l)
	}
	if m.Preset == "" {
		m.Preset = m.usualPreset()
	}
	return m, m.prepare(p)
}

// prepare finds out how pictures are prepared, for each input that reads some.
func (m *Model) prepare(p Preparation) error {
	m.Planes = m.planes()
	for i := range m.Planes {
		plane, how := &m.Planes[i], p
		if i > 0 {
			var err error
			if how, err = p.of(m.File, plane); err != nil {
				return err
			}
		}
		plane.Said = how.Said
		said := how.Mean != nil || how.Std != nil || how.Scale != 0 || how.Preset != ""
		if how.Preset == "" {
			how.Preset = m.Preset
		}
		if err := m.preprocess(plane, how, said); err != nil && i > 0 {
			return p.blamed(m.File, plane, err)
		} else if err != nil {
			return err
		}
		if first := m.Planes[0].Pre; i > 0 { // it shows the same place
			plane.Pre.Resize, plane.Pre.CropFraction, plane.Pre.Interpolation, plane.Pre.Pad = first.Resize, first.CropFraction, first.Interpolation, first.Pad
		}
	}
	m.Pre, m.NoPictures = m.Planes[0].Pre, m.Planes[0].NoPictures
	return nil
}

// preprocess finds out how the pictures of one input are prepared. said says that
// somebody has said how pixels become numbers.
func (m *Model) preprocess(plane *Plane, p Preparation, said bool) error {
	pre, err := imagein.Preset(p.Preset)
	if err != nil {
		return failure.Mark(failure.As(failure.Usage, err), ErrPreset)
	}
	// A single field overrides its preset.
	if p.Mean != nil {
		pre.Mean = p.Mean
	}
	if p.Std != nil {
		pre.Std = p.Std
	}
	if p.Scale != 0 {
		pre.Scale = p.Scale
	}
	if p.Order != "" {
		pre.Order = p.Order
	}
	if p.Resize != "" {
		pre.Resize = p.Resize
	}
	if p.Crop != 0 {
		pre.CropFraction = p.Crop
	}
	pre.Interpolation = p.Interpolation
	if p.Pad < 0 || p.Pad > 255 {
		return failure.Mark(failure.Usagef("pad is %d, want a gray of 0 to 255", p.Pad), ErrPad)
	}
	pre.Pad = uint8(p.Pad)
	if pre.View, err = m.view(p); err != nil {
		return err
	}
	if plane.C != 3 && len(pre.Mean) == 3 && p.Mean == nil { // a preset for colour on a gray network
		pre.Mean, pre.Std = perChannel(pre.Mean, plane.C), perChannel(pre.Std, plane.C)
	}
	if plane.H*plane.W == 1 {
		in := &m.Graph.Values[m.Graph.Inputs[0]]
		if s := in.Info.Shape; len(s) == 4 && s[0] > 1 {
			return failure.Dataf("model %s: input %q of shape %v holds %d pictures: export the model for one, or with that dimension open", m.File.Name, in.Name, s, s[0])
		}
		if s := in.Info.Shape; len(s) == 2 && s[0] == 1 {
			return failure.Dataf("model %s: input %q of shape %v is no picture; as a series of one channel its layout is nt", m.File.Name, in.Name, s)
		}
		return failure.Dataf("model %s: input %q of shape %v is no picture", m.File.Name, in.Name, in.Info.Shape)
	}
	if err := pre.Validate(plane.C); err != nil {
		if plane.C == 1 || plane.C == 3 {
			return failure.Usagef("preprocessing: %w", err)
		}
		give := ".npy tensors"
		if _, ok := m.Series(); ok {
			give += ", or recordings"
		}
		plane.NoPictures = failure.Dataf("model %s: %w; give it %s", m.File.Name, err, give)
	}
	plane.Pre = &pre
	if err := m.wholePixels(&pre, plane.C, said); err != nil && plane.NoPictures == nil {
		return err
	}
	return nil
}

// view is what a preparation has for one. The frames of videos have eight bits when they
// come: a model that wants a window cannot have one there.
func (m *Model) view(p Preparation) (imagein.View, error) {
	if p.View == (imagein.View{}) && m.File.Config.Preprocess["window"] != nil {
		return p.View, failure.Usagef("the model's preprocessing has a window: it is for pictures, frames of videos are read in eight bits")
	}
	return p.View, nil
}

// tellLeft notes what the loader did otherwise than the file says, and that the output
// that would have been taken cannot be made.
func (m *Model) tellLeft() {
	f := &m.Graph.Facts
	for i, note := range f.Notes {
		if more := len(f.Notes) - i; i == 2 && more > 1 {
			m.Notes = append(m.Notes, fmt.Sprintf("and %d more nodes likewise", more))
			break
		}
		m.Notes = append(m.Notes, note)
	}
	if m.network.opt.Output != "" || len(f.Left) == 0 || len(f.Outputs) == 0 {
		return
	}
	first := f.Outputs[0].Name
	if i := slices.IndexFunc(f.Left, func(u graph.Unmade) bool { return u.Name == first }); i >= 0 {
		m.Notes = append(m.Notes, fmt.Sprintf("output %q cannot be made (%s): the scores are those of %q", first, f.Left[i].Why, m.Plan.Outputs()[0]))
	}
}

// Output is the index of the output that holds the scores.
func (m *Model) Output() (int, error) {
	names := m.Plan.Outputs()
	if m.network.opt.Output == "" {
		return 0, nil
	}
	if i := slices.Index(names, m.network.opt.Output); i >= 0 {
		return i, nil
	}
	return 0, failure.Mark(failure.As(failure.Usage, errors.New("output "+strconv.Quote(m.network.opt.Output)+": the model has "+strings.Join(names, ", "))), ErrNoOutput)
}

// ScoreOutput is Output, but where nobody names one and the first is one number that is no
// score, such as that of the best class: then it is the only one that may hold scores of
// several classes; or where the first has another number of classes than there are names,
// and one output alone has that. The note says so. Where there is more than one, or an
// output that is no row, as the boxes of a detector are, it is the first.
func (m *Model) ScoreOutput() (output int, note string, err error) {
	c := m.File.Config
	if output, err = m.Output(); err != nil || m.network.opt.Output != "" || c.Detector != nil || m.File.Says.Head != nil || c.Value != nil || c.Values != nil {
		return output, "", err
	}
	first, shape := prediction.Numbers(m.Plan, output), m.Plan.OutputShape(output)
	if shape == nil || first == 0 && !prediction.OneNumber(shape) || first > 0 && (len(m.Labels) < 2 || first == len(m.Labels)) {
		return output, "", nil
	}
	names, found := m.Plan.Outputs(), -1
	for i := range names {
		if _, row := prediction.Row(m.Plan.OutputShape(i)); !row || m.Plan.OutputShape(i) == nil {
			return output, "", nil
		}
		switch n := prediction.Numbers(m.Plan, i); {
		case n < 2, first > 0 && n != len(m.Labels):
		case found >= 0:
			return output, "", nil
		default:
			found = i
		}
	}
	if found < 0 {
		return output, "", nil
	}
	why := "is no row of scores"
	if first > 0 {
		why = fmt.Sprintf("is not of %d classes, as there are names", len(m.Labels))
	}
	return found, fmt.Sprintf("output %q of shape %v %s: they are taken from %q of shape %v", names[output], shape, why, names[found], m.Plan.OutputShape(found)), nil
}

// Outputs are the network's outputs without numbers.
func (m *Model) Outputs() []detect.Output { return OutputsOf(m.Plan) }

// Detector is Network.Detector, of which it is known that it fits the outputs, with the
// number of classes in it.
func (m *Model) Detector() (*detect.Spec, error) {
	spec, err := m.network.Detector(m.Plan, len(m.Labels))
	if err != nil || spec == nil {
		return nil, err
	}
	plane := m.Plan.InputPlane()
	if spec, err = spec.Fit(m.Outputs(), len(m.Labels), plane.W, plane.H); err != nil {
		where := m.File.Where
		if m.File.Config.Detector == nil {
			where = "model " + m.File.Name + ", as its metadata have it"
		}
		return nil, failure.Dataf("%s: detector: %w", where, err)
	}
	return spec, nil
}

// DescribeHead says, to be put behind an error, how a detector's head would be described, if
// an output may belong to one: "" for a single number.
func (m *Model) DescribeHead(output int) string {
	if prediction.OneNumber(m.Plan.OutputShape(output)) {
		return ""
	}
	advice := "'detector:'"
	if l := detect.Suggest(m.Plan.OutputShape(output), len(m.Labels)); len(l) > 0 {
		advice = "'" + strings.Join(l, "' or '") + "'"
	}
	return fmt.Sprintf("; if it is a detector's head, describe it as %s in %s (see docs/video.md)", advice, m.File.Where)
}

// Label is a class's name, "" if it has none.
func (m *Model) Label(class int) string {
	if class < len(m.Labels) {
		return m.Labels[class]
	}
	if v := m.File.Config.Value; v != nil && len(m.Labels) == 0 {
		return v.Name
	}
	return ""
}

// Identity stands for the model, its configuration, its names of classes and the values
// of its other inputs.
func (m *Model) Identity() string {
	h := sha256.New()
	fmt.Fprintf(h, "%s\n%s\n%q\n%q", m.File.SHA256, m.File.ConfigSHA256, m.Labels, m.Bound)
	return hex.EncodeToString(h.Sum(nil))
}
