package explain

import (
	"bufio"
	"context"
	"errors"
	"image"
	"slices"
	"sync"

	"krypton/internal/failure"
	"krypton/internal/imagein"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/region"
)

// Input is a picture, or something else, as a network reads it. Several questions can be
// asked of it at once.
type Input struct {
	// Backdrop is what maps are drawn over.
	Backdrop Backdrop
	// SHA256 is the digest of the file's bytes, Mask that of the mask's, "" if there is
	// none.
	SHA256, MaskSHA256 string
	// DICOM says how a DICOM file's picture was read, nil for others.
	DICOM *imagein.DICOM

	model  *model.Model
	plane  *model.Plane // which the file is read for
	source Source
	base   []float32 // the network's input
	kind   fileKind  // nil of one that is only to be drawn over
	notes  []string
	mask   []bool // of the network's pixels, nil for all
	masked *MaskRecord
	// together are the pictures of several inputs, nil for one.
	together *together

	mu     sync.Mutex
	fills  map[namedFill]filled
	grids  map[laidOf]*obe.Grid // whose lengths are ones of millimetres
	parted map[segmentsOf]*obe.Grid
	views  viewCache
}

// fileKind is what kind of file an input was: each has its own decoder.
type fileKind interface {
	// fill is what patches of a fill are cut from.
	fill(p *model.Plane, f namedFill) (filled, error)
	// shown is the part of the network's input that shows what the file holds, whose picture
	// has a size.
	shown(p *model.Plane, size image.Point) image.Rectangle
	// describe adds how the file became the network's input to the record's entry.
	describe(p *model.Plane, entry map[string]any)
}

// filled is what patches of a fill are cut from, and what there is to say of it.
type filled struct {
	numbers []float32
	note    string
	// paint, if set, takes the numbers' place where what a patch shows depends on where it
	// lies: see obe.Task.Paint.
	paint func(r region.Rect, dst []float32)
}

// Reader reads pictures and tensors for a model. It is used by several goroutines at
// once.
type Reader struct {
	model    *model.Model
	host     Host
	fills    []namedFill
	seed     uint64
	room     *room
	decoders []decoder
	// files are where files that fills name come from, if not from this machine.
	files map[string]Source
	// recording says what is read of recordings, whole what was read of one of which several
	// parts are looked at.
	recording Recording
	whole     *wholeCache
}

// NewReader is a Reader for questions with these fills. reserve is memory that work on a
// picture takes beside the views of the model's plans, in bytes.
func NewReader(m *model.Model, fills []Fill, seed uint64, host Host) (*Reader, error) {
	named, err := parseFills(fills, seed)
	if err != nil {
		return nil, err
	}
	return &Reader{
		model:    m,
		host:     host,
		fills:    named,
		seed:     seed,
		room:     &room{host: host, reserve: m.Plan.ViewBytes()},
		decoders: decoders,
		whole:    &wholeCache{},
	}, nil
}

// hide makes a fill for each group of channels that patches hide.
func (r *Reader) hide(groups []string) {
	var all []namedFill
	for _, f := range r.fills {
		for _, f.group = range groups {
			all = append(all, f)
		}
	}
	r.fills = all
}

// Read reads a picture or a tensor and prepares it for the network, with what patches of
// the reader's fills are cut from. mask, if it is not the zero Source, is a picture of
// what counts; with are the pictures of the inputs that are joined to the picture's.
func (r *Reader) Read(ctx context.Context, from, mask Source, with ...Source) (*Input, error) {
	in, err := r.readAll(ctx, from, with)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil && mask.Open != nil {
		err = r.readMask(in, mask)
	}
	if err != nil {
		return nil, err
	}
	return in, nil
}

// Look gives what a map of a picture or a tensor is drawn over: of several inputs that of the
// picture's.
func (r *Reader) Look(ctx context.Context, from Source) (*image.NRGBA, error) {
	in, err := r.read(ctx, &r.model.Planes[0], from)
	if err == nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	return in.Backdrop.Image(), nil
}

// read reads what one of the model's inputs sees.
func (r *Reader) read(ctx context.Context, p *model.Plane, from Source) (*Input, error) {
	f, err := from.Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b := bufio.NewReader(f)
	// What cannot be read now will fail once more in the decoder.
	head, _ := b.Peek(HeadBytes)
	at := slices.IndexFunc(r.decoders, func(d decoder) bool { return d.is(head, from.File()) })
	in, err := r.decoders[at].decode(ctx, r, p, b, from)
	if err != nil {
		return nil, pictureError(err)
	}
	in.model, in.plane, in.source = r.model, p, from
	if p.Fill != "" { // it has its own
		return in, nil
	}
	for _, f := range r.fills {
		if _, err := in.fill(f); err != nil {
			return nil, pictureError(err)
		}
	}
	return in, nil
}

