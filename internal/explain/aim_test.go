package explain

import (
	"slices"
	"testing"

	"krypton/internal/target"
)

// TestPlaneOf: planes are told by their shape, whatever their layout, and the grids of
// detectors are not taken for one.
func TestPlaneOf(t *testing.T) {
	for _, c := range []struct {
		shape       []int
		h, w, names int
		sure, plane bool
		want        target.Layout
	}{
		{shape: []int{1, 21, 256, 256}, h: 256, w: 256, plane: true, want: target.Layout{C: 21, H: 256, W: 256}},
		{shape: []int{1, 128, 256, 19}, h: 512, w: 1024, plane: true, want: target.Layout{C: 19, H: 128, W: 256, Last: true}},
		{shape: []int{1, 65, 65}, h: 257, w: 257, plane: true, want: target.Layout{C: 1, H: 65, W: 65}},
		{shape: []int{64, 64}, h: 64, w: 64, plane: true, want: target.Layout{C: 1, H: 64, W: 64}},
		{shape: []int{1, 2, 100, 50}, h: 100, w: 100}, // out of proportion
		// FastestDet, and the finest grid of a YOLO: boxes, until somebody says that they are none.
		{shape: []int{1, 85, 22, 22}, h: 352, w: 352},
		{shape: []int{1, 255, 80, 80}, h: 640, w: 640},
		{shape: []int{1, 19, 80, 80}, h: 640, w: 640, sure: true, plane: true, want: target.Layout{C: 19, H: 80, W: 80}},
		// A plane either way.
		{shape: []int{1, 64, 64, 64}, h: 64, w: 64, plane: true, want: target.Layout{C: 64, H: 64, W: 64}},
		{shape: []int{1000}, h: 224, w: 224},
		{shape: []int{1, 1, 1, 1000}, h: 224, w: 224},
	} {
		shape := slices.Clone(c.shape)
		got, plane := planeOf(c.shape, c.h, c.w, c.names, c.sure)
		if plane != c.plane || plane && got != c.want {
			t.Errorf("%v of a picture of %dx%d: %+v, %v, want %+v, %v", c.shape, c.h, c.w, got, plane, c.want, c.plane)
		}
		if !slices.Equal(shape, c.shape) {
			t.Errorf("%v was written to", shape)
		}
	}
}
