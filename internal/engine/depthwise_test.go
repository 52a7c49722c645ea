package engine

import (
	"fmt"
	"testing"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// BenchmarkDepthwise measures layers of networks for whole planes, which lie in the
// second-level cache, in per cent of one core's multiply-adds.
func BenchmarkDepthwise(b *testing.B) {
	for _, k := range asm.Sets()[:1] {
		s := NewScratch(k)
		peak := k.Peak()
		for _, l := range []struct{ side, channels, kernel, stride int }{
			{14, 480, 3, 1}, {28, 144, 3, 1}, {56, 72, 3, 1}, {112, 16, 3, 1}, {7, 960, 3, 1}, {28, 240, 3, 2}, {56, 144, 3, 2}, {112, 64, 3, 2},
			{7, 960, 5, 1}, {14, 672, 5, 1}, {28, 120, 5, 1}, {14, 672, 5, 2}, {56, 72, 5, 2}, {14, 384, 7, 1}, {7, 768, 7, 1}, {14, 512, 3, 1}, {32, 256, 9, 1}, {14, 384, 13, 1},
		} {
			w := region.Window{Kernel: l.kernel, Stride: l.stride, Dilation: 1, Pad: l.kernel / 2, Out: (l.side-1)/l.stride + 1}
			in := Plane{l.side, l.side, l.channels}
			d, err := NewDepthwise(in, w, w, make([]float32, l.channels*l.kernel*l.kernel), nil, Clamp{0, 6})
			if err != nil {
				b.Fatal(err)
			}
			x := make([]float32, in.Len())
			jobs := []Job{{In: []Patched{{Plane: in, Update: x, Rect: in.Rect()}}, Rect: d.Out.Rect(), Out: make([]float32, d.Out.Len())}}
			b.Run(fmt.Sprintf("%s/%dx%dx%d,%dx%d,stride%d", k.Name, l.side, l.side, l.channels, l.kernel, l.kernel, l.stride), func(b *testing.B) {
				for range b.N {
					d.Run(s, jobs)
				}
				each := b.Elapsed().Seconds() / float64(b.N)
				b.ReportMetric(100*2*float64(d.MultiplyAdds())*float64(w.Out*w.Out)/each/peak, "%peak")
				b.ReportMetric(4*float64(in.Len()+d.Out.Len())/each/1e9, "GB/s")
			})
		}
	}
}

// BenchmarkGrouped measures 3x3 layers of small groups for whole planes: by the kernels
// for such groups, and by matrix products.
func BenchmarkGrouped(b *testing.B) {
	for _, k := range asm.Sets()[:len(asm.Sets())-1] {
		s := NewScratch(k)
		peak := k.Peak()
		for _, l := range []struct{ side, channels, per, stride int }{
			{56, 128, 4, 1}, {28, 256, 8, 1}, {14, 240, 8, 1}, {7, 368, 8, 1}, {56, 256, 4, 2}, {56, 256, 8, 2}, {14, 320, 16, 1}, {7, 784, 16, 1}, {28, 320, 16, 2},
		} {
			w := region.Window{Kernel: 3, Stride: l.stride, Dilation: 1, Pad: 1, Out: (l.side-1)/l.stride + 1}
			in := Plane{l.side, l.side, l.channels}
			weights := make([]float32, l.channels*l.per*9)
			if !GroupedTogether(k, w, w, l.per, l.channels) {
				continue
			}
			together, err := NewGrouped(k, in, w, w, l.per, weights, nil, Clamp{0, 6})
			if err != nil {
				b.Fatal(err)
			}
			products, err := NewConv(s, in, w, w, l.channels/l.per, weights, nil, l.channels, Clamp{0, 6})
			if err != nil {
				b.Fatal(err)
			}
			jobs := []Job{{In: []Patched{{Plane: in, Update: make([]float32, in.Len()), Rect: in.Rect()}}, Rect: together.Out.Rect(), Out: make([]float32, together.Out.Len())}}
			for name, p := range map[string]Primitive{"groups": together, "products": products} {
				b.Run(fmt.Sprintf("%s/%dx%dx%d,groups of %d,stride%d/%s", k.Name, l.side, l.side, l.channels, l.per, l.stride, name), func(b *testing.B) {
					for range b.N {
						p.Run(s, jobs)
					}
					b.ReportMetric(100*2*float64(p.MultiplyAdds())*float64(w.Out*w.Out)/(b.Elapsed().Seconds()/float64(b.N))/peak, "%peak")
				})
			}
		}
	}
}
