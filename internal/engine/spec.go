package engine

import (
	"fmt"

	"krypton/internal/engine/asm"
	"krypton/internal/region"
)

// Spec says what a step computes, for any device: shapes, windows, weights, functions and
// bounds, of planes as they are described above. All primitives with exported fields alone
// are specs of themselves; what takes packed weights is a Convolution
// or a Recurrence.
type Spec interface {
	// MultiplyAdds is the number of multiply-adds of the plain sum for one output pixel (0
	// for what only compares, copies or adds).
	MultiplyAdds() int64
}

// Convolution is the spec of a convolution with bias and bounds, over two spatial axes (one
// of length 1 for series). A fully connected layer is the one whose window is the whole
// plane.
type Convolution struct {
	In   Plane
	Y, X region.Window // those of the output over the input
	// Group is the number of groups of channels, OutC that of output channels.
	Group, OutC int
	// Weights are [OutC][In.C/Group][Y.Kernel][X.Kernel] (the ONNX order), Bias a number for
	// each output channel, or nil. A plan lets go of the weights once they are packed.
	Weights, Bias []float32
	Clamp         Clamp
	Way           Way
}

// Way is how a convolution's sums are computed where a device has more than one way. The
// zero Way is the plain sum, in the order bias, taps, channels, each product and sum being
// rounded once.
type Way struct {
	// Tile, if not 0, is the size of Winograd's tiles.
	Tile asm.WinogradSize
	// Together has small groups computed by kernels of their own; the bits are the plain
	// sum's.
	Together bool
	// BF16 rounds inputs and weights to bfloat16, Int8 takes differences in eight bits.
	BF16, Int8 bool
}

// Out is the plane of the output.
func (c *Convolution) Out() Plane { return Plane{c.Y.Out, c.X.Out, c.OutC} }

// Depthwise says that each channel makes one of its own.
func (c *Convolution) Depthwise() bool {
	return c.Group == c.In.C && c.OutC == c.Group && c.Group > 1
}

// MultiplyAdds implements Spec.
func (c *Convolution) MultiplyAdds() int64 {
	return int64(c.OutC) * int64(c.In.C/c.Group) * int64(c.Y.Kernel*c.X.Kernel)
}

// Work implements Coster: of Winograd's tiles their products.
func (c *Convolution) Work(r region.Rect) int64 {
	if c.Way.Tile == 0 {
		return c.MultiplyAdds() * int64(r.Area())
	}
	return WinogradProducts(c.Way.Tile, c.Out(), r) * int64(c.In.C) * int64(c.OutC)
}

// CPU is this machine's processors with a kernel set, as the device that runs specs.
type CPU struct{ Kernels *asm.Kernels }

// Pack makes the primitive that computes a spec, its weights laid out for the kernel set.
// Several goroutines may call it.
func (d CPU) Pack(spec Spec) (Primitive, error) {
	if r, ok := spec.(*Recurrence); ok {
		return NewRecurrent(&Scratch{Kernels: d.Kernels}, r)
	}
	c, ok := spec.(*Convolution)
	if !ok {
		if p, ok := spec.(Primitive); ok {
			return p, nil
		}
		return nil, fmt.Errorf("no kernels for %T", spec)
	}
	s := &Scratch{Kernels: d.Kernels}
	switch {
	case c.Way.Tile > 0:
		return NewWinograd(s, c.In, c.Y, c.X, c.Way.Tile, c.Way.BF16, c.Weights, c.Bias, c.OutC, c.Clamp)
	case c.Depthwise():
		return NewDepthwise(c.In, c.Y, c.X, c.Weights, c.Bias, c.Clamp)
	case c.Way.Together:
		return NewGrouped(d.Kernels, c.In, c.Y, c.X, c.In.C/c.Group, c.Weights, c.Bias, c.Clamp)
	case c.Way.Int8:
		return NewConvInt8(s, c.In, c.Y, c.X, c.Weights, c.Bias, c.OutC, c.Clamp)
	case c.Way.BF16:
		return NewConvBF16(s, c.In, c.Y, c.X, c.Weights, c.Bias, c.OutC, c.Clamp)
	}
	return NewConv(s, c.In, c.Y, c.X, c.Group, c.Weights, c.Bias, c.OutC, c.Clamp)
}
