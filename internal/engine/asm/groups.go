package asm

import "fmt"

// groupsKernel computes m rows of n outputs of one group of vectorChannels channels, which lie
// together, by windows of ky rows and kx columns that lie pixel bytes apart, step bytes from
// one another: see groups in the generator.
type groupsKernel func(rows **float32, m, n, pixel, ky, kx, step int, weights, out *float32, next, down int, bias, clamp *float32)

// fewGroupTaps is how many pixels windows of such groups have at least: fewer take less time
// than putting them together.
const fewGroupTaps = 3

// Grouped says whether GroupedWindows computes such windows in groups of so many channels.
func (k *Kernels) Grouped(y, x Axis, group int) bool {
	return k.groups != nil && group == vectorChannels && y.Kernel*x.Kernel >= fewGroupTaps
}

// PackGroups packs weights given as [row][channel] for GroupedWindows: [group][row][channel of
// the group].
func PackGroups(weights []float32, channels, group int) []float32 {
	rows := len(weights) / channels
	packed := make([]float32, len(weights))
	for g := range channels / group {
		for r := range rows {
			copy(packed[(g*rows+r)*group:][:group], weights[r*channels+g*group:])
		}
	}
	return packed
}

// GroupedWindows is DepthwiseWindows for groups that are Grouped, with weights that PackGroups
// has packed.
func (k *Kernels) GroupedWindows(w *Windows, weights, out, bias []float32, clamp *[2]float32) {
	c, cols, group := len(bias), w.X.Extent(), w.Group
	size := w.Y.Kernel * w.X.Kernel * group * group
	if !k.Grouped(w.Y, w.X, group) || c%group != 0 || w.From < 0 || w.From%group != 0 || w.To%group != 0 || w.To > c || w.Y.Out < 1 || w.X.Out < 1 || w.Pitch < c ||
		len(w.Pixels) < w.Y.Extent()*cols || len(weights) < c/group*size || len(out) < (w.Y.Out*w.X.Out-1)*w.Pitch+c {
		panic(fmt.Sprintf("asm: GroupedWindows of %+v by %+v: %d pixels, %d channels in groups of %d, from %d to %d, %d apart, %d weights, into %d",
			w.Y, w.X, len(w.Pixels), c, group, w.From, w.To, w.Pitch, len(weights), len(out)))
	}
	// The kernel's tiles have two rows or four.
	band := max(2, ((bandBytes/(4*cols*group)-w.Y.depth())/w.Y.Stride+1)/2*2)
	if band > 4 {
		band = band / 4 * 4
	}
	band = min(w.Y.Out, band)
	w.layOut(cols*group, band, 0, 0)
	for from := w.From; from < w.To; from += group {
		done := 0
		for y := 0; y < w.Y.Out; y += band {
			m := min(band, w.Y.Out-y)
			end := (y+m-1)*w.Y.Stride + w.Y.depth()
			k.together(&w.Pixels[done*cols], end-done, cols, 4*from, 4*group, &w.slots[done])
			done = end
			k.groups(&w.rows[y*w.Y.Kernel], m, w.X.Out, 4*group*w.X.Dilation, w.Y.Kernel, w.X.Kernel, 4*group*w.X.Stride,
				&weights[from/group*size], &out[y*w.X.Out*w.Pitch+from], 4*w.Pitch, 4*w.Pitch*w.X.Out, &bias[from], &clamp[0])
		}
	}
}
