package recognize

import (
	"context"
	"errors"
	"image"
	"math"
	"slices"
	"testing"
	"time"

	"krypton/internal/annotate"
	"krypton/internal/framelabels"
	"krypton/internal/imagein"
	"krypton/internal/orv"
	"krypton/internal/region"
)

// screen is a video.Writer that keeps its frames.
type screen struct {
	frames          [][]byte
	times           []time.Duration
	fail            error
	closed, aborted int
}

func (s *screen) WriteFrame(pixels []byte, t time.Duration) error {
	s.frames, s.times = append(s.frames, slices.Clone(pixels)), append(s.times, t)
	return s.fail
}
func (s *screen) Close() error { s.closed++; return nil }
func (s *screen) Abort()       { s.aborted++ }

// TestAnnotator: every frame is drawn with what was recognized in it, and nothing but
// that; the network sees the frames as they were.
func TestAnnotator(t *testing.T) {
	frames := clip(40)
	before := make([][]byte, len(frames))
	for i, f := range frames {
		before[i] = slices.Clone(f)
	}
	j := prepare(t, cells(t), nil)
	want, _ := answers(t, j, frames)
	for _, regions := range []bool{false, true} {
		r, err := Start(context.Background(), j, film(frames))
		if err != nil {
			t.Fatal(err)
		}
		again, out := &pictures{}, &screen{}
		for _, f := range before {
			again.frames = append(again.frames, slices.Clone(f))
		}
		a, err := r.Annotator(context.Background(), again, out, regions)
		if err != nil {
			t.Fatal(err)
		}
		var masks []*region.Mask
		var got []framelabels.Result
		if _, err := r.Run(context.Background(), nil, collected(&got), SinkFunc(func(r *framelabels.Result) error { masks = append(masks, r.Moved); return nil }), a); err != nil {
			t.Fatal(err)
		}
		if err := a.Close(); err != nil || out.closed != 1 || again.closed != 1 || again.open != 0 {
			t.Errorf("%v; %+v", err, again)
		}
		if len(out.frames) != len(frames) || len(got) != len(want) {
			t.Fatalf("%d frames are drawn, %d recognized", len(out.frames), len(got))
		}
		drawn, tinted := 0, 0
		for i, f := range out.frames {
			if out.times[i] != time.Duration(i)*40*time.Millisecond {
				t.Errorf("frame %d is shown at %v", i, out.times[i])
			}
			for _, o := range got[i].Objects {
				c := annotate.Color(o.Class)
				if o.ID != 0 {
					c = annotate.Color(o.ID)
				}
				// The lower edge may lie under another box: what counts is that most do not.
				x, y := int(o.X0+o.X1)/2, int(math.Ceil(float64(o.Y1)))-1
				if p := f[3*(y*side+x):]; p[0] == c.R && p[1] == c.G && p[2] == c.B {
					drawn++
				} else {
					drawn--
				}
			}
			for y := range side {
				for x := range side {
					at := 3 * (y*side + x)
					tint := [3]byte{byte((int(before[i][at]) + 255) / 2), byte(int(before[i][at+1]) * 5 / 8), byte((int(before[i][at+2]) + 160) / 2)}
					if regions && got[i].How != "skip" && masks[i].Has(y, x) && [3]byte(f[at:]) == tint {
						tinted++
					}
				}
			}
		}
		if drawn < 100 || regions != (tinted > 1000) {
			t.Errorf("regions %v: %d boxes are seen, %d pixels are tinted", regions, drawn, tinted)
		}
	}
}

// TestAnnotatorFails: a video that is another one when it is read again, and a writer that
// fails, end the run.
func TestAnnotatorFails(t *testing.T) {
	frames := clip(30)
	j := prepare(t, load(t, ""), func(q *Question) { q.Mode = orv.Exact })
	broken := errors.New("broken")
	for _, c := range []struct {
		again *pictures
		out   *screen
		want  error
		text  string
	}{
		{&pictures{frames: frames[:9]}, &screen{}, ErrReadAgain, "film: ended early when it was read again"},
		{&pictures{frames: frames, next: 1}, &screen{}, ErrReadAgain, "film: frame 0 came as frame 1 when it was read again"},
		{&pictures{frames: frames, next: 0}, &screen{fail: broken}, broken, "broken"},
		{&pictures{frames: frames[:5], end: broken}, &screen{}, broken, "broken"},
	} {
		r, err := Start(context.Background(), j, film(frames))
		if err != nil {
			t.Fatal(err)
		}
		a, err := r.Annotator(context.Background(), c.again, c.out, true)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Run(context.Background(), nil, a); !errors.Is(err, c.want) || err.Error() != c.text {
			t.Errorf("%v, want %v", err, c.want)
		}
		if a.Abort(); c.out.aborted != 1 || c.again.closed != 1 || c.again.open != 0 {
			t.Errorf("%+v, %+v", c.out, c.again)
		}
	}
}

// TestMoved: a mask of the network's plane is laid on the part of the frame that it
// shows.
func TestMoved(t *testing.T) {
	mask := region.NewMask(4, 4)
	mask.Add(region.Rect{Y: region.Span{Lo: 1, Hi: 2}, X: region.Span{Lo: 2, Hi: 4}})
	g := (&imagein.Preprocess{Resize: "crop", CropFraction: 1}).Geometry(image.Pt(28, 8), 1, image.Pt(4, 4))
	in := moved(mask, &g) // 8 by 8 of a wider frame, halved
	for y := -2; y < 12; y++ {
		for x := range 30 {
			want := x >= 14 && x < 18 && y >= 2 && y < 4
			if in(x, y) != want {
				t.Errorf("%d, %d: %v", x, y, !want)
			}
		}
	}
}
