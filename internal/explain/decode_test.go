package explain

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"io"
	"testing"

	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/model"
)

// ramp is a kind of file that no decoder of the package knows: a text with a number, from
// which the network's input rises.
type ramp struct{ from float32 }

func (k *ramp) fill(p *model.Plane, f namedFill) (filled, error) {
	return filled{numbers: make([]float32, p.H*p.W*p.C), note: "zeros in place of " + string(f.name)}, nil
}

func (k *ramp) describe(_ *model.Plane, entry map[string]any) { entry["ramp"] = k.from }

func (k *ramp) shown(_ *model.Plane, size image.Point) image.Rectangle {
	return image.Rectangle{Max: size}
}

// plot is its backdrop, which draws maps by itself.
type plot struct{ drawn *heatmap.Map }

func (p *plot) Image() *image.NRGBA          { return image.NewNRGBA(image.Rect(0, 0, 3, 2)) }
func (p *plot) Transform() imagein.Transform { return imagein.Transform{ScaleX: 1, ScaleY: 1} }
func (p *plot) Draw(m *heatmap.Map, _ heatmap.Style) (*image.NRGBA, error) {
	p.drawn = m
	img := p.Image()
	img.Set(1, 1, color.White)
	return img, nil
}

// TestAnotherKindOfFile: a kind of file is one decoder; its input is asked as a picture is,
// its fill is what it says, and it is drawn over as it wants.
func TestAnotherKindOfFile(t *testing.T) {
	j := builtIn(t, loaded(t), nil)
	shown := new(plot)
	j.Reader.decoders = append([]decoder{{
		is: func(head []byte, _ string) bool { return bytes.HasPrefix(head, []byte("ramp")) },
		decode: func(_ context.Context, r *Reader, _ *model.Plane, from io.Reader, _ Source) (*Input, error) {
			var k ramp
			if _, err := fmt.Fscanf(from, "ramp %g", &k.from); err != nil {
				return nil, err
			}
			base := make([]float32, r.model.Plan.InputPlane().Len())
			for i := range base {
				base[i] = k.from + float32(i%7)/7
			}
			return &Input{Backdrop: shown, SHA256: "s", base: base, kind: &k}, nil
		},
	}}, decoders...)
	in, err := j.Read(context.Background(), Bytes("r", "r", []byte("ramp 0.25")), Source{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := j.Ask(context.Background(), in, Events{})
	if err != nil {
		t.Fatal(err)
	}
	img, err := a.Draw(in.Drawable(), heatmap.Style{})
	if err != nil || shown.drawn == nil || img.NRGBAAt(1, 1).R != 255 {
		t.Errorf("%v, %+v", err, shown)
	}
	if rec := a.Record(); rec.Preprocess["ramp"] != float32(.25) || rec.Positions == 0 || len(rec.Notes) == 0 {
		t.Errorf("%+v", rec)
	}
	if _, err := j.Read(context.Background(), Bytes("r", "r", []byte("ramp x")), Source{}); err == nil {
		t.Error("a file that cannot be read was taken")
	}
	if in := readSample(t, j); in.Backdrop == Backdrop(shown) {
		t.Error("a picture was taken for a ramp")
	}
}
