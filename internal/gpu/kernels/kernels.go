// Package kernels has the kernels of planes for graphics processors, as PTX that clang has
// made of kernels.cl, and lays out what launches of them take: one computes a rectangle of
// an operator's output at each of many positions. It knows no device: package ptx runs the
// kernels in Go. No card has run them yet.
//
// Every number is made by the same operations in the same order as by kernels avx2, avx512
// and neon of package asm, and so has their bits. NaN alone may have others.
package kernels

import (
	_ "embed" // of the PTX
	"encoding/binary"
	"fmt"
	"math"

	"krypton/internal/engine"
	"krypton/internal/engine/asm"
	"krypton/internal/gpu/narrow"
	"krypton/internal/region"
)

// PTX is the source of all kernels, for sm_80 and later.
//
//go:embed kernels.ptx
var PTX string

// Patched is a value as one position sees it: a view overlaid by an update, by their
// addresses. 0 is none.
type Patched struct {
	View, Update uint64
	Rect         region.Rect
}

// Job asks for one rectangle of an output at one position.
type Job struct {
	In Patched
	// Other is a second input, or what a convolution adds to its output.
	Other Patched
	// Rect is the wanted rectangle; Out receives its pixels, row by row, Pitch numbers
	// apart, or if that is 0 one behind the other.
	Rect  region.Rect
	Out   uint64
	Pitch int
}

// Batch is the jobs of a launch, in a device's memory.
type Batch struct {
	Jobs, First   uint64 // addresses of what Tables has laid out
	Count, Pixels int
}

// Tables lays out jobs for outputs of some channels: what belongs at Batch.Jobs and at
// Batch.First, and how many pixels they have.
func Tables(jobs []Job, channels int) (table, first []byte, pixels int, err error) {
	for _, j := range jobs {
		if j.Rect.Empty() {
			return nil, nil, 0, fmt.Errorf("a job of no pixels")
		}
		first = append32(first, pixels)
		table = j.Other.append(j.In.append(table))
		table = binary.LittleEndian.AppendUint64(table, j.Out)
		pitch := j.Pitch
		if pitch == 0 {
			pitch = channels
		}
		table = append32(table, j.Rect.Y.Lo, j.Rect.X.Lo, j.Rect.X.Len(), pitch)
		if pixels += j.Rect.Area(); pixels > math.MaxInt32-singleThreads { // a last block counts on
			return nil, nil, 0, fmt.Errorf("more pixels in a launch than 32 bits count")
		}
	}
	return table, first, pixels, nil
}

func (p Patched) append(to []byte) []byte {
	to = binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(to, p.View), p.Update)
	return append32(to, p.Rect.Y.Lo, p.Rect.Y.Hi, p.Rect.X.Lo, p.Rect.X.Hi)
}

// append32 appends whole numbers as int32.
func append32(to []byte, numbers ...int) []byte {
	for _, n := range numbers {
		to = binary.LittleEndian.AppendUint32(to, uint32(int32(n)))
	}
	return to
}

// Shape is what all jobs of a launch have in common. Planes of operators without windows
// have those of region.Identity.
type Shape struct {
	Y, X region.Window // In and Out are the heights and widths of the planes
	// C and OutC are the channels of the input and the output, Group the groups of a
	// convolution, or how many channels a group of a depthwise one has.
	C, OutC, Group int
	// Clamp bounds outputs, Sum the sum with what is added to them.
	Clamp, Sum [2]float32
}

// bytes is the kernels' struct shape.
func (s Shape) bytes(b Batch) []byte {
	d := append32(nil, s.Y.In, s.X.In, s.C, s.Y.Kernel, s.X.Kernel, s.Y.Stride, s.X.Stride, s.Y.Dilation, s.X.Dilation,
		s.Y.Pad, s.X.Pad, s.Y.Out, s.X.Out, s.OutC, s.Group, b.Count, b.Pixels)
	for _, v := range []float32{s.Clamp[0], s.Clamp[1], s.Sum[0], s.Sum[1]} {
		d = binary.LittleEndian.AppendUint32(d, math.Float32bits(v))
	}
	return d
}

// Launch is a kernel with its blocks and arguments: addresses, int32 and bytes of structs.
type Launch struct {
	Kernel    string
	Grid      [3]int
	Threads   int
	Arguments []any
}