// pictureError gives an error of a picture, tensor or mask its kind.
func pictureError(err error) error {
	if errors.Is(err, imagein.ErrMemory) {
		return failure.As(failure.Temporary, err)
	}
	return failure.As(failure.Data, err)
}

// limits are those of a picture file; others of the network's size are made of it.
func (r *Reader) limits(name string, others int) (imagein.Limits, error) {
	l := imagein.DefaultLimits
	if r.host.Pixels > 0 {
		l.MaxPixels = r.host.Pixels
	}
	plane, left := r.model.Plan.InputPlane(), r.room.pictures()
	if len(r.model.Planes) > 1 {
		others *= 2 // joined, and each by itself
	}
	// Each of the others as numbers, and what scaling and blurring take.
	need := int64(plane.H) * int64(plane.W) * int64(4*plane.C*others+40)
	if l.Memory = left - need; l.Memory <= 0 {
		return l, failure.As(failure.Temporary, failure.Settingf("%s: %w: pictures of the network's size, %d x %d, take %d MiB, %d MiB are left for them (%v)", name, imagein.ErrMemory, plane.W, plane.H, need>>20, left>>20, failure.Setting("memory")))
	}
	return l, nil
}

// fill is what patches of a fill are cut from, computed when it is asked for first. A colour
// goes through the preprocessing.
func (in *Input) fill(f namedFill) (filled, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if made, ok := in.fills[f]; ok {
		return made, nil
	}
	made, err := in.kind.fill(in.plane, f)
	if err != nil {
		return filled{}, err
	}
	if in.fills == nil {
		in.fills = map[namedFill]filled{}
	}
	in.fills[f] = made
	return made, nil
}

// Model is what the reader reads for.
func (r *Reader) Model() *model.Model { return r.model }

// Threads is the number of cores.
func (r *Reader) Threads() int { return r.host.Threads }

// shown is the part of the network's input that shows what the file holds.
func (in *Input) shown() image.Rectangle {
	return in.kind.shown(in.plane, in.Backdrop.Image().Rect.Size())
}

// Drawable is the input without what only questions are for: maps can be drawn over it.
func (in *Input) Drawable() *Input {
	return &Input{Backdrop: in.Backdrop, SHA256: in.SHA256, DICOM: in.DICOM}
}

// Numbers are the network's input, row by row, channels last: not to be written.
func (in *Input) Numbers() []float32 { return in.base }

// Fills are what patches of each of the reader's fills are cut from, as Numbers. A fill that
// depends on where the patch lies has none.
func (r *Reader) Fills(in *Input) ([][]float32, error) {
	fills, err := r.filled(in)
	if err != nil {
		return nil, err
	}
	var all [][]float32
	for i, made := range fills {
		if made.paint != nil {
			return nil, failure.Wrongf("%s: %v %s is another one at each place of a patch: all of the input has none", in.source.Called, failure.Setting("fill"), r.fills[i].name)
		}
		all = append(all, made.numbers)
	}
	return all, nil
}

// filled is what patches of each of the reader's fills show.
func (r *Reader) filled(in *Input) (all []filled, err error) {
	for _, f := range r.fills {
		made, err := in.fill(f)
		if err != nil {
			return nil, err
		}
		all = append(all, made)
	}
	return all, nil
}

// Notes are what there is to say of the input, and of the reader's fills on it.
func (r *Reader) Notes(in *Input) []string {
	notes := append([]string(nil), in.notes...)
	for _, f := range r.fills {
		if made, err := in.fill(f); err == nil && made.note != "" && !slices.Contains(notes, made.note) {
			notes = append(notes, made.note)
		}
	}
	return notes
}

// Preprocessed says how the picture became the network's input: the record's entry.
func (in *Input) Preprocessed() map[string]any {
	pre := in.plane.Pre
	p := map[string]any{"mean": pre.Mean, "std": pre.Std, "scale": pre.Scale, "order": pre.Order, "resize": pre.Resize, "crop_fraction": pre.CropFraction}
	if pre.Interpolation == imagein.Bicubic { // else it is linear, as ever
		p["interpolation"] = pre.Interpolation
	}
	if pre.Resize == imagein.Letterbox {
		p["pad"] = pre.Pad
	}
	in.kind.describe(in.plane, p)
	return p
}
