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
	output func(src *float32, stride, bytes int, table **float32, column int, bias, clamp, tmp *float32, mask *int32, add **float32, sum *float32)
}

// Outputs is the number of outputs along one axis of a tile where so many are left
// of the plane: less than m where fewer products do.
func (m WinogradSize) Outputs(left int) int {
	if m == Winograd2 {
		return 2
	}
	return min(4, max(2, left))
}

// lastElement is the row or column of elements that no finite point belongs to.
const lastElement = 5

// Taken is the rows (or columns) of elements that outputs lo to hi of a tile of so many
// along that axis are made of, a bit for each. A tile of n outputs has elements 0 to n
// and the last, so that smaller tiles at a plane's end share the weights of the others;
// the first belongs to the first output alone, the last one to the last.
func (m WinogradSize) Taken(outputs, lo, hi int) uint64 {
	taken := uint64(2)<<outputs - 2
	if lo <= 0 {
		taken |= 1
	}
	if hi >= outputs {
		taken |= 1 << (m.Side() - 1)
	}
	return taken
}

// Reach maps what a change reaches through the 3 x 3 windows, along an axis with so
// many outputs, to the outputs whose bits may change. The first of a tile's inputs is
// part of the first output alone, the last one of the last, and each of the others is
// part of all, through rounding where its window does not hold it: a change that
// reaches one outer output alone changes no other. Tiles of two outputs are their
// windows' sums.
func (m WinogradSize) Reach(lo, hi, outputs int) (int, int) {
	if first := lo / int(m) * int(m); lo < first+m.Outputs(outputs-first)-1 && m.Outputs(outputs-first) > 2 {
		lo = first
	}
	if last := (hi - 1) / int(m) * int(m); hi > last+1 && m.Outputs(outputs-last) > 2 {
		hi = last + m.Outputs(outputs-last)
	}
	return lo, hi
}

// WinogradTile is a tile of Y x X outputs, as Outputs gives them for its Size.
type WinogradTile struct {
	Size WinogradSize
	Y, X int
}

// Tile is a whole tile.
func (m WinogradSize) Tile() WinogradTile { return WinogradTile{m, int(m), int(m)} }

func (k *Kernels) winograd(t WinogradTile) *winogradKernels {
	if t.Size == Winograd2 {
		return &k.winograd2
	}
	return &k.winograd4[t.Y-2][t.X-2]
}

// WinogradTmp is the number of floats that the transforms need for themselves.
const WinogradTmp = 36 * 16

// WinogradInput transforms one tile of pixels, given row by row as (Y+2)*(X+2)
// pointers to rows of `channels` channels: element e of B^T d B, as far as the tile
// takes it, goes to dst[e*stride:][:channels]. What lies ahead numbers behind the pixels is fetched
// into the caches: 2*Size pixels ahead are those of the tile after the next.
func (k *Kernels) WinogradInput(t WinogradTile, table []*float32, channels int, dst []float32, stride int, tmp []float32, ahead int) {
	if channels < 1 || len(table) < (t.Y+2)*(t.X+2) || stride < channels || len(dst) < (t.Size.Elements()-1)*stride+channels || len(tmp) < WinogradTmp {
		panic(fmt.Sprintf("asm: WinogradInput of %d channels, %d pointers, stride %d into %d", channels, len(table), stride, len(dst)))
	}
	k.winograd(t).input(&table[0], 4*channels, &dst[0], 4*stride, &tmp[0], k.tail(channels), 4*ahead)
}

