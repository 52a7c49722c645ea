package asm

import (
	"fmt"
	"math"
	"unsafe"
)

// WinogradSize is F(m x m, 3 x 3): one tile of m x m outputs is computed from
// (m+2) x (m+2) inputs by (m+2)^2 multiplications for each pair of channels
// instead of 9 m^2 (Winograd; Lavin and Gray, Fast Algorithms for
// Convolutional Neural Networks, CVPR 2016).
type WinogradSize int

// The sizes that kernels exist for.
const (
	Winograd2 WinogradSize = 2
	Winograd4 WinogradSize = 4
)

// Side is the number of input pixels along one side of a tile.
func (m WinogradSize) Side() int { return int(m) + 2 }

// Elements is the number of products for each pair of channels.
func (m WinogradSize) Elements() int { return m.Side() * m.Side() }

// winogradKernels are the transforms of one size.
type winogradKernels struct {
	input  func(table **float32, bytes int, dst *float32, stride int, tmp *float32, mask *int32, ahead int)
	output func(src *float32, stride, bytes int, table **float32, column int, bias, clamp, tmp *float32, mask *int32)
}

func (k *Kernels) winograd(m WinogradSize) *winogradKernels {
	if m == Winograd2 {
		return &k.winograd2
	}
	return &k.winograd4
}

// WinogradTmp is the number of floats that the transforms need for themselves.
const WinogradTmp = 36 * 16

// WinogradInput transforms one tile of pixels, given row by row as Side*Side
// pointers to rows of `channels` channels: element e of B^T d B goes to
// dst[e*stride:][:channels]. The pixels that follow, those of the tile after the
// next in a plane of these channels, are fetched into the caches.
func (k *Kernels) WinogradInput(m WinogradSize, table []*float32, channels int, dst []float32, stride int, tmp []float32) {
	n := m.Elements()
	if channels < 1 || len(table) < n || stride < channels || len(dst) < (n-1)*stride+channels || len(tmp) < WinogradTmp {
		panic(fmt.Sprintf("asm: WinogradInput of %d channels, %d pointers, stride %d into %d", channels, len(table), stride, len(dst)))
	}
	k.winograd(m).input(&table[0], 4*channels, &dst[0], 4*stride, &tmp[0], k.tail(channels), 4*channels*2*int(m))
}

// WinogradOutput transforms products back: A^T M A plus bias, between the
// bounds of clamp, where element e of M is src[e*stride:][:len(bias)], goes to
// the m x m pixels that table points to, row by row, from channel column on.
func (k *Kernels) WinogradOutput(m WinogradSize, src []float32, stride int, table []*float32, column int, bias []float32, clamp *[2]float32, tmp []float32) {
	n, channels := m.Elements(), len(bias)
	if channels < 1 || len(table) < int(m*m) || stride < channels || len(src) < (n-1)*stride+channels || len(tmp) < WinogradTmp {
		panic(fmt.Sprintf("asm: WinogradOutput of %d channels, %d pointers, stride %d from %d", channels, len(table), stride, len(src)))
	}
	k.winograd(m).output(&src[0], 4*stride, 4*channels, &table[0], 4*column, &bias[0], &clamp[0], &tmp[0], k.tail(channels))
}

// WinogradKernel transforms the 3 x 3 weights g, row by row, into the
// Side*Side elements of G g G^T.
func WinogradKernel(m WinogradSize, g *[9]float32, u []float32) {
	n := m.Side()
	var t [6][3]float64
	G := winogradG[m]
	for i := range n {
		for j := range 3 {
			for k := range 3 {
				t[i][j] += G[i][k] * float64(g[3*k+j])
			}
		}
	}
	for i := range n {
		for j := range n {
			sum := 0.0
			for k := range 3 {
				sum += t[i][k] * G[j][k]
			}
			u[i*n+j] = float32(sum)
		}
	}
}

