package imagein

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"krypton/internal/dicom"
	"krypton/internal/failure"
	"krypton/internal/regular"
)

// DICOM says how the picture of a DICOM file was read: nothing in it is about people.
type DICOM struct {
	Frame    int    `json:"frame"` // from 1 on
	Frames   int    `json:"frames"`
	Syntax   string `json:"transfer_syntax,omitempty"`
	Meaning  string `json:"photometric"`
	Modality string `json:"modality,omitempty"` // what made numbers of those stored
	// Window is what made brightness of numbers, Shown which of them are black and white.
	Window   string      `json:"window,omitempty"`
	Shown    *[2]float64 `json:"black_white,omitempty"`
	Inverted bool        `json:"inverted,omitempty"`
	Padding  int         `json:"padding,omitempty"` // pixels
	// Spacing is how many millimetres pixels lie apart, down and across; From the attribute.
	Spacing *[2]float64 `json:"spacing_mm,omitempty"`
	From    string      `json:"spacing_from,omitempty"`
	// Aspect is how much higher than wide pixels are.
	Aspect float64 `json:"-"`

	// File is the object itself, for what is derived from it.
	File *dicom.File `json:"-"`
}

// ErrNoPicture: a DICOM file holds something else.
var ErrNoPicture = dicom.ErrNoPicture

// ErrWaveform: a DICOM file holds a waveform, and no picture.
var ErrWaveform = dicom.ErrWaveform

// peekBytes is how much of a file is read first to find out what it holds.
const peekBytes = 1 << 20

// Frames is how many frames a DICOM file has, 0 for another file.
func Frames(name string) (int, error) {
	f, err := OpenRegular(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, peekBytes))
	if err != nil || !dicom.Is(head) {
		return 0, err
	}
	d, err := dicom.Open(head, DefaultLimits.MaxBytes)
	if err != nil && len(head) == peekBytes {
		rest, e := io.ReadAll(io.LimitReader(f, DefaultLimits.MaxBytes))
		if e != nil {
			return 0, e
		}
		d, err = dicom.Open(append(head, rest...), DefaultLimits.MaxBytes)
	}
	if err != nil {
		return 0, err
	}
	return d.Frames, nil
}

// painted is the rule of masks: what is not 0 counts.
const painted = "painted"

// frame decodes a frame of a DICOM file, from 1 on; 0 is the first.
func (l *Limits) frame(ctx context.Context, data []byte, frame int) (*dicom.File, *dicom.Frame, error) {
	most := l.MaxBytes
	if l.Memory > 0 {
		most = min(most, l.Memory/2)
	}
	f, err := dicom.Open(data, most)
	if err != nil {
		return nil, nil, unusableDICOM(err)
	}
	if err := l.pixels(f.Width, f.Height); err != nil {
		return nil, nil, err
	}
	pixels := int64(f.Width) * int64(f.Height)
	if err := l.fits(f.Width, f.Height, int64(len(data)), f.Bytes()+4*pixels*int64(f.Channels)+4*pixels); err != nil {
		return nil, nil, err
	}
	fr, err := f.Frame(ctx, max(frame, 1)-1)
	if err != nil && ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, nil, unusableDICOM(err)
	}
	return f, fr, nil
}

// takeDICOM takes a frame of a DICOM file, from 1 on; 0 is the first.
func (p *Picture) takeDICOM(ctx context.Context, data []byte, frame int, l *Limits, v View) error {
	f, fr, err := l.frame(ctx, data, frame)
	if err != nil {
		return err
	}
	p.Format, p.Orientation = "dicom", 1
	p.DICOM = &DICOM{Frame: max(frame, 1), Frames: f.Frames, Syntax: f.Syntax, Meaning: f.Photometric, Modality: fr.Modality, Inverted: fr.Inverted, Padding: fr.Padded, Spacing: fr.Spacing, From: fr.SpacingFrom, Aspect: fr.Aspect, File: f.Header()}
	for _, n := range append(f.Notes, fr.Notes...) {
		p.Notes = append(p.Notes, errors.New(n))
	}
	if frame == 0 && f.Frames > 1 {
		p.Notes = append(p.Notes, failure.Settingf("the file has %d frames: this is the first (%v, or FILE#N, takes others)", f.Frames, failure.Setting("frames")))
	}
	d := &Deep{W: f.Width, H: f.Height, Channels: fr.Channels, Pix: fr.Pix}
	if fr.Channels == 3 {
		p.takeColours(d, fr, v)
		return nil
	}
	return p.takeGray(d, fr, v)
}