// What a block computes, as kernels.cl has it.
const (
	pixels        = 64
	columns       = 64
	denseThreads  = 128
	singleThreads = 256
	rowTeams      = 16
	mostBlocks    = 1<<16 - 1 // along y and z
)

// PackDense lays out weights given as [outC][cin][taps] (the ONNX order) and biases (nil
// for none) for Convolve.
func PackDense(weights, bias []float32, cin, taps, group, outC int) (packed, biases []float32) {
	cout := outC / group
	padded := (cout + columns - 1) / columns * columns
	packed, biases = make([]float32, group*taps*cin*padded), make([]float32, group*padded)
	for o, v := range bias {
		biases[o/cout*padded+o%cout] = v
	}
	// Some outputs at a time, whose weights lie together when they are packed.
	const together = 16
	for g := range group {
		to := packed[g*taps*cin*padded:]
		for first := 0; first < cout; first += together {
			last := min(first+together, cout)
			for ci := range cin {
				for t := range taps {
					row := to[(t*cin+ci)*padded:][:padded]
					for c := first; c < last; c++ {
						row[c] = weights[((g*cout+c)*cin+ci)*taps+t]
					}
				}
			}
		}
	}
	return packed, biases
}

// Convolve is a convolution with weights and biases as PackDense lays them out; a fully
// connected layer is the one whose window is the whole plane.
func Convolve(b Batch, s Shape, weights, bias uint64) (Launch, error) {
	cout := s.OutC / s.Group
	grid := [3]int{(b.Pixels + pixels - 1) / pixels, (cout + columns - 1) / columns, s.Group}
	if grid[1] > mostBlocks || grid[2] > mostBlocks {
		return Launch{}, fmt.Errorf("a convolution to %d channels in %d groups", s.OutC, s.Group)
	}
	return Launch{"convolve", grid, denseThreads, []any{b.Jobs, b.First, weights, bias, s.bytes(b)}}, nil
}

// Precision is what the factors of a convolution's products are rounded to; sums are of float32,
// as tensor cores compute them.
type Precision int

// The precisions: of 32 bits, which no tensor core takes, of 19, and of 16.
const (
	FP32 Precision = iota
	TF32
	BF16
)

// words is how many words of so many channels lie together for a tensor core, filled up.
func (p Precision) words(cin int) int {
	const atOnce = 16
	each := atOnce
	if p == BF16 {
		each = 2 * atOnce
	}
	return (cin + each - 1) / each * atOnce
}

// PackTensor is PackDense for ConvolveTensor: weights are rounded, two channels' to a word where
// that is of BF16.
func PackTensor(weights, bias []float32, cin, taps, group, outC int, p Precision) (packed []uint32, biases []float32) {
	cout := outC / group
	padded, words := (cout+columns-1)/columns*columns, p.words(cin)
	packed, biases = make([]uint32, group*taps*words*padded), make([]float32, group*padded)
	for o, v := range bias {
		biases[o/cout*padded+o%cout] = v
	}
	for o := range outC {
		g, c := o/cout, o%cout
		for ci := range cin {
			for t := range taps {
				v := weights[(o*cin+ci)*taps+t]
				at := func(word int) *uint32 { return &packed[((g*taps+t)*words+word)*padded+c] }
				switch {
				case p == TF32:
					*at(ci) = math.Float32bits(narrow.TF32(v))
				case ci%2 == 0:
					*at(ci / 2) |= math.Float32bits(narrow.BF16(v)) >> 16
				default:
					*at(ci / 2) |= math.Float32bits(narrow.BF16(v))
				}
			}
		}
	}
	return packed, biases
}

// ConvolveTensor is Convolve by tensor cores, with weights as PackTensor lays them out. Its
// results are not Convolve's, but an update's are those of a whole run.
func ConvolveTensor(b Batch, s Shape, p Precision, weights, bias uint64) (Launch, error) {
	l, err := Convolve(b, s, weights, bias)
	switch p {
	case TF32:
		l.Kernel = "convolve_tf32"
	case BF16:
		l.Kernel = "convolve_bf16"
	default:
		return Launch{}, fmt.Errorf("no tensor cores of precision %d", p)
	}
	return l, err
}