// winogradG holds the kernel transforms that belong to the points of the
// generated kernels: 0, 1, -1 for m = 2; 0, +-sqrt(1/2), +-sqrt(2) for m = 4.
var winogradG = map[WinogradSize][6][3]float64{
	Winograd2: {{1, 0, 0}, {.5, .5, .5}, {.5, -.5, .5}, {0, 0, 1}},
	Winograd4: {
		{1, 0, 0},
		{-2. / 3, -math.Sqrt2 / 3, -1. / 3}, {-2. / 3, math.Sqrt2 / 3, -1. / 3},
		{1. / 6, math.Sqrt2 / 6, 1. / 3}, {1. / 6, -math.Sqrt2 / 6, 1. / 3},
		{0, 0, 1},
	},
}

const (
	sqrt2 = float32(math.Sqrt2)
	sqrth = float32(math.Sqrt2 / 2)
)

// winogradIn2 and the like are the one-dimensional transforms, in place, with
// every product rounded.
func winogradIn2(d *[6]float32) {
	d[0], d[1], d[2], d[3] = d[0]-d[2], d[1]+d[2], d[2]-d[1], d[1]-d[3]
}

func winogradOut2(m *[6]float32) {
	m[0], m[1] = m[0]+m[1]+m[2], m[1]-m[2]-m[3]
}

func winogradIn4(d *[6]float32) {
	a, c := d[4]-float32(2*d[2]), d[4]-float32(.5*d[2])
	b, e := float32(sqrth*d[3])-float32(sqrt2*d[1]), float32(sqrt2*d[3])-float32(sqrth*d[1])
	d[0], d[5] = d[0]-float32(2.5*d[2])+d[4], d[5]-float32(2.5*d[3])+d[1]
	d[1], d[2], d[3], d[4] = a+b, a-b, c+e, c-e
}

func winogradOut4(m *[6]float32) {
	s12, d12, s34, d34 := m[1]+m[2], m[1]-m[2], m[3]+m[4], m[3]-m[4]
	m[0] = m[0] + s12 + s34
	m[1] = float32(sqrth*d12) + float32(sqrt2*d34)
	m[2] = float32(.5*s12) + float32(2*s34)
	m[3] = m[5] + float32(sqrt2/4*d12) + float32(2*sqrt2*d34)
}

func winogradInputGeneric(n int, transform func(*[6]float32)) func(table **float32, bytes int, dst *float32, stride int, tmp *float32, mask *int32, ahead int) {
	return func(table **float32, bytes int, dst *float32, stride int, _ *float32, _ *int32, _ int) {
		channels := bytes / 4
		in, out := unsafe.Slice(table, n*n), unsafe.Slice(dst, (n*n-1)*stride/4+channels)
		var t [6][6]float32
		for c := range channels {
			var d [6]float32
			for j := range n {
				for i := range n {
					d[i] = unsafe.Slice(in[i*n+j], channels)[c]
				}
				transform(&d)
				for i := range n {
					t[i][j] = d[i]
				}
			}
			for i := range n {
				transform(&t[i])
				for j := range n {
					out[(i*n+j)*stride/4+c] = t[i][j]
				}
			}
		}
	}
}

func winogradOutputGeneric(m int, transform func(*[6]float32)) func(src *float32, stride, bytes int, table **float32, column int, bias, clamp, tmp *float32, mask *int32) {
	n := m + 2
	return func(src *float32, stride, bytes int, table **float32, column int, bias, clamp, _ *float32, _ *int32) {
		channels := bytes / 4
		in, out := unsafe.Slice(src, (n*n-1)*stride/4+channels), unsafe.Slice(table, m*m)
		b, lim := unsafe.Slice(bias, channels), unsafe.Slice(clamp, 2)
		var t [6][6]float32
		for c := range channels {
			var d [6]float32
			for j := range n {
				for i := range n {
					d[i] = in[(i*n+j)*stride/4+c]
				}
				transform(&d)
				for i := range m {
					t[i][j] = d[i]
				}
			}
			for i := range m {
				transform(&t[i])
				for j := range m {
					unsafe.Slice(out[i*m+j], column/4+channels)[column/4+c] = bound(t[i][j]+b[c], lim)
				}
			}
		}
	}
}