// WinogradOutput transforms products back: A^T M A plus bias, between the
// bounds of clamp, where element e of M is src[e*stride:][:len(bias)], goes to
// the Y x X pixels that table points to, row by row, from channel column on. If add is not
// nil, the pixels that it points to in the same way are added to that, between the bounds
// of sum.
func (k *Kernels) WinogradOutput(t WinogradTile, src []float32, stride int, table []*float32, column int, bias []float32, clamp *[2]float32, tmp []float32, add []*float32, sum *[2]float32) {
	channels := len(bias)
	if channels < 1 || len(table) < t.Y*t.X || stride < channels || len(src) < (t.Size.Elements()-1)*stride+channels || len(tmp) < WinogradTmp {
		panic(fmt.Sprintf("asm: WinogradOutput of %d channels, %d pointers, stride %d from %d", channels, len(table), stride, len(src)))
	}
	var to **float32
	var bounds *float32
	if add != nil {
		if len(add) < t.Y*t.X {
			panic(fmt.Sprintf("asm: WinogradOutput of %d pixels adds %d", t.Y*t.X, len(add)))
		}
		to, bounds = &add[0], &sum[0]
	}
	k.winograd(t).output(&src[0], 4*stride, 4*channels, &table[0], 4*column, &bias[0], &clamp[0], &tmp[0], k.tail(channels), to, bounds)
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
				t[i][j] += float64(G[i][k] * float64(g[3*k+j]))
			}
		}
	}
	for i := range n {
		for j := range n {
			sum := 0.0
			for k := range 3 {
				sum += float64(t[i][k] * G[j][k])
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

// lanes8 are neighbouring channels that plain Go's transforms take together: calls cost more
// than what they compute.
type lanes8 [8]float32

// winogradAxis is the generic transforms along one axis.
type winogradAxis struct {
	outputs  int
	elements []int
	points   int // of which there are formulas: 0 for F(2x2), else outputs
}

// winograd4Axes are for 2, 3 and 4 outputs: the first two with some of the points of
// the last, scaled for its weights.
var (
	winograd2Axis = winogradAxis{2, []int{0, 1, 2, 3}, 0}
	winograd4Axes = [3]winogradAxis{{2, []int{0, 1, 2, lastElement}, 2}, {3, []int{0, 1, 2, 3, lastElement}, 3}, {4, []int{0, 1, 2, 3, 4, lastElement}, 4}}
)

// in transforms inputs, from lanes wherever they lie to others, with every product rounded.
func (a *winogradAxis) in(d, o *[6]*lanes8) {
	switch a.points {
	case 0:
		winogradIn2(d, o)
	case 2:
		winogradIn4Tail2(d, o)
	case 3:
		winogradIn4Tail3(d, o)
	case 4:
		winogradIn4(d, o)
	}
}

// out transforms products back.
func (a *winogradAxis) out(m, o *[6]*lanes8) {
	switch a.points {
	case 0:
		winogradOut2(m, o)
	case 2:
		winogradOut4Tail2(m, o)
	case 3:
		winogradOut4Tail3(m, o)
	case 4:
		winogradOut4(m, o)
	}
}

func winogradIn2(d, o *[6]*lanes8) {
	x0, x1, x2, x3, y0, y1, y2, y3 := d[0], d[1], d[2], d[3], o[0], o[1], o[2], o[3]
	for l := range x0 {
		a, b, c, e := x0[l], x1[l], x2[l], x3[l]
		y0[l], y1[l], y2[l], y3[l] = a-c, b+c, c-b, b-e
	}
}

func winogradOut2(m, o *[6]*lanes8) {
	x0, x1, x2, x3, y0, y1 := m[0], m[1], m[2], m[3], o[0], o[1]
	for l := range x0 {
		a, b, c, e := x0[l], x1[l], x2[l], x3[l]
		y0[l], y1[l] = a+b+c, b-c-e
	}
}

func winogradIn4Tail2(d, o *[6]*lanes8) {
	x0, x1, x2, x3, y0, y1, y2, y3 := d[0], d[1], d[2], d[3], o[0], o[1], o[2], o[3]
	for l := range x0 {
		d0, d1, d2, d3 := x0[l], x1[l], x2[l], x3[l]
		a, b := float32(1.5*d2), float32(1.5*sqrth*d1)
		y0[l], y1[l], y2[l], y3[l] = d0-d2-d2, -(b + a), b-a, d3-float32(.5*d1)
	}
}

func winogradOut4Tail2(m, o *[6]*lanes8) {
	x0, x1, x2, x3, y0, y1 := m[0], m[1], m[2], m[3], o[0], o[1]
	for l := range x0 {
		m0, m1, m2, m3 := x0[l], x1[l], x2[l], x3[l]
		y0[l], y1[l] = m0+m1+m2, float32(sqrth*(m1-m2))+m3
	}
}

func winogradIn4Tail3(d, o *[6]*lanes8) {
	x0, x1, x2, x3, x4, y0, y1, y2, y3, y4 := d[0], d[1], d[2], d[3], d[4], o[0], o[1], o[2], o[3], o[4]
	for l := range x0 {
		d0, d1, d2, d3, d4 := x0[l], x1[l], x2[l], x3[l], x4[l]
		t, u, e := d3-d1, d3+d1, float32(1.5*d2)
		w := float32(sqrt2*d3) - float32(sqrth*d1)
		y0[l], y4[l] = d0-d2-d2+w, d4-float32(.5*d2)-w
		y1[l], y2[l], y3[l] = float32(1.5*sqrt2*t)-e, float32(sqrth*u)-e, sqrt2*(t+d3)
	}
}

func winogradOut4Tail3(m, o *[6]*lanes8) {
	x0, x1, x2, x3, x4, y0, y1, y2 := m[0], m[1], m[2], m[3], m[4], o[0], o[1], o[2]
	for l := range x0 {
		m0, m1, m2, m3, m4 := x0[l], x1[l], x2[l], x3[l], x4[l]
		s, d := m1+m2, m1-m2
		y0[l], y1[l], y2[l] = m0+s+m3, float32(sqrth*d)+float32(sqrt2*m3), m3+m3+float32(.5*s)+m4
	}
}

func winogradIn4(d, o *[6]*lanes8) {
	x0, x1, x2, x3, x4, x5 := d[0], d[1], d[2], d[3], d[4], d[5]
	y0, y1, y2, y3, y4, y5 := o[0], o[1], o[2], o[3], o[4], o[5]
	for l := range x0 {
		d0, d1, d2, d3, d4, d5 := x0[l], x1[l], x2[l], x3[l], x4[l], x5[l]
		a, c := d4-float32(2*d2), d4-float32(.5*d2)
		b, e := float32(sqrth*d3)-float32(sqrt2*d1), float32(sqrt2*d3)-float32(sqrth*d1)
		y0[l], y5[l] = d0-float32(2.5*d2)+d4, d5-float32(2.5*d3)+d1
		y1[l], y2[l], y3[l], y4[l] = a+b, a-b, c+e, c-e
	}
}

func winogradOut4(m, o *[6]*lanes8) {
	x0, x1, x2, x3, x4, x5, y0, y1, y2, y3 := m[0], m[1], m[2], m[3], m[4], m[5], o[0], o[1], o[2], o[3]
	for l := range x0 {
		m0, m1, m2, m3, m4, m5 := x0[l], x1[l], x2[l], x3[l], x4[l], x5[l]
		s12, d12, s34, d34 := m1+m2, m1-m2, m3+m4, m3-m4
		y0[l] = m0 + s12 + s34
		y1[l] = float32(sqrth*d12) + float32(sqrt2*d34)
		y2[l] = float32(.5*s12) + float32(2*s34)
		y3[l] = m5 + float32(sqrt2/4*d12) + float32(2*sqrt2*d34)
	}
}

func winograd4Generic() (k [3][3]winogradKernels) {
	for y := range k {
		for x := range k[y] {
			k[y][x] = winogradGeneric(winograd4Axes[y], winograd4Axes[x])
		}
	}
	return k
}

func winogradGeneric(y, x winogradAxis) winogradKernels {
	ny, nx := len(y.elements), len(x.elements)
	element := func(i, j int) int { return y.elements[i]*(x.elements[nx-1]+1) + x.elements[j] }
	var places [6][6]int
	for i := range ny {
		for j := range nx {
			places[i][j] = element(i, j)
		}
	}
	const lane = int(unsafe.Sizeof(float32(0)))
	input := func(table **float32, bytes int, dst *float32, stride int, _ *float32, _ *int32, _ int) {
		in := unsafe.Slice(table, ny*nx)
		var columns, pixels, results [6][6]lanes8
		var from, to [6]*lanes8
		for c := 0; c < bytes; c += lane * len(lanes8{}) {
			n := min(len(lanes8{}), (bytes-c)/lane)
			for j := range nx {
				for i := range ny {
					from[i], to[i] = &pixels[i][j], &columns[i][j]
					if n == len(lanes8{}) {
						from[i] = behind[lanes8](unsafe.Pointer(in[i*nx+j]), c)
					} else { // what lies behind is nobody's
						copy(pixels[i][j][:n], unsafe.Slice(behind[float32](unsafe.Pointer(in[i*nx+j]), c), n))
					}
				}
				y.in(&from, &to)
			}
			for i := range ny {
				for j := range nx {
					from[j], to[j] = &columns[i][j], &results[i][j]
					if n == len(lanes8{}) {
						to[j] = behind[lanes8](unsafe.Pointer(dst), places[i][j]*stride+c)
					}
				}
				x.in(&from, &to)
				for j := 0; j < nx && n < len(lanes8{}); j++ {
					copy(unsafe.Slice(behind[float32](unsafe.Pointer(dst), places[i][j]*stride+c), n), results[i][j][:n])
				}
			}
		}
	}
	output := func(src *float32, stride, bytes int, table **float32, column int, bias, clamp, _ *float32, _ *int32, add **float32, sum *float32) {
		out := unsafe.Slice(table, y.outputs*x.outputs)
		l := limitsOf(clamp)
		var columns, products [6][6]lanes8
		var row [6]lanes8
		var from, to [6]*lanes8
		for c := 0; c < bytes; c += lane * len(lanes8{}) {
			n := min(len(lanes8{}), (bytes-c)/lane)
			for j := range nx {
				for i := range ny {
					from[i], to[i] = &products[i][j], &columns[i][j]
					if n == len(lanes8{}) {
						from[i] = behind[lanes8](unsafe.Pointer(src), places[i][j]*stride+c)
					} else {
						copy(products[i][j][:n], unsafe.Slice(behind[float32](unsafe.Pointer(src), places[i][j]*stride+c), n))
					}
				}
				y.out(&from, &to)
			}
			plus := unsafe.Slice(behind[float32](unsafe.Pointer(bias), c), n)
			for i := range y.outputs {
				for j := range nx {
					from[j], to[j] = &columns[i][j], &row[j]
				}
				x.out(&from, &to)
				for j := range x.outputs {
					to := unsafe.Slice(behind[float32](unsafe.Pointer(out[i*x.outputs+j]), column+c), n)
					for k, v := range row[j][:n] {
						to[k] = l.cut(v + plus[k])
					}
					if add != nil {
						sums := limitsOf(sum)
						for k, v := range unsafe.Slice(behind[float32](unsafe.Pointer(unsafe.Slice(add, len(out))[i*x.outputs+j]), column+c), n) {
							to[k] = sums.cut(to[k] + v)
						}
					}
				}
			}
		}
	}
	return winogradKernels{input, output}
}