// PackWinograd transforms weights given as [outC][cin][3][3] for WinogradProducts.
func PackWinograd(weights []float32, cin, outC int, size asm.WinogradSize) []float32 {
	padded, elements := (outC+columns-1)/columns*columns, size.Elements()
	packed := make([]float32, elements*cin*padded)
	var u [36]float32
	for o := range outC {
		for c := range cin {
			asm.WinogradKernel(size, (*[9]float32)(weights[(o*cin+c)*9:]), u[:])
			for e := range elements {
				packed[(e*cin+c)*padded+o] = u[e]
			}
		}
	}
	return packed
}

// Winograd is a convolution by Winograd's tiles of a size (engine.Winograd), whose weights
// PackWinograd has transformed: three launches, between which transformed inputs lie at Inputs and
// products at Products, for each element and tile as many numbers as there are channels.
type Winograd struct {
	Size             asm.WinogradSize
	Weights, Bias    uint64
	Inputs, Products uint64
}

// Numbers is how many the transformed tiles of so many channels are.
func (w *Winograd) Numbers(tiles, channels int) int { return w.Size.Elements() * tiles * channels }

// Launches are those of jobs whose rectangles are of tiles: inputs are theirs, outputs have In the
// rectangle of pixels that is wanted at Update, and perhaps Other, that is added. Both are of the
// same tiles.
func (w *Winograd) Launches(inputs, outputs Batch, s Shape) ([]Launch, error) {
	transform := func(name string, b Batch, channels int, arguments ...any) Launch {
		arguments = append([]any{b.Jobs, b.First}, append(arguments, int32(w.Size), s.bytes(b))...)
		return Launch{name, [3]int{b.Pixels * ((channels + transformed - 1) / transformed), 1, 1}, transformThreads, arguments}
	}
	tiles := inputs.Pixels
	grid := [3]int{(tiles + pixels - 1) / pixels, (s.OutC + columns - 1) / columns, w.Size.Elements()}
	if most := math.MaxInt32 / transformed; tiles != outputs.Pixels || tiles > most/(s.C+1) || tiles > most/(s.OutC+1) || grid[1] > mostBlocks {
		return nil, fmt.Errorf("%d tiles of %d to %d channels in a launch", tiles, s.C, s.OutC)
	}
	return []Launch{
		transform("winograd_inputs", inputs, s.C, w.Inputs),
		{"winograd_products", grid, denseThreads, []any{w.Inputs, w.Weights, w.Products, int32(tiles), int32(s.C), int32(s.OutC)}},
		transform("winograd_outputs", outputs, s.OutC, w.Products, w.Bias),
	}, nil
}

// Channels of a tile that a block transforms, and its threads: one for each of those and line.
const (
	transformed      = 32
	transformThreads = 6 * transformed
)

// PackDepthwise lays out weights given as [channels][per][taps] for Depthwise.
func PackDepthwise(weights []float32, per, taps, channels int) []float32 {
	packed := make([]float32, len(weights))
	for c := range channels {
		for k := range per {
			for t := range taps {
				packed[(t*per+k)*channels+c] = weights[(c*per+k)*taps+t]
			}
		}
	}
	return packed
}

// Depthwise is a convolution in groups of Shape.Group channels, with as many outputs, by
// weights as PackDepthwise lays them out and a bias for each channel.
func Depthwise(b Batch, s Shape, weights, bias uint64) (Launch, error) {
	return single("depthwise", b, s, weights, bias)
}

// MaxPool takes the largest number of each window.
func MaxPool(b Batch, s Shape) (Launch, error) { return single("max_pool", b, s) }

// AveragePool takes the mean of each window: of what lies inside of the plane, or, if rows and
// columns are not 0, by the products of the int32 there, one for each row and column of the
// output.
func AveragePool(b Batch, s Shape, rows, columns uint64) (Launch, error) {
	return single("average_pool", b, s, rows, columns)
}

// Mean is the sum of each window, which lies inside of the plane, divided by count: that of the
// whole plane, or of its rows.
func Mean(b Batch, s Shape, count int) (Launch, error) { return single("mean", b, s, int32(count)) }

// Sum adds the two inputs, and bounds what comes of it.
func Sum(b Batch, s Shape) (Launch, error) { return single("sum", b, s) }

// Bounds limits every number.
func Bounds(b Batch, s Shape) (Launch, error) { return single("bounds", b, s) }