// unusableDICOM says why a file cannot be used.
func unusableDICOM(err error) error {
	if errors.Is(err, dicom.ErrNoPicture) {
		return fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	return fmt.Errorf("%w: a DICOM file: %w", ErrUnusable, err)
}

// takeColours takes red, green and blue, which windows are not for.
func (p *Picture) takeColours(d *Deep, fr *dicom.Frame, v View) {
	if v.Rule != painted && (v.Window != nil || v.Rule != "" && v.Rule != Auto) {
		p.Notes = append(p.Notes, failure.Settingf("%v is for gray: the file's colours are taken as they are", failure.Setting("window")))
	}
	if fr.Most != 255 {
		for i, v := range d.Pix {
			d.Pix[i] = float32(float64(v) * 255 / fr.Most)
		}
	}
	p.settle(d)
}

// takeGray takes gray through a window.
func (p *Picture) takeGray(d *Deep, fr *dicom.Frame, v View) error {
	if v.Rule == painted {
		for i, n := range d.Pix {
			d.Pix[i] = 0
			if n > 0 {
				d.Pix[i] = 255
			}
		}
		p.settle(d)
		return nil
	}
	w, how, err := chosen(fr, v)
	if err != nil {
		return failure.As(failure.Usage, failure.Settingf("%v: %w", failure.Setting("window"), err))
	}
	if w == nil {
		return p.takeNumbersAsTheyAre(d, fr)
	}
	if how != "" {
		p.Notes = append(p.Notes, errors.New(how))
	}
	lo, hi := w.Bounds()
	if fr.Inverted {
		lo, hi = hi, lo
	}
	p.DICOM.Window, p.DICOM.Shown = w.String(), &[2]float64{lo, hi}
	through(d.Pix, d.Pix, fr, w)
	p.settle(d)
	return nil
}

// through makes brightness of numbers, padding black.
func through(to, from []float32, fr *dicom.Frame, w *dicom.Window) {
	for i, v := range from {
		level := 0.
		if v == v {
			if level = w.Level(float64(v)); fr.Inverted {
				level = 1 - level
			}
		}
		to[i] = float32(255 * level)
	}
}

// chosen is the window that a view asks for, nil for none, and a note.
func chosen(fr *dicom.Frame, v View) (*dicom.Window, string, error) {
	var w dicom.Window
	var note string
	var err error
	switch {
	case v.Window != nil:
		if w, err = dicom.Given(v.Window.Lo, v.Window.Hi); err == nil {
			lo, hi := w.Bounds()
			note = fmt.Sprintf("window %g,%g of a DICOM file is center and width: %g is black and %g white", v.Window.Lo, v.Window.Hi, lo, hi)
		}
	case v.Rule == None:
		return nil, "", nil
	case v.Rule == Full:
		w = fr.Full()
	case v.Rule == "" || v.Rule == Auto:
		w, note = fr.Own()
	default:
		w, err = fr.Named(v.Rule)
	}
	return &w, note, err
}

// takeNumbersAsTheyAre takes numbers without a window. The eye sees them through the file's
// own, whose ends are what black and white mean in fills.
func (p *Picture) takeNumbersAsTheyAre(d *Deep, fr *dicom.Frame) error {
	own, _ := fr.Own()
	seen := &Deep{W: d.W, H: d.H, Channels: 1, Pix: make([]float32, len(d.Pix))}
	through(seen.Pix, d.Pix, fr, &own)
	p.Image = seen.Image()
	lo, hi := own.Bounds()
	least, most := fr.Range()
	if fr.Inverted {
		lo, hi, least = hi, lo, most
	}
	for i, v := range d.Pix {
		if v != v {
			d.Pix[i] = float32(least)
		}
	}
	d.Ends = &[2]float64{lo, hi}
	p.Deep, p.DICOM.Window, p.DICOM.Shown = d, None, d.Ends
	if math.Abs(hi-lo) < 1e-30 {
		return fmt.Errorf("%w: a DICOM file of one number", ErrUnusable)
	}
	p.Notes = append(p.Notes, fmt.Errorf("the network reads the file's own numbers; fills take %g for black and %g for white", lo, hi))
	return nil
}

// DICOMMagic is how many of a file's first bytes IsDICOM looks at.
const DICOMMagic = dicom.HeadBytes

// IsDICOM says whether a file's first bytes are those of a DICOM object.
func IsDICOM(head []byte) bool { return dicom.Is(head) }

// Numbers are the pixels of a frame of gray as its file means them, before any window.
type Numbers struct {
	W, H int
	// Pix are row by row; NaN is padding.
	Pix []float32
	// Inverted says that greater numbers are darker.
	Inverted bool
	// Windows say what those of the file do, in its order; Range is the least and the greatest
	// number.
	Windows []string
	Range   [2]float64
}

// DecodeNumbers reads the numbers of a DICOM file's frame, from 1 on; 0 is the first.
func DecodeNumbers(ctx context.Context, r io.Reader, name string, frame int, l Limits) (*Numbers, error) {
	name = regular.Name(name)
	data, err := l.ReadAll(r, 2, ErrUnusable)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if !dicom.Is(data) {
		return nil, fmt.Errorf("%s: %w: it is no DICOM file, whose numbers have a meaning of their own", name, ErrUnusable)
	}
	_, fr, err := l.frame(ctx, data, frame)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", name, err)
	case fr.Channels != 1:
		return nil, fmt.Errorf("%s: %w: its pixels are colours, not numbers", name, ErrUnusable)
	}
	n := &Numbers{W: fr.W, H: fr.H, Pix: fr.Pix, Inverted: fr.Inverted}
	n.Range[0], n.Range[1] = fr.Range()
	for _, w := range fr.Windows {
		n.Windows = append(n.Windows, w.String())
	}
	return n, nil
}
