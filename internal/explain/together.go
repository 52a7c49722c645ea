package explain

import (
	"context"
	"image"

	"krypton/internal/failure"
	"krypton/internal/model"
)

// WithRecord is an input that was covered together with the picture's, or held beside it.
type WithRecord struct {
	Input  string `json:"input"`
	Image  string `json:"image"`
	SHA256 string `json:"sha256"`
	// Fill is what its patches were painted with, model.NoFill where it was held.
	Fill     string `json:"fill"`
	Size     [2]int `json:"size"`
	Channels int    `json:"channels"`
	// Preprocess is how its picture became the network's input.
	Preprocess map[string]any `json:"preprocess"`
}

// together is a picture with those of the inputs that are joined to the picture's.
type together struct {
	fileKind
	model *model.Model
	parts []*Input // of model.Planes
	fills []namedFill
}

// readAll reads the picture, and those of the inputs that are joined to its.
func (r *Reader) readAll(ctx context.Context, from Source, with []Source) (*Input, error) {
	planes := r.model.Planes
	if len(with) != len(planes)-1 {
		return nil, failure.Dataf("the network reads %d pictures together, %d are given", len(planes), 1+len(with))
	}
	in, err := r.read(ctx, &planes[0], from)
	if err != nil || len(with) == 0 {
		return in, err
	}
	k := &together{fileKind: in.kind, model: r.model, parts: []*Input{in}, fills: make([]namedFill, len(planes))}
	for i := range with {
		plane := &planes[i+1]
		if f := plane.Fill; f != "" && f != model.NoFill {
			own, err := parseFills([]Fill{Fill(f)}, r.seed)
			if err != nil {
				return nil, err
			}
			k.fills[i+1] = own[0]
		}
		part, err := r.read(ctx, plane, with[i])
		if err != nil {
			return nil, err
		}
		if a, b := in.Backdrop.Image().Rect.Size(), part.Backdrop.Image().Rect.Size(); !alike(a, b) && !in.asIs() && !part.asIs() {
			return nil, failure.Dataf("%s has %dx%d pixels, %s %dx%d: pictures of the same place have the same shape", with[i].Called, b.X, b.Y, from.Called, a.X, a.Y)
		}
		k.parts = append(k.parts, part)
	}
	whole := &Input{Backdrop: in.Backdrop, SHA256: in.SHA256, DICOM: in.DICOM, model: r.model, plane: in.plane, source: from, kind: k, notes: in.notes, together: k}
	numbers := make([][]float32, len(k.parts))
	for i, part := range k.parts {
		numbers[i] = part.base
		if i > 0 {
			for _, n := range part.notes {
				whole.notes = append(whole.notes, part.source.Called+": "+n)
			}
		}
	}
	whole.base = k.join(numbers)
	for _, f := range r.fills {
		if _, err := whole.fill(f); err != nil {
			return nil, pictureError(err)
		}
	}
	return whole, nil
}

// alike says whether two pictures have one shape, but for a pixel of rounding.
func alike(a, b image.Point) bool {
	return max(a.X*b.Y-a.Y*b.X, a.Y*b.X-a.X*b.Y) <= max(a.X, a.Y, b.X, b.Y)
}

// asIs says that the file held the network's input as it is.
func (in *Input) asIs() bool {
	_, ok := in.kind.(*plainTensor)
	return ok
}

// join lays the numbers of all inputs one behind the other, pixel by pixel.
func (k *together) join(numbers [][]float32) []float32 {
	whole := k.model.Plan.InputPlane()
	joined := make([]float32, whole.Len())
	for i, p := range k.model.Planes {
		for y := range whole.H {
			for x := range whole.W {
				at := ((y/p.Ratio)*p.W + x/p.Ratio) * p.C
				copy(joined[(y*whole.W+x)*whole.C+p.From:][:p.C], numbers[i][at:at+p.C])
			}
		}
	}
	return joined
}

// fillOf is what patches of an input are painted with where the picture's fill is f.
func (k *together) fillOf(i int, f namedFill) namedFill {
	if k.fills[i].name != "" {
		return k.fills[i]
	}
	return f
}

// fill implements fileKind.
func (k *together) fill(_ *model.Plane, f namedFill) (filled, error) {
	var out filled
	numbers := make([][]float32, len(k.parts))
	for i, part := range k.parts {
		if part.plane.Fill == model.NoFill {
			numbers[i] = part.base
			continue
		}
		made, err := part.fill(k.fillOf(i, f))
		if err != nil {
			return filled{}, err
		}
		if numbers[i] = made.numbers; i == 0 {
			out.note = made.note
		}
	}
	out.numbers = k.join(numbers)
	return out, nil
}

// records say which inputs were covered besides the picture's, and how.
func (k *together) records(fills []Fill) []WithRecord {
	var all []WithRecord
	for _, part := range k.parts[1:] {
		p := part.plane
		r := WithRecord{Input: p.Input, Image: part.source.Name, SHA256: part.SHA256, Size: [2]int{p.H, p.W}, Channels: p.C, Preprocess: part.Preprocessed(), Fill: p.Fill}
		if p.Fill == "" {
			r.Fill = fillNames(fills, ",")
		}
		all = append(all, r)
	}
	return all
}

// WithSHA256 are the digests of the pictures of the inputs that are joined to the picture's.
func (in *Input) WithSHA256() []string {
	if in.together == nil {
		return nil
	}
	var sums []string
	for _, part := range in.together.parts[1:] {
		sums = append(sums, part.SHA256)
	}
	return sums
}

// With says which inputs are covered together with the picture's, whose patches are
// painted with the fills, and how; nil if there is none.
func (in *Input) With(fills []Fill) []WithRecord {
	if in.together == nil {
		return nil
	}
	return in.together.records(fills)
}