// Affine is a number for each channel times the input, and one more added to it.
func Affine(b Batch, s Shape, scale, shift uint64) (Launch, error) {
	return single("affine", b, s, scale, shift)
}

// What stands in the tables of Pick for what is no number of the input.
const (
	Filled = -1 // Fill
	Left   = -2 // what is there already; of channels alone
)

// Pick copies numbers: those of rows, columns and channels that tables of int32 list for
// those of the output, by their addresses; 0 is the table of the same ones.
func Pick(b Batch, s Shape, rows, columns, channels uint64, fill float32) (Launch, error) {
	return single("pick", b, s, rows, columns, channels, number(fill))
}

// Operand is one of Combine's two: Constants, or if that is 0 an input, the jobs' Other if
// Second and else their In, whose plane has so many rows, columns and channels. Kind spreads it
// over the output, as engine.Operand has it.
type Operand struct {
	Constants uint64
	Kind      int
	Second    bool
	H, W, C   int
}

func (o Operand) bytes() []byte {
	return append32(binary.LittleEndian.AppendUint64(nil, o.Constants), o.Kind, int(truth(o.Second)), o.H, o.W, o.C, 0)
}

// Combine is arithmetic of two operands.
func Combine(b Batch, s Shape, o asm.Arithmetic, left, right Operand) (Launch, error) {
	if o < asm.Sum || o > asm.GreaterOrEqual {
		return Launch{}, fmt.Errorf("no kernel for arithmetic %d", o)
	}
	return single("combine", b, s, left.bytes(), right.bytes(), int32(o))
}

// functions are the kernels of asm's functions.
var functions = map[asm.Function]string{
	asm.Exp: "f_exp", asm.Sigmoid: "f_sigmoid", asm.Swish: "f_swish", asm.Tanh: "f_tanh", asm.Erf: "f_erf", asm.Gelu: "f_gelu",
	asm.GeluTanh: "f_gelu_tanh", asm.Mish: "f_mish", asm.Elu: "f_elu", asm.HardSigmoid: "f_hard_sigmoid", asm.HardSwish: "f_hard_swish",
	asm.LeakyRelu: "f_leaky_relu", asm.Sqrt: "f_sqrt", asm.Reciprocal: "f_reciprocal", asm.Abs: "f_abs", asm.Neg: "f_neg",
	asm.Square: "f_square", asm.Log: "f_log", asm.Softplus: "f_softplus", asm.Celu: "f_celu", asm.Pow: "f_pow", asm.Softsign: "f_softsign",
}

// Function is a function of each number: table is the address of what asm.Table gives for
// it, with factor as its first parameter.
func Function(b Batch, s Shape, f asm.Function, factor float64, table uint64) (Launch, error) {
	name, ok := functions[f]
	if !ok {
		return Launch{}, fmt.Errorf("no kernel for function %d", f)
	}
	if f == asm.Swish && factor == 1 {
		name = "f_swish_single"
	}
	return single(name, b, s, table)
}

// single is a kernel of which each thread computes one number.
func single(name string, b Batch, s Shape, arguments ...any) (Launch, error) {
	n := b.Pixels * s.OutC
	if n > math.MaxInt32-singleThreads {
		return Launch{}, fmt.Errorf("%s: more numbers in a launch than 32 bits count", name)
	}
	arguments = append([]any{b.Jobs, b.First}, append(arguments, s.bytes(b))...)
	return Launch{name, [3]int{(n + singleThreads - 1) / singleThreads, 1, 1}, singleThreads, arguments}, nil
}

// teams is a kernel of which each team of threads computes a row of numbers, of so many in a
// pixel.
func teams(name string, b Batch, s Shape, rows int, arguments ...any) (Launch, error) {
	n := b.Pixels * rows
	if n > math.MaxInt32-singleThreads {
		return Launch{}, fmt.Errorf("%s: more rows in a launch than 32 bits count", name)
	}
	arguments = append([]any{b.Jobs, b.First}, append(arguments, s.bytes(b))...)
	return Launch{name, [3]int{(n + rowTeams - 1) / rowTeams, 1, 1}, singleThreads, arguments}, nil
}

// double is an argument of float64.
func double(v float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)) }

// truth is an argument that is 1 for true.
func truth(v bool) int32 {
	if v {
		return 1
	}
	return 0
}

// number is an argument of float32.
func number(v float32) int32 { return int32(math.Float32bits(v)) }

// LayerNorm is engine.LayerNorm; scale and bias are addresses of its numbers.
func LayerNorm(b Batch, s Shape, l *engine.LayerNorm, scale, bias uint64) (Launch, error) {
	return teams("layer_norm", b, s, 1, scale, bias, double(l.Epsilon), truth(l.Mean && !l.Length), truth(l.Length))
}

// logarithmChunk is how many numbers package softmax's LogRow adds up by themselves.
const logarithmChunk = 64

// Softmax is engine.Softmax; table is the address of asm.Table(asm.Log), which has what
// exponentials need, too.
func Softmax(b Batch, s Shape, m *engine.Softmax, table uint64) (Launch, error) {
	rows, of := s.C/m.Size, s
	if m.Size < asm.ShortRow && s.Y.In*s.X.In*s.C != m.Size {
		of.OutC = rows
		return single("softmax_short", b, of, table, int32(m.Size), truth(m.Log))
	}
	chunk := m.Size
	if m.Log {
		chunk = logarithmChunk
	}
	return teams("softmax", b, s, rows, table, int32(m.Size), int32(chunk), truth(m.Log))
}

// Table is engine.Table: constants and rows are addresses of its tables.
func Table(b Batch, s Shape, t *engine.Table, constants, rows uint64) (Launch, error) {
	return single("table_of", b, s, constants, rows, int32(t.Length), truth(t.Single), int32(t.Operation), int32(0))
}

// Select is engine.Select, with tables as Table has them.
func Select(b Batch, s Shape, t *engine.Select, constants, rows uint64) (Launch, error) {
	return single("table_of", b, s, constants, rows, int32(t.Length), truth(t.Single), int32(-1), number(t.Number))
}

// Taps are tables of what outputs are made of along an axis (region.Table), by their addresses;
// Weights 0 is all weights 1.
type Taps struct {
	Index, Weights uint64
	Count          int
}

// Resize is engine.Interpolate.
func Resize(b Batch, s Shape, y, x Taps, fill float32) (Launch, error) {
	return single("resize", b, s, y.Index, y.Weights, x.Index, x.Weights, int32(y.Count), int32(x.Count), number(fill))
}

// Sample is engine.Sample: taps are those of all pixels of the output.
func Sample(b Batch, s Shape, taps Taps) (Launch, error) {
	return single("sample", b, s, taps.Index, taps.Weights, int32(taps.Count))
}

// Spread is engine.Spread: strides and paddings of the windows are its factors, and how much is
// left out.
func Spread(b Batch, s Shape) (Launch, error) { return single("spread", b, s) }

// Squares is engine.Squares with its windows; source is the address of its channels.
func Squares(b Batch, s Shape, source uint64, fill float32) (Launch, error) {
	return single("squares", b, s, source, number(fill))
}

// Turn is engine.Turn.
func Turn(b Batch, s Shape) (Launch, error) { return single("turn", b, s) }

// Block is numbers that Move copies, as engine.Block has them: those of an input, of constants
// if that is not 0, or those at the places in Index, if that is not 0.
type Block struct {
	Constants, Index uint64
	From, To         int
	Loops            []engine.Loop
}

// mostLoops is how many a block has.
const mostLoops = 8

// Move copies a block to each job's output, which is whole; the shape is of the input.
func Move(b Batch, s Shape, of Block) (Launch, error) {
	count := 1
	var rounds, along, by [mostLoops]int
	for i := range rounds {
		if rounds[i] = 1; i < len(of.Loops) {
			rounds[i], along[i], by[i] = of.Loops[i].N, of.Loops[i].From, of.Loops[i].To
		}
		if count *= rounds[i]; count > math.MaxInt32-singleThreads {
			return Launch{}, fmt.Errorf("more numbers in a launch than 32 bits count")
		}
	}
	if len(of.Loops) > mostLoops || count < 1 || b.Count > mostBlocks {
		return Launch{}, fmt.Errorf("a block of %d loops, %d numbers, at %d positions in a launch", len(of.Loops), count, b.Count)
	}
	block := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, of.Constants), of.Index)
	block = append32(block, of.From, of.To, count, 0)
	block = append32(append32(append32(block, rounds[:]...), along[:]...), by[:]...)
	return Launch{"move", [3]int{(count + singleThreads - 1) / singleThreads, b.Count, 1}, singleThreads, []any{b.Jobs, block, s.bytes(b)}}, nil
}

// Reduce is engine.Reduce: source is the address of ReduceTable.
func Reduce(b Batch, s Shape, r *engine.Reduce, source uint64) (Launch, error) {
	single32, wide := r.Single()
	return single("reduce", b, s, source, int32(r.Kind), truth(single32), truth(wide))
}

// ReduceTable lists where the channels of each output begin, and then all of them.
func ReduceTable(r *engine.Reduce) []int32 {
	at := int32(len(r.Source) + 1)
	var begin, all []int32
	for _, from := range r.Source {
		begin = append(begin, at)
		for _, c := range from {
			all = append(all, int32(c))
		}
		at += int32(len(from))
	}
	return append(append(begin, at), all...)
}

// MomentParts is how many parts the pixels of a plane are added up in.
func MomentParts(in engine.Plane) engine.Plane {
	return engine.Plane{H: 1, W: (in.H*in.W + momentPixels - 1) / momentPixels, C: in.C}
}

const momentPixels = 64

// Moment adds up the parts of planes: whole jobs of MomentParts, or with squares, of the squares
// of the distances from means, which are the Other's update.
func Moment(b Batch, s Shape, squares bool) (Launch, error) {
	return single("moment_parts", b, s, truth(squares))
}

// MomentMeans makes means of n numbers of groups of channels, Shape.Group of them, of parts: those
// are the In's update. Shape's windows are theirs.
func MomentMeans(b Batch, s Shape, n float64) (Launch, error) {
	return single("moment_means", b, s, double(n))
}

// Moments makes of parts of squares, and of means in the Other's update, what engine.Moments does.
func Moments(b Batch, s Shape, n, epsilon float64, scale, bias uint64) (Launch, error) {
	return single("moments", b, s, scale, bias, double(n), double(epsilon))
}

// Rescale is engine.Rescale.
func Rescale(b Batch, s Shape) (Launch, error) { return single("rescale", b, s) }

// Commit copies those pixels of the input, of Shape's plane, that have moved to the plane whose
// first pixel is at a job's Out, and says which: flags is the address of an int32 for each pixel
// of all jobs. A pixel has moved by a bit, or, if limit is not 0, by more than that, a squared
// distance; what is no number has moved.
func Commit(b Batch, s Shape, flags uint64, limit float32) (Launch, error) {
	s.OutC = 1
	return single("commit", b, s, flags, number(limit))
}

// Matrix says where the matrices of an operand lie, as engine.Matrix does, by the addresses
// of its tables, and of its constants; 0 is the update of the first input, or of the Second.
type Matrix struct {
	Constants, Batch, Row, Column uint64
	First                         int
	Second                        bool
}

func (m Matrix) bytes() []byte {
	var d []byte
	for _, v := range []uint64{m.Constants, m.Batch, m.Row, m.Column} {
		d = binary.LittleEndian.AppendUint64(d, v)
	}
	return append32(d, m.First, int(truth(m.Second)))
}

// Products are matrix products of a batch, as engine.Product has them. Out has no columns:
// those of a row follow each other.
type Products struct {
	Left, Right, Out            Matrix
	Batch, Rows, Columns, Depth int
	Scale                       float32
}

// Product multiplies the matrices of each job: the updates of its two inputs, which are
// whole. Of the jobs only addresses are looked at.
func Product(b Batch, p Products) (Launch, error) {
	blocks := (p.Rows + pixels - 1) / pixels * ((p.Columns + columns - 1) / columns)
	if p.Rows*p.Columns > math.MaxInt32 || p.Batch > mostBlocks || b.Count > mostBlocks {
		return Launch{}, fmt.Errorf("products of %d times %d by %d numbers at %d positions in a launch", p.Batch, p.Rows, p.Columns, b.Count)
	}
	return Launch{"product", [3]int{blocks, p.Batch, b.Count}, denseThreads,
		[]any{b.Jobs, p.Left.bytes(), p.Right.bytes(), p.Out.bytes(), int32(p.Rows), int32(p.Columns), int32(p.Depth), number(p.Scale)}}, nil
}
