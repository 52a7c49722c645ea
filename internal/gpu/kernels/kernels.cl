// Kernels of planes on a graphics processor, in OpenCL C. `make generate` has clang make PTX
// of them, which lies beside them. Sums of products are rounded as they are written here:
// FP_CONTRACT is off, and where one rounding is meant fma stands.
//
// Planes are as package engine has them: channels last, float32. One launch computes a
// rectangle at each of many positions. Addresses are whole numbers, since they stand in
// tables; 0 is none.

#pragma OPENCL FP_CONTRACT OFF

// clang has no library of OpenCL's functions for this target. Other compilers that have one can
// make the kernels too, but for those with instructions of this target: a second opinion.
#ifdef __NVPTX__
#define get_local_id(axis) ((int)__nvvm_read_ptx_sreg_tid_x())
#define get_group_id(axis) ((int)((axis) == 0 ? __nvvm_read_ptx_sreg_ctaid_x() : (axis) == 1 ? __nvvm_read_ptx_sreg_ctaid_y() : __nvvm_read_ptx_sreg_ctaid_z()))
#define get_num_groups(axis) ((int)__nvvm_read_ptx_sreg_nctaid_y())
#define barrier(flags) __syncthreads()
#define fma(a, b, c) _Generic((c), float: __builtin_fmaf, double: __builtin_fma)(a, b, c)
#endif

#define UNROLL _Pragma("unroll")
#define SMALLER(a, b) ((a) < (b) ? (a) : (b))

// patched is a value as one position sees it (engine.Patched): rows [ylo, yhi) and
// columns [xlo, xhi) lie in the update, the rest in the view. Where there is no view it
// is like what lies beside the plane.
struct patched {
	ulong view, update;
	int ylo, yhi, xlo, xhi;
};

// job asks for a rectangle of outputs at one position, whose first pixel is (y, x), columns
// of them in a row; they go to out, pitch numbers apart.
struct job {
	struct patched in, other; // other is a second input, or what is added to the output
	ulong out;
	int y, x, columns, pitch;
};

// shape is what all jobs of a launch have in common.
struct shape {
	int h, w, c;                          // of the input
	int ky, kx, sy, sx, dy, dx, py, px;   // windows: taps, strides, dilations, padding
	int outh, outw, outc;                 // of the output's plane
	int group;                            // groups of channels; of depthwise, channels of one
	int jobs, pixels;                     // how many, and of all of them
	float lo, hi;                         // bounds
	float sumlo, sumhi;                   // those of the sum with other
};

// bound limits v; a NaN stays one.
static float bound(float v, float lo, float hi)
{
	v = lo > v ? lo : v;
	return hi < v ? hi : v;
}

// job_of is the number of the job that pixel p of all jobs' belongs to: first says where
// each one's begin.
static int job_of(global const int *first, int jobs, int p)
{
	int lo = 0, hi = jobs;
	while (hi - lo > 1) {
		int middle = (lo + hi) >> 1;
		if (first[middle] <= p)
			lo = middle;
		else
			hi = middle;
	}
	return lo;
}

// pixel_at is the address of pixel (y, x) of a plane of h rows of w pixels of c channels, 0
// if there is none.
static ulong pixel_at(global const struct patched *p, int h, int w, int c, int y, int x)
{
	if (y < 0 || y >= h || x < 0 || x >= w)
		return 0;
	if (y >= p->ylo && y < p->yhi && x >= p->xlo && x < p->xhi)
		return p->update + 4ul * c * ((ulong)(y - p->ylo) * (p->xhi - p->xlo) + (x - p->xlo));
	if (p->view == 0)
		return 0;
	return p->view + 4ul * c * ((ulong)y * w + x);
}

static float number_at(ulong address, int i)
{
	return ((global const float *)address)[i];
}

// four_at is the first left numbers of four, at once where they lie so, and zeros behind them.
static float4 four_at(ulong address, int left)
{
	if (left >= 4 && (address & 15) == 0)
		return *(global const float4 *)address;
	float4 v;
	v.x = left > 0 ? number_at(address, 0) : 0;
	v.y = left > 1 ? number_at(address, 1) : 0;
	v.z = left > 2 ? number_at(address, 2) : 0;
	v.w = left > 3 ? number_at(address, 3) : 0;
	return v;
}

// What convolve computes in a block: PIXELS by COLUMNS outputs, DEPTH products of each
// between two barriers. Thread t has TALL pixels from TALL*(t/16) on and WIDE columns.
#define PIXELS 64
#define COLUMNS 64
#define DEPTH 16
#define THREADS 128
#define TALL 8
#define WIDE 4

// MULTIPLY adds to a thread's sums acc the products of TALL pixels' numbers, in two parts, and
// WIDE columns'.
#define MULTIPLY(first_pixels, last_pixels, wide)                                                                \
	{                                                                                                        \
		const float4 p = first_pixels, q = last_pixels, v = wide;                                        \
		const float of[TALL] = {p.x, p.y, p.z, p.w, q.x, q.y, q.z, q.w}, by[WIDE] = {v.x, v.y, v.z, v.w}; \
		UNROLL for (int i = 0; i < TALL; i++)                                                            \
			UNROLL for (int k = 0; k < WIDE; k++)                                                    \
				acc[i][k] = fma(of[i], by[k], acc[i][k]);                                        \
	}

// convolve is a convolution with bias, bounds, and perhaps a sum with other. Each output is
// one sum, which begins with the bias and takes taps in their order, of each the channels,
// and each product with one rounding: so it has the bits of kernels avx2 and avx512,
// whatever block it falls into. weights are [group][tap][channel][column], columns padded
// with zeros to whole blocks, and so are biases.
kernel void convolve(global const struct job *restrict jobs, global const int *restrict first,
	global const float *restrict weights, global const float *restrict bias, struct shape g)
{
	local float4 inputs[DEPTH][PIXELS / 4], rows[DEPTH][COLUMNS / 4];
	local ulong outs[PIXELS], others[PIXELS];
	const int t = get_local_id(0);
	const int cin = g.c / g.group, cout = g.outc / g.group, taps = g.ky * g.kx;
	const int padded = get_num_groups(1) * COLUMNS;
	const int group = get_group_id(2), column = get_group_id(1) * COLUMNS;

	// The pixel whose inputs this thread fetches; behind the last one that one again.
	const int fetched = t % PIXELS, from = t / PIXELS * (DEPTH * PIXELS / THREADS);
	const int wanted = get_group_id(0) * PIXELS + fetched, pixel = SMALLER(wanted, g.pixels - 1);
	const int number = job_of(first, g.jobs, pixel), at = pixel - first[number];
	global const struct job *j = jobs + number;
	const int y = j->y + at / j->columns, x = j->x + at % j->columns;
	if (t < PIXELS) {
		outs[t] = wanted < g.pixels ? j->out + 4ul * at * j->pitch : 0;
		others[t] = pixel_at(&j->other, g.outh, g.outw, g.outc, y, x);
	}

	const int row = t / 16 * TALL, col = t % 16 * WIDE;
	float acc[TALL][WIDE];
	UNROLL for (int i = 0; i < TALL; i++)
		UNROLL for (int k = 0; k < WIDE; k++)
			acc[i][k] = bias[group * padded + column + col + k];

	global const float *w = weights + (ulong)group * taps * cin * padded + column;
	for (int tap = 0; tap < taps; tap++) {
		const ulong in = pixel_at(&j->in, g.h, g.w, g.c, y * g.sy - g.py + tap / g.kx * g.dy, x * g.sx - g.px + tap % g.kx * g.dx);
		for (int c = 0; c < cin; c += DEPTH) {
			const int depth = SMALLER(DEPTH, cin - c);
			UNROLL for (int k = from; k < from + DEPTH * PIXELS / THREADS; k += 4) {
				const float4 v = four_at(in + 4ul * (group * cin + c + k), in != 0 ? depth - k : 0);
				((local float *)inputs[k])[fetched] = v.x;
				((local float *)inputs[k + 1])[fetched] = v.y;
				((local float *)inputs[k + 2])[fetched] = v.z;
				((local float *)inputs[k + 3])[fetched] = v.w;
			}
			UNROLL for (int k = t / (COLUMNS / 4); k < DEPTH; k += THREADS / (COLUMNS / 4))
				rows[k][t % (COLUMNS / 4)] = k < depth ? ((global const float4 *)(w + (ulong)(tap * cin + c + k) * padded))[t % (COLUMNS / 4)] : 0;
			barrier(CLK_LOCAL_MEM_FENCE);
			for (int k = 0; k < depth; k++)
				MULTIPLY(inputs[k][row / 4], inputs[k][row / 4 + 1], rows[k][col / 4])
			barrier(CLK_LOCAL_MEM_FENCE);
		}
	}
	UNROLL for (int i = 0; i < TALL; i++) {
		const ulong out = outs[row + i], other = others[row + i];
		UNROLL for (int k = 0; k < WIDE; k++) {
			const int c = group * cout + column + col + k;
			if (out == 0 || column + col + k >= cout)
				continue;
			// Adding zero turns -0, which only underflow can make, into 0.
			float v = bound(acc[i][k], g.lo, g.hi) + 0.0f;
			if (other != 0)
				v = bound(v + number_at(other, c), g.sumlo, g.sumhi);
			((global float *)out)[c] = v;
		}
	}
}

// Each thread of those below computes one number: BLOCK of them in a block.
#define BLOCK 256

// A place is which number a thread computes: channel c of pixel (y, x) of job j, which goes
// to out. PLACE returns from threads behind the last one.
#define PLACE(channels)                                                          \
	const int element = get_group_id(0) * BLOCK + get_local_id(0);           \
	const int pixel = element / (channels), c = element % (channels);        \
	if (pixel >= g.pixels)                                                   \
		return;                                                          \
	const int number = job_of(first, g.jobs, pixel), at = pixel - first[number]; \
	global const struct job *j = jobs + number;                              \
	const int y = j->y + at / j->columns, x = j->x + at % j->columns;        \
	global float *out = (global float *)(j->out + 4ul * at * j->pitch) + c;

// TAP is the address of a tap's pixel.
#define TAP(ky, kx) pixel_at(&j->in, g.h, g.w, g.c, y * g.sy - g.py + (ky) * g.dy, x * g.sx - g.px + (kx) * g.dx)

#define JOBS global const struct job *restrict jobs, global const int *restrict first

// depthwise is engine.Depthwise: weights are [tap][channel of the group][channel].
kernel void depthwise(JOBS, global const float *restrict weights, global const float *restrict bias, struct shape g)
{
	PLACE(g.c)
	float acc = bias[c];
	for (int ky = 0; ky < g.ky; ky++)
		for (int kx = 0; kx < g.kx; kx++) {
			const ulong in = TAP(ky, kx);
			global const float *w = weights + (ulong)(ky * g.kx + kx) * g.group * g.c + c;
			for (int k = 0; k < g.group; k++)
				acc = fma(in != 0 ? number_at(in, c / g.group * g.group + k) : 0.0f, w[k * g.c], acc);
		}
	*out = bound(acc, g.lo, g.hi);
}

// max_pool takes the largest number of each window, NaN if one is; of zeros the first.
kernel void max_pool(JOBS, struct shape g)
{
	PLACE(g.c)
	float top = -__builtin_inff();
	for (int ky = 0; ky < g.ky; ky++)
		for (int kx = 0; kx < g.kx; kx++) {
			const ulong in = TAP(ky, kx);
			if (in == 0)
				continue;
			const float v = number_at(in, c);
			if (v > top || v != v)
				top = v;
		}
	*out = top;
}

// average_pool takes the mean of each window: of what lies inside of the plane, or, where
// divisors are given, by the products of those of the rows and of the columns.
kernel void average_pool(JOBS, global const int *restrict rows, global const int *restrict columns, struct shape g)
{
	PLACE(g.c)
	float acc = 0;
	int n = 0;
	for (int ky = 0; ky < g.ky; ky++)
		for (int kx = 0; kx < g.kx; kx++) {
			const ulong in = TAP(ky, kx);
			if (in == 0)
				continue;
			acc += number_at(in, c);
			n++;
		}
	if (n == 0) {
		*out = 0;
		return;
	}
	if (rows != 0)
		n = rows[y] * columns[x];
	*out = acc * (1.0f / (float)n);
}

// mean is the sum of each window, which lies inside of the plane, divided by count: a channel
// has four sums, of every fourth pixel, which are added up in halves.
kernel void mean(JOBS, int count, struct shape g)
{
	PLACE(g.c)
	const int taps = g.ky * g.kx;
	float acc[4] = {0, 0, 0, 0};
	for (int i = 0; i < taps; i += 4)
		UNROLL for (int k = 0; k < 4; k++)
			if (i + k < taps)
				acc[k] += number_at(TAP((i + k) / g.kx, (i + k) % g.kx), c);
	*out = ((acc[0] + acc[1]) + (acc[2] + acc[3])) * (1.0f / (float)count);
}

// X is the number of the first input in the thread's place.
#define X number_at(pixel_at(&j->in, g.h, g.w, g.c, y, x), c)

// sum adds two planes, with bounds.
kernel void sum(JOBS, struct shape g)
{
	PLACE(g.c)
	*out = bound(X + number_at(pixel_at(&j->other, g.h, g.w, g.c, y, x), c), g.lo, g.hi);
}

// bounds limits every number; of two zeros it takes the bound.
kernel void bounds(JOBS, struct shape g)
{
	PLACE(g.c)
	float v = X;
	v = v > g.lo || v != v ? v : g.lo;
	*out = v < g.hi || v != v ? v : g.hi;
}

// affine is x*scale + shift of each channel, with bounds and two roundings.
kernel void affine(JOBS, global const float *restrict scale, global const float *restrict shift, struct shape g)
{
	PLACE(g.c)
	*out = bound(X * scale[c] + shift[c], g.lo, g.hi);
}

// pick copies numbers of the input: those of row rows[y], column columns[x] and channel
// channels[c], or the same ones where there is no table. -1 stands for fill; channels with
// -2 are left as they are.
kernel void pick(JOBS, global const int *restrict rows, global const int *restrict columns, global const int *restrict channels, float fill, struct shape g)
{
	PLACE(g.outc)
	const int row = rows != 0 ? rows[y] : y, column = columns != 0 ? columns[x] : x, channel = channels != 0 ? channels[c] : c;
	if (channel == -2)
		return;
	const ulong in = channel < 0 ? 0 : pixel_at(&j->in, g.h, g.w, g.c, row, column);
	*out = in != 0 ? number_at(in, channel) : fill;
}

// operand is one of combine's two: constants, or, where there are none, an input, whose plane
// has h rows of w pixels of c channels. kind says how it is spread over the output
// (engine.Operand): of as many numbers, of one pixel in a row, of one channel, of one number in
// a row. Of one row it is used for all.
struct operand {
	ulong constants;
	int kind, second; // second says that it is the second input
	int h, w, c, unused;
};

static float operand_at(struct operand o, global const struct job *j, struct shape g, int y, int x, int c)
{
	const int column = o.kind == 0 || o.kind == 2 ? x : 0, channel = o.kind < 2 ? c : 0;
	if (o.constants != 0) {
		const int pixel = o.kind == 0 || o.kind == 2 ? y * g.outw + x : 0;
		return number_at(o.constants, o.kind == 0 ? pixel * g.outc + c : o.kind == 2 ? pixel : channel);
	}
	return number_at(pixel_at(o.second ? &j->other : &j->in, o.h, o.w, o.c, o.h == 1 ? 0 : y, column), channel);
}

// larger and smaller are NaN where a is, or b; of two zeros they give b.
static float larger(float a, float b) { return a > b || a != a ? a : b; }
static float smaller(float a, float b) { return a < b || a != a ? a : b; }

// arithmetic is asm.Arithmetic.
static float arithmetic(int operation, float a, float b)
{
	switch (operation) {
	case 0: return a + b;
	case 1: return a - b;
	case 2: return b - a;
	case 3: return a * b;
	case 4: return a / b;
	case 5: return b / a;
	case 6: return larger(a, b);
	case 7: return smaller(a, b);
	case 8: return a < 0 ? a * b : a;
	case 9: return a == b;
	case 10: return a < b;
	case 11: return a <= b;
	case 12: return a > b;
	case 13: return a >= b;
	}
	return 0;
}

// combine is arithmetic of two operands.
kernel void combine(JOBS, struct operand left, struct operand right, int operation, struct shape g)
{
	PLACE(g.outc)
	*out = arithmetic(operation, operand_at(left, j, g, y, x, c), operand_at(right, j, g, y, x, c));
}

// table combines each run of length neighbouring numbers with a run of constants, or if single
// with one of them (engine.Table): rows says where those of each run begin. Operation -1 puts
// number where a constant is not zero (engine.Select).
kernel void table_of(JOBS, global const float *restrict constants, global const int *restrict rows,
	int length, int single, int operation, float number_there, struct shape g)
{
	PLACE(g.c)
	const float b = constants[rows[(y * g.outw + x) * (g.c / length) + c / length] + (single ? 0 : c % length)];
	if (operation < 0)
		*out = b != 0 ? number_there : X;
	else
		*out = arithmetic(operation, X, b);
}

// resize makes each number of tapsy rows, and those of tapsx columns, times weights if there
// are any (engine.Interpolate): rows first. -1 stands for fill.
kernel void resize(JOBS, global const int *restrict rows, global const float *restrict rowweights, global const int *restrict columns,
	global const float *restrict columnweights, int tapsy, int tapsx, float fill, struct shape g)
{
	PLACE(g.c)
	float v = 0;
	for (int i = 0; i < tapsx; i++) {
		const int column = columns[x * tapsx + i];
		float of = fill;
		if (column >= 0)
			for (int k = 0; k < tapsy; k++) {
				const int row = rows[y * tapsy + k];
				float n = row < 0 ? fill : number_at(pixel_at(&j->in, g.h, g.w, g.c, row, column), c);
				if (rowweights != 0)
					n *= rowweights[y * tapsy + k];
				of = k == 0 ? n : of + n;
			}
		if (columnweights != 0)
			of *= columnweights[x * tapsx + i];
		v = i == 0 ? of : v + of;
	}
	*out = v;
}

// sample makes each pixel of taps others, counted row by row, times weights if there are any
// (engine.Sample); -1 stands for zeros.
kernel void sample(JOBS, global const int *restrict indices, global const float *restrict weights, int taps, struct shape g)
{
	PLACE(g.c)
	const int first_tap = (y * g.outw + x) * taps;
	float v = 0;
	for (int i = 0; i < taps; i++) {
		const int from = indices[first_tap + i];
		float n = from < 0 ? 0 : number_at(pixel_at(&j->in, g.h, g.w, g.c, from / g.w, from % g.w), c);
		if (weights != 0)
			n *= weights[first_tap + i];
		v = i == 0 ? n : v + n;
	}
	*out = v;
}

// spread lays out g.sy by g.sx pixels of the output that lie in one of the input, and leaves
// out g.py rows and g.px columns (engine.Spread).
kernel void spread(JOBS, struct shape g)
{
	PLACE(g.outc)
	const int row = y + g.py, column = x + g.px;
	*out = number_at(pixel_at(&j->in, g.h, g.w, g.c, row / g.sy, column / g.sx), (row % g.sy * g.sx + column % g.sx) * g.outc + c);
}

// squares makes a pixel of each square of g.ky by g.kx pixels: source says which of the
// square's numbers each is, -1 stands for fill (engine.Squares).
kernel void squares(JOBS, global const int *restrict source, float fill, struct shape g)
{
	PLACE(g.outc)
	const int from = source[c], width = g.kx * g.c;
	*out = from < 0 ? fill : number_at(pixel_at(&j->in, g.h, g.w, g.c, y * g.ky + from / width, x * g.kx + from % width / g.c), from % g.c);
}

// turn makes rows of columns.
kernel void turn(JOBS, struct shape g)
{
	PLACE(g.c)
	*out = number_at(pixel_at(&j->in, g.h, g.w, g.c, x, y), c);
}

// block is engine.Block: count numbers that nested loops go through, the outermost first, go
// to numbers of the output: those of an input, of constants if that is not 0, or those that
// index lists. Loops that are not used have a round.
#define LOOPS 8
struct block {
	ulong constants, index;
	int from, to, count, unused;
	int rounds[LOOPS], along[LOOPS], by[LOOPS];
};

// move copies a block; blocks of the grid's rows are jobs.
kernel void move(global const struct job *restrict jobs, struct block b, struct shape g)
{
	const int i = get_group_id(0) * BLOCK + get_local_id(0);
	if (i >= b.count)
		return;
	global const struct job *j = jobs + get_group_id(1);
	int from = b.from, to = b.to, rest = i;
	UNROLL for (int k = LOOPS - 1; k >= 0; k--) {
		from += rest % b.rounds[k] * b.along[k];
		to += rest % b.rounds[k] * b.by[k];
		rest /= b.rounds[k];
	}
	if (b.index != 0)
		from = ((global const int *)b.index)[from];
	float v;
	if (b.constants != 0)
		v = number_at(b.constants, from);
	else
		v = number_at(pixel_at(&j->in, g.h, g.w, g.c, from / g.c / g.w, from / g.c % g.w), from % g.c);
	((global float *)j->out)[to] = v;
}

// matrix says where the matrices of an operand are (engine.Matrix): in the update of the first
// input, or of the second one, or in constants if that is not 0.
struct matrix {
	ulong constants, batch, row, column; // but for the first tables of int32
	int first, second;
};

#define INTS(table) ((global const int *)(table))

static global const float *matrix_at(struct matrix m, global const struct job *j, int batch)
{
	const ulong at = m.constants != 0 ? m.constants : m.second ? j->other.update : j->in.update;
	return (global const float *)at + m.first + INTS(m.batch)[batch];
}

// product multiplies matrices of a batch, row by column: of each number the sum of products
// in their order, with one rounding each. Right is multiplied by scale before. Inputs lie
// whole in updates; out's tables say where each product's and each row's results begin.
// Blocks are as those of convolve, those of the grid's first axis row by row.
kernel void product(global const struct job *restrict jobs, struct matrix left, struct matrix right, struct matrix out,
	int rows, int columns, int depth, float scale)
{
	local float4 inputs[DEPTH][PIXELS / 4], weights[DEPTH][COLUMNS / 4];
	const int t = get_local_id(0), across = (columns + COLUMNS - 1) / COLUMNS, b = get_group_id(1);
	const int first_row = get_group_id(0) / across * PIXELS, first_column = get_group_id(0) % across * COLUMNS;
	global const struct job *j = jobs + get_group_id(2);
	// The row and the column that this thread fetches; behind the last one that one again.
	const int fetched = t % PIXELS, from = t / PIXELS * (DEPTH * PIXELS / THREADS);
	global const float *x = matrix_at(left, j, b) + INTS(left.row)[SMALLER(first_row + fetched, rows - 1)];
	global const float *w = matrix_at(right, j, b) + INTS(right.column)[SMALLER(first_column + fetched, columns - 1)];

	const int row = t / 16 * TALL, col = t % 16 * WIDE;
	float acc[TALL][WIDE];
	UNROLL for (int i = 0; i < TALL; i++)
		UNROLL for (int k = 0; k < WIDE; k++)
			acc[i][k] = 0;
	for (int c = 0; c < depth; c += DEPTH) {
		const int deep = SMALLER(DEPTH, depth - c);
		for (int k = from; k < from + DEPTH * PIXELS / THREADS; k++) {
			((local float *)inputs[k])[fetched] = k < deep ? x[INTS(left.column)[c + k]] : 0;
			const float v = k < deep ? w[INTS(right.row)[c + k]] : 0;
			((local float *)weights[k])[fetched] = scale != 1 ? v * scale : v;
		}
		barrier(CLK_LOCAL_MEM_FENCE);
		for (int k = 0; k < deep; k++)
			MULTIPLY(inputs[k][row / 4], inputs[k][row / 4 + 1], weights[k][col / 4])
		barrier(CLK_LOCAL_MEM_FENCE);
	}
	UNROLL for (int i = 0; i < TALL; i++)
		UNROLL for (int k = 0; k < WIDE; k++) {
			const int m = first_row + row + i, n = first_column + col + k;
			if (m < rows && n < columns)
				((global float *)j->out)[INTS(out.batch)[b] + INTS(out.row)[m] + n] = acc[i][k] + 0.0f;
		}
}

// Functions of single numbers, by the operations of package asm in their order. A table has
// parameters and constants, at the places that asm gives them.
enum { P0, P1, ONE, SIGN, LOG2E, ROUND, LN2, EXP, LEAST = EXP + 6, MOST, LOWEST, HIGHEST, OWN, TAIL = OWN + 11, BELOW = TAIL + 5, SINGLE = BELOW + 7, ATANH = 7 };
enum { S_P0, S_P0_REST, S_P1, S_P1_REST, S_ONE, S_LOG2E, S_ROUND, S_LN2, S_LN2_REST, S_EXP, S_LEAST = S_EXP + 5, S_MOST, S_LOW, S_SCALE, S_SIGN, S_LARGEST };

typedef global const double *restrict table;
typedef global const float *singles;

static double at_most(double v, double most) { return v > most ? most : v; }
static double at_least(double v, double least) { return v < least ? least : v; }
static double finite(double x, table t) { return at_most(at_least(x, t[LOWEST]), t[HIGHEST]); }
static int negative(double x) { return (long)as_ulong(x) < 0; }
static double size_of(double x) { return as_double(as_ulong(x) & ~0ul >> 1); }

// horner is the polynomial of x with n coefficients, the highest first.
static double horner(double x, table c, int n)
{
	double p = c[0];
	for (int i = 1; i < n; i++)
		p = fma(p, x, c[i]);
	return p;
}

// n and rest are the exponential of x, which is bounded, as 2^n (1 + rest).
static double reduced(double x, table t, double *rest)
{
	const double n = fma(x, t[LOG2E], t[ROUND]), k = n - t[ROUND], r = fma(-k, t[LN2], x);
	*rest = horner(r, t + EXP, 6) * r;
	return n;
}

// times2 is v times 2^n.
static double times2(double n, double v) { return as_double((as_ulong(n) << 52) + as_ulong(v)); }

// two and rest are the exponential of x as two + two*rest, with two a power of 2.
static double power(double x, table t, double *rest)
{
	return times2(reduced(at_most(at_least(x, t[LEAST]), t[MOST]), t, rest), t[ONE]);
}

static double exponential(double x, table t)
{
	double rest, two = power(x, t, &rest);
	return fma(two, rest, two);
}

static double logistic(double v, double x, table t) { return v / (exponential(-x, t) + t[ONE]); }

static double less_one(double x, table t)
{
	double rest, two = power(x, t, &rest);
	return fma(two, rest, two - t[ONE]);
}

static double logarithm(double x, table t)
{
	table c = t + OWN;
	const ulong n = as_ulong(x) + as_ulong(c[8]);
	const double k = as_double(n >> 52 | as_ulong(c[10])) - c[11];
	const double m = as_double((n & as_ulong(c[9])) + as_ulong(c[7])), s = (m - t[ONE]) / (m + t[ONE]);
	const double y = fma(k, t[LN2], horner(s * s, c, ATANH) * s) + (x - x);
	return x < c[12] ? c[13] : t[HIGHEST] < x ? x : y;
}

static double normal_tail(double w, double z, double h, table t)
{
	double rest, n = reduced(h, t, &rest);
	const double above = horner(z, t + TAIL, 5) * w;
	return times2(n, fma(above, rest, above) / horner(z, t + BELOW, 6));
}

static double hyperbolic_tangent(double x, table t)
{
	const double e = less_one(x + x, t);
	return e / (e + t[OWN]);
}

static double error_function(double x, table t)
{
	table c = t + OWN;
	double z = size_of(x);
	if (z < c[0])
		return fma(horner(x * x, c + 2, 7), x, x);
	z = at_most(z, c[9]);
	const double tail = normal_tail(c[10], z * c[1], -(z * z), t);
	return as_double(as_ulong(t[ONE] - tail) & ~0ul >> 1 | as_ulong(x) & 1ul << 63);
}

static double gelu(double x, table t)
{
	table c = t + OWN;
	const double z = at_most(size_of(x), c[1]);
	return at_least(x, 0) - normal_tail(z, z, z * z * c[0], t);
}

static double gelu_tanh(double x, table t)
{
	table c = t + OWN;
	x = at_least(x, -c[2]);
	const double v = at_most(x, c[2]);
	double rest, n = reduced(v * fma(v * v, c[1], c[0]), t, &rest);
	const double two = times2(n, t[ONE]);
	return x / (fma(two, rest, two) + t[ONE]);
}

static double mish(double x, table t)
{
	const double e = exponential(x, t), two = t[OWN], n = e * (e + two);
	return finite(x, t) * (n / (n + two));
}

static double softplus(double x, table t)
{
	const double e = exponential(-size_of(x), t), s = e / (e + t[OWN + ATANH]);
	return fma(horner(s * s, t + OWN, ATANH), s, at_least(x, 0));
}

static double power_of(double x, table t)
{
	return exponential(logarithm(size_of(x), t) * t[P0], t) * (x < 0 ? t[P1] : t[ONE]);
}

// logistic_single is v / (1 + exp(-x)) in float32.
static float logistic_single(float v, float x, singles t)
{
	const float n = fma(x, t[S_LOG2E], t[S_ROUND]), k = n - t[S_ROUND];
	const float r = fma(k, t[S_LN2_REST], fma(k, t[S_LN2], x));
	float u = t[S_EXP];
	UNROLL for (int i = 1; i < 5; i++)
		u = fma(u, r, t[S_EXP + i]);
	const float rest = fma(u, r * r, -r);
	float scale = x < t[S_LOW] ? t[S_SCALE] : t[S_ONE];
	const float two = as_float((as_uint(n) << 23) + as_uint(scale));
	const float quotient = v / (fma(two, rest, scale) + two);
	if (x <= t[S_LEAST])
		scale = 0;
	return quotient * scale;
}

static float line(float x, singles t)
{
	return bound(fma(x, t[S_P0], t[S_P1]) + fma(x, t[S_P0_REST], t[S_P1_REST]), 0, t[S_ONE]);
}

static float sigmoid(float x, singles t) { return logistic_single(t[S_ONE], bound(x, t[S_LEAST], t[S_MOST]), t); }

static float swish(float x, singles t)
{
	const float v = bound(x, t[S_LEAST], __builtin_inff());
	return logistic_single(v, bound(v, t[S_LEAST], t[S_MOST]), t);
}

static float hard_swish(float x, singles t)
{
	const float v = line(x, t);
	return v != 0 ? x * v : 0;
}

static float size_single(float x) { return as_float(as_uint(x) & 0x7fffffff); }

static float softsign(float x, singles t)
{
	const float v = bound(x, -t[S_LARGEST], t[S_LARGEST]);
	return v / (size_single(v) + t[S_ONE]);
}

#define DOUBLE(name, of)                               \
	kernel void name(JOBS, table t, struct shape g) \
	{                                              \
		PLACE(g.c)                             \
		const double v = X;                    \
		*out = (float)(of);                    \
	}

#define SINGLE(name, of)                                   \
	kernel void name(JOBS, table all, struct shape g)  \
	{                                                  \
		PLACE(g.c)                                 \
		const singles t = (singles)(all + SINGLE); \
		const float v = X;                         \
		*out = of;                                 \
	}

DOUBLE(f_exp, exponential(v, t))
DOUBLE(f_swish, logistic(finite(v, t), v * t[P0], t))
DOUBLE(f_tanh, hyperbolic_tangent(v, t))
DOUBLE(f_erf, error_function(v, t))
DOUBLE(f_gelu, gelu(v, t))
DOUBLE(f_gelu_tanh, gelu_tanh(v, t))
DOUBLE(f_mish, mish(v, t))
DOUBLE(f_elu, negative(v) ? less_one(v, t) * t[P0] : v * t[P1])
DOUBLE(f_log, v < 0 ? t[OWN + 14] : logarithm(v, t))
DOUBLE(f_softplus, softplus(v, t))
DOUBLE(f_celu, negative(v) ? less_one(v * t[P1], t) * t[P0] : v)
DOUBLE(f_pow, power_of(v, t))
DOUBLE(f_sqrt, __builtin_sqrt(v))
DOUBLE(f_reciprocal, t[ONE] / v)
SINGLE(f_sigmoid, sigmoid(v, t))
SINGLE(f_swish_single, swish(v, t))
SINGLE(f_hard_sigmoid, line(v, t))
SINGLE(f_hard_swish, hard_swish(v, t))
SINGLE(f_leaky_relu, as_uint(v) >> 31 ? v * t[S_P0] : v)
SINGLE(f_abs, size_single(v))
SINGLE(f_neg, -v)
SINGLE(f_square, v * v)
SINGLE(f_softsign, softsign(v, t))

// Rows of numbers are summed by a team of LANES threads, in float64, in LANES parts that are
// added up in halves, and what is left behind the last whole part by itself: so the sums have
// the bits of package asm's. A block has TEAMS of them.
#define LANES 16
#define TEAMS (BLOCK / LANES)

// TEAM is the row of a pixel, of so many, and the thread's lane of its team. Teams behind the
// last row take that again, and keep what they find to themselves: all come to barriers.
#define TEAM(of_a_pixel)                                                                                        \
	const int lane = get_local_id(0) % LANES, wanted = get_group_id(0) * TEAMS + get_local_id(0) / LANES;    \
	const int last = g.pixels * (of_a_pixel) - 1, element = SMALLER(wanted, last), live = wanted <= last;    \
	const int pixel = element / (of_a_pixel), row = element % (of_a_pixel);                                 \
	const int number = job_of(first, g.jobs, pixel), at = pixel - first[number];                            \
	global const struct job *j = jobs + number;                                                             \
	const ulong in = pixel_at(&j->in, g.h, g.w, g.c, j->y + at / j->columns, j->x + at % j->columns);       \
	global float *out = (global float *)(j->out + 4ul * at * j->pitch);

// halves adds up the numbers of a team.
static double halves(local double *parts, double mine)
{
	const int t = get_local_id(0);
	barrier(CLK_LOCAL_MEM_FENCE); // for those that still read
	parts[t] = mine;
	barrier(CLK_LOCAL_MEM_FENCE);
	local const double *s = parts + t / LANES * LANES;
	return (((s[0] + s[8]) + (s[4] + s[12])) + ((s[2] + s[10]) + (s[6] + s[14]))) + (((s[1] + s[9]) + (s[5] + s[13])) + ((s[3] + s[11]) + (s[7] + s[15])));
}

// row_sum is asm.RowSum, row_squares asm.RowSquares.
static double row_sum(local double *parts, ulong in, int n, int lane)
{
	const int whole = n / LANES * LANES;
	double acc = 0, rest = 0;
	for (int i = lane; i < whole; i += LANES)
		acc += number_at(in, i);
	for (int i = whole; i < n; i++)
		rest += number_at(in, i);
	return halves(parts, acc) + rest;
}

static double row_squares(local double *parts, ulong in, int n, int lane, double mean)
{
	const int whole = n / LANES * LANES;
	double acc = 0, rest = 0;
	for (int i = lane; i < whole; i += LANES) {
		const double d = number_at(in, i) - mean;
		acc = fma(d, d, acc);
	}
	for (int i = whole; i < n; i++) {
		const double d = number_at(in, i) - mean;
		rest = fma(d, d, rest);
	}
	return halves(parts, acc) + rest;
}

// layer_norm is engine.LayerNorm: centred takes the mean off, length divides by the length.
kernel void layer_norm(JOBS, global const float *restrict scale, global const float *restrict bias, double epsilon,
	int centred, int length, struct shape g)
{
	local double parts[BLOCK];
	TEAM(1)
	const double mean = centred ? row_sum(parts, in, g.c, lane) / g.c : 0;
	const double sum = row_squares(parts, in, g.c, lane, mean), size = __builtin_sqrt(sum);
	const double factor = 1 / (length ? size > epsilon || size != size ? size : epsilon : __builtin_sqrt(sum / g.c + epsilon));
	for (int i = row + lane; live && i < g.c; i += LANES)
		out[i] = (float)fma((number_at(in, i) - mean) * factor, (double)scale[i], (double)bias[i]);
}

// softmax is package softmax's Row, or LogRow if log, of each size numbers: exponentials are
// added up in chunks. Up to FEW are added up without what fills a part.
#define FEW 6
kernel void softmax(JOBS, table t, int size, int chunk, int log, struct shape g)
{
	local double parts[BLOCK];
	TEAM(g.c / size)
	const ulong from = in + 4ul * row * size;
	float top = number_at(from, 0);
	for (int i = lane; i < size; i += LANES)
		top = number_at(from, i) > top ? number_at(from, i) : top;
	parts[get_local_id(0)] = top;
	barrier(CLK_LOCAL_MEM_FENCE);
	UNROLL for (int i = 0; i < LANES; i++) {
		const float v = (float)parts[get_local_id(0) / LANES * LANES + i];
		top = v > top ? v : top;
	}
	out += row * size;
	double total = 0;
	for (int start = 0; start < size; start += chunk) {
		const int n = SMALLER(chunk, size - start), whole = n / LANES * LANES;
		double acc = 0, rest = n <= FEW ? 0 : exponential(-__builtin_inf(), t);
		for (int i = lane; i < whole; i += LANES) {
			const double e = exponential((double)number_at(from, start + i) - top, t);
			acc += e;
			if (live && !log)
				out[start + i] = (float)e;
		}
		if (whole + lane < n) {
			rest = exponential((double)number_at(from, start + whole + lane) - top, t);
			if (live && !log)
				out[start + whole + lane] = (float)rest;
		}
		double sum = halves(parts, acc);
		if (whole < n)
			sum += halves(parts, rest);
		total += sum;
	}
	const double of = log ? logarithm(total, t) : 0;
	const float factor = (float)(1 / total);
	for (int i = lane; live && i < size; i += LANES)
		out[i] = log ? (float)(((double)number_at(from, i) - top) - of) : out[i] * factor;
}

// softmax_short is asm.ShortSoftmax: a thread has a row.
kernel void softmax_short(JOBS, table t, int size, int log, struct shape g)
{
	PLACE(g.c / size)
	const ulong in = pixel_at(&j->in, g.h, g.w, g.c, y, x) + 4ul * c * size;
	global float *to = out + c * (size - 1);
	float top = number_at(in, 0);
	for (int i = 1; i < size; i++)
		top = number_at(in, i) > top ? number_at(in, i) : top;
	double sum = 0;
	for (int i = 0; i < size; i++)
		sum += exponential((double)number_at(in, i) - top, t);
	const double of = log ? logarithm(sum, t) : 0;
	const float factor = (float)(t[ONE] / sum);
	for (int i = 0; i < size; i++) {
		const double v = (double)number_at(in, i) - top;
		to[i] = log ? (float)(v - of) : (float)exponential(v, t) * factor;
	}
}

// extreme is the larger of two numbers, or the smaller one, NaN if one is; 0 is larger than -0.
static float extreme(float a, float b, int least)
{
	if (a != a || b != b)
		return a + b;
	if (a == b)
		return as_float(least ? as_uint(a) | as_uint(b) : as_uint(a) & as_uint(b));
	return (a > b) != least ? a : b;
}

enum { MEAN, SUM, MAX, MIN, L1, L2, SUM_SQUARE, FIRST_MAX, LAST_MAX, FIRST_MIN, LAST_MIN };

// together reduces n numbers in a row in float64, by parts.
static double together(ulong in, int n, int kind)
{
	const int squares = kind == L2 || kind == SUM_SQUARE, whole = n / LANES * LANES;
	double s[LANES], rest = 0;
	UNROLL for (int k = 0; k < LANES; k++)
		s[k] = 0;
	for (int i = 0; i < whole; i += LANES)
		UNROLL for (int k = 0; k < LANES; k++) {
			const double v = number_at(in, i + k);
			s[k] = squares ? fma(v, v, s[k]) : s[k] + v;
		}
	for (int i = whole; i < n; i++) {
		const double v = number_at(in, i);
		rest = squares ? fma(v, v, rest) : rest + v;
	}
	return ((((s[0] + s[8]) + (s[4] + s[12])) + ((s[2] + s[10]) + (s[6] + s[14]))) + (((s[1] + s[9]) + (s[5] + s[13])) + ((s[3] + s[11]) + (s[7] + s[15])))) + rest;
}

// reduce makes a number of some channels of each pixel (engine.Reduce): source lists where those
// of each output begin, and behind that of all outputs which they are. single says that they are
// combined in float32, wide as arithmetic of rows does.
kernel void reduce(JOBS, global const int *restrict source, int kind, int single, int wide, struct shape g)
{
	PLACE(g.outc)
	const ulong in = pixel_at(&j->in, g.h, g.w, g.c, y, x);
	global const int *from = source + source[c];
	const int n = source[c + 1] - source[c];
	if (single) {
		float v = number_at(in, from[0]);
		for (int i = 1; i < n; i++) {
			const float of = number_at(in, from[i]);
			if (kind == MAX || kind == MIN)
				v = !wide ? extreme(v, of, kind == MIN) : kind == MAX ? larger(v, of) : smaller(v, of);
			else
				v += of;
		}
		*out = kind == MEAN ? v / (float)n : v;
		return;
	}
	if (kind >= FIRST_MAX) {
		const int last = kind == LAST_MAX || kind == LAST_MIN;
		int best = 0;
		for (int i = 1; i < n; i++) {
			float a = number_at(in, from[i]), b = number_at(in, from[best]);
			if (kind >= FIRST_MIN) {
				a = -a;
				b = -b;
			}
			if (a > b || (a != a && b == b) || (last && (a == b || a != a)))
				best = i;
		}
		*out = (float)best;
		return;
	}
	const int row = from[n - 1] - from[0] == n - 1;
	if (kind == MAX || kind == MIN) {
		float v = number_at(in, from[0]);
		for (int i = 1; i < n; i++)
			v = extreme(v, number_at(in, from[i]), kind == MIN);
		*out = row ? v + 0.0f : v;
		return;
	}
	double v = 0;
	if (row && kind != L1)
		v = together(in + 4ul * from[0], n, kind);
	else
		for (int i = 0; i < n; i++) {
			const double of = number_at(in, from[i]);
			v += kind == L1 ? size_of(of) : kind == L2 || kind == SUM_SQUARE ? of * of : of;
		}
	*out = (float)(kind == MEAN ? v / n : kind == L2 ? __builtin_sqrt(v) : v);
}

// Moments of groups of channels (engine.Moments), in steps. moment_parts adds up each channel of
// every MOMENT_PIXELS pixels, pixel x of the output those of one part, or the squares of their
// distances from means, which are the other's update where there are any.
#define MOMENT_PIXELS 64
kernel void moment_parts(JOBS, int squares, struct shape g)
{
	PLACE(g.c)
	const int begin = x * MOMENT_PIXELS, end = SMALLER(begin + MOMENT_PIXELS, g.h * g.w);
	float acc = 0;
	for (int i = begin; i < end; i++) {
		float v = number_at(pixel_at(&j->in, g.h, g.w, g.c, i / g.w, i % g.w), c);
		if (squares) {
			v -= number_at(j->other.update, c);
			v *= v;
		}
		acc += v;
	}
	*out = acc;
}

// group_sum adds up the parts of a channel's group: g.w of them lie in the job's input.
static double group_sum(global const struct job *j, struct shape g, int c)
{
	const int channels = g.c / g.group, from = c / channels * channels;
	double sum = 0;
	for (int i = 0; i < g.w; i++)
		for (int k = from; k < from + channels; k++)
			sum += number_at(j->in.update, i * g.c + k);
	return sum;
}

// moment_means makes means of parts, each of n numbers.
kernel void moment_means(JOBS, double n, struct shape g)
{
	PLACE(g.c)
	*out = (float)(group_sum(j, g, c) / n);
}

// moments makes of parts of squares, and of means in the other's update, what each channel is
// multiplied by, and behind all of those what is added to it.
kernel void moments(JOBS, global const float *restrict scale, global const float *restrict bias, double n, double epsilon, struct shape g)
{
	PLACE(g.c)
	const double factor = (double)scale[c] / __builtin_sqrt(group_sum(j, g, c) / n + epsilon);
	out[0] = (float)factor;
	out[g.c] = (float)((double)bias[c] - (double)number_at(j->other.update, c) * factor);
}

// rescale multiplies channels by the other's numbers, and adds those behind, with bounds
// (engine.Rescale).
kernel void rescale(JOBS, struct shape g)
{
	PLACE(g.c)
	const ulong by = pixel_at(&j->other, 1, 1, 2 * g.c, 0, 0);
	*out = bound(X * number_at(by, c) + number_at(by, g.c + c), g.lo, g.hi);
}

// commit copies pixels of the input that have moved from what lies at the same place of a plane,
// whose first pixel is at out, and notes them: flags has a number for each pixel of all jobs. A
// pixel has moved by a bit, or, if limit is not 0, by a squared distance that is not at most that.
kernel void commit(JOBS, global int *restrict flags, float limit, struct shape g)
{
	const int pixel = get_group_id(0) * BLOCK + get_local_id(0);
	if (pixel >= g.pixels)
		return;
	const int number = job_of(first, g.jobs, pixel), at = pixel - first[number];
	global const struct job *j = jobs + number;
	const int y = j->y + at / j->columns, x = j->x + at % j->columns;
	const ulong from = pixel_at(&j->in, g.h, g.w, g.c, y, x);
	global float *to = (global float *)j->out + ((ulong)y * g.w + x) * j->pitch;
	int moved = 0;
	float sum = 0;
	for (int c = 0; c < g.c; c++) {
		const float v = number_at(from, c), d = v - to[c];
		moved |= as_uint(v) != as_uint(to[c]);
		sum = fma(d, d, sum);
	}
	if (limit > 0)
		moved = !(sum <= limit);
	flags[pixel] = moved;
	if (moved)
		for (int c = 0; c < g.c; c++)
			to[c] = number_at(from, c);
}

// Winograd's convolutions of 3 by 3 taps, stride 1 (engine.Winograd), in three launches, whose
// operations are those of package asm's fused transforms, in their order. The pixels of a batch are
// tiles: jobs' rectangles count these. Numbers of element e of all tiles follow each other.

// axis says what a tile is along an axis: so many outputs are made of two inputs more, by the
// transform of that many outputs, or by that of F(2x2) if small. Tiles of F(4x4) at a plane's end
// have fewer outputs, and leave elements out between.
struct axis {
	int outputs, small;
};

static struct axis axis_of(int size, int left)
{
	struct axis a;
	a.small = size == 2;
	a.outputs = a.small || left < 3 ? 2 : SMALLER(left, 4);
	return a;
}

// element_of is which element of the whole tile's number i of an axis is.
static int element_of(struct axis a, int size, int i) { return i == a.outputs + 1 ? size + 1 : i; }

#define SIDE 6 // of the largest tiles
#define ROOT2 1.41421356237309504880

// inputs_of transforms inputs along an axis in place: their first outputs + 2.
static void inputs_of(struct axis a, float *d)
{
	const float d0 = d[0], d1 = d[1], d2 = d[2], d3 = d[3], d4 = d[4], d5 = d[5];
	const float root = (float)ROOT2, half_root = (float)(ROOT2 / 2);
	if (a.small) {
		d[0] = d0 - d2;
		d[1] = d2 + d1;
		d[2] = d2 - d1;
		d[3] = d1 - d3;
	} else if (a.outputs == 2) {
		const float p = d2 * 1.5f, q = d1 * (float)(1.5 * ROOT2 / 2);
		d[0] = d0 - d2 - d2;
		d[1] = 0.0f - (q + p);
		d[2] = q - p;
		d[3] = fma(-0.5f, d1, d3);
	} else if (a.outputs == 3) {
		const float t = d3 - d1, u = d3 + d1, w = fma(-half_root, d1, d3 * root), e = d2 * 1.5f;
		d[0] = d0 - d2 - d2 + w;
		d[1] = t * (float)(1.5 * ROOT2) - e;
		d[2] = u * half_root - e;
		d[3] = (t + d3) * root;
		d[4] = fma(-0.5f, d2, d4) - w;
	} else {
		const float p = fma(-2.0f, d2, d4), c = fma(-0.5f, d2, d4);
		const float b = fma(-root, d1, d3 * half_root), e = fma(-half_root, d1, d3 * root);
		d[0] = fma(-2.5f, d2, d0) + d4;
		d[1] = p + b;
		d[2] = p - b;
		d[3] = c + e;
		d[4] = c - e;
		d[5] = fma(-2.5f, d3, d5) + d1;
	}
}

// outputs_of transforms products back along an axis in place.
static void outputs_of(struct axis a, float *m)
{
	const float m0 = m[0], m1 = m[1], m2 = m[2], m3 = m[3], m4 = m[4], m5 = m[5];
	const float root = (float)ROOT2, half_root = (float)(ROOT2 / 2);
	if (a.small) {
		m[0] = m0 + m1 + m2;
		m[1] = m1 - m2 - m3;
	} else if (a.outputs == 2) {
		m[0] = m0 + m1 + m2;
		m[1] = fma(m1 - m2, half_root, m3);
	} else if (a.outputs == 3) {
		const float s = m1 + m2, d = m1 - m2;
		m[0] = m0 + s + m3;
		m[1] = fma(root, m3, d * half_root);
		m[2] = fma(0.5f, s, m3 + m3) + m4;
	} else {
		const float s12 = m1 + m2, d12 = m1 - m2, s34 = m3 + m4, d34 = m3 - m4;
		m[0] = m0 + s12 + s34;
		m[1] = fma(root, d34, d12 * half_root);
		m[2] = fma(2.0f, s34, s12 * 0.5f);
		m[3] = fma((float)(2 * ROOT2), d34, fma((float)(ROOT2 / 4), d12, m5));
	}
}

// A block transforms ACROSS_TILE channels of a tile: a thread has one of them, and first a column,
// then a row of the tile.
#define ACROSS_TILE 32

// TILE is the block's tile and the thread's channel of so many, and its line of the tile. Threads
// without a channel only come to barriers.
#define TILE(channels)                                                                                     \
	const int parts = ((channels) + ACROSS_TILE - 1) / ACROSS_TILE, lane = get_local_id(0) % ACROSS_TILE;       \
	const int tile = get_group_id(0) / parts, line = get_local_id(0) / ACROSS_TILE;                         \
	const int c = get_group_id(0) % parts * ACROSS_TILE + lane, number = job_of(first, g.jobs, tile), at = tile - first[number]; \
	global const struct job *j = jobs + number;                                                            \
	const int y = (j->y + at / j->columns) * size, x = (j->x + at % j->columns) * size, side = size + 2;    \
	const struct axis down = axis_of(size, g.outh - y), across = axis_of(size, g.outw - x);                 \
	const ulong apart = (ulong)g.pixels * (channels), place = (ulong)tile * (channels) + c;

// winograd_inputs transforms tiles' inputs. Elements that a tile leaves out are zeros.
kernel void winograd_inputs(JOBS, global float *restrict to, int size, struct shape g)
{
	local float between[SIDE][SIDE][ACROSS_TILE];
	TILE(g.c)
	float d[SIDE];
	if (c < g.c && line < across.outputs + 2) {
		UNROLL for (int i = 0; i < SIDE; i++) {
			const ulong in = i < down.outputs + 2 ? pixel_at(&j->in, g.h, g.w, g.c, y - g.py + i, x - g.px + line) : 0;
			d[i] = in != 0 ? number_at(in, c) : 0;
		}
		inputs_of(down, d);
		UNROLL for (int i = 0; i < SIDE; i++)
			between[i][line][lane] = d[i];
	}
	barrier(CLK_LOCAL_MEM_FENCE);
	if (c >= g.c)
		return;
	to += place;
	if (line >= side)
		return;
	// The line of the whole tile that this thread writes, and which of the tile's own that is.
	const int own = line == size + 1 ? down.outputs + 1 : line <= down.outputs ? line : -1;
	UNROLL for (int k = 0; k < SIDE; k++)
		d[k] = own >= 0 && k < across.outputs + 2 ? between[own][k][lane] : 0;
	inputs_of(across, d);
	UNROLL for (int k = 0; k < SIDE - 1; k++)
		if (k <= size)
			to[(line * side + k) * apart] = k <= across.outputs ? d[k] : 0;
	to[(line * side + size + 1) * apart] = across.outputs == 2 ? d[3] : across.outputs == 3 ? d[4] : d[5];
}

// winograd_products multiplies each element of all tiles, rows of channels, by its own weights:
// [element][channel][column], columns padded with zeros to whole blocks. Blocks are as those of
// convolve, the grid's last axis the elements. Sums begin with 0 and take channels in their order.
kernel void winograd_products(global const float *from, global const float *restrict weights, global float *restrict to,
	int tiles, int channels, int outputs)
{
	local float4 inputs[DEPTH][PIXELS / 4], rows[DEPTH][COLUMNS / 4];
	const int t = get_local_id(0), column = get_group_id(1) * COLUMNS, padded = get_num_groups(1) * COLUMNS, e = get_group_id(2);
	// The tile whose inputs this thread fetches; behind the last one that one again.
	const int fetched = t % PIXELS, part = t / PIXELS * (DEPTH * PIXELS / THREADS);
	const int wanted = get_group_id(0) * PIXELS + fetched;
	const ulong in = (ulong)(from + ((ulong)e * tiles + SMALLER(wanted, tiles - 1)) * channels);
	global const float *w = weights + (ulong)e * channels * padded + column;
	const int row = t / 16 * TALL, col = t % 16 * WIDE;
	float acc[TALL][WIDE];
	UNROLL for (int i = 0; i < TALL; i++)
		UNROLL for (int k = 0; k < WIDE; k++)
			acc[i][k] = 0;
	for (int c = 0; c < channels; c += DEPTH) {
		const int depth = SMALLER(DEPTH, channels - c);
		UNROLL for (int k = part; k < part + DEPTH * PIXELS / THREADS; k += 4) {
			const float4 v = four_at(in + 4ul * (c + k), depth - k);
			((local float *)inputs[k])[fetched] = v.x;
			((local float *)inputs[k + 1])[fetched] = v.y;
			((local float *)inputs[k + 2])[fetched] = v.z;
			((local float *)inputs[k + 3])[fetched] = v.w;
		}
		UNROLL for (int k = t / (COLUMNS / 4); k < DEPTH; k += THREADS / (COLUMNS / 4))
			rows[k][t % (COLUMNS / 4)] = k < depth ? ((global const float4 *)(w + (ulong)(c + k) * padded))[t % (COLUMNS / 4)] : 0;
		barrier(CLK_LOCAL_MEM_FENCE);
		for (int k = 0; k < depth; k++)
			MULTIPLY(inputs[k][row / 4], inputs[k][row / 4 + 1], rows[k][col / 4])
		barrier(CLK_LOCAL_MEM_FENCE);
	}
	UNROLL for (int i = 0; i < TALL; i++) {
		const int tile = get_group_id(0) * PIXELS + row + i;
		global float *out = to + ((ulong)e * tiles + tile) * outputs + column + col;
		UNROLL for (int k = 0; k < WIDE; k++)
			if (tile < tiles && column + col + k < outputs)
				out[k] = acc[i][k];
	}
}

// winograd_outputs transforms products back, and adds the bias, with bounds, and perhaps other.
// Jobs' inputs are the rectangles of pixels that are wanted, at the addresses where these go; of a
// tile only those are written. They may lie in one buffer with the products (from is not restrict).
kernel void winograd_outputs(JOBS, global const float *from, global const float *restrict bias, int size, struct shape g)
{
	local float between[SIDE - 2][SIDE][ACROSS_TILE];
	TILE(g.outc)
	float m[SIDE];
	if (c < g.outc && line < across.outputs + 2) {
		from += place + element_of(across, size, line) * apart;
		UNROLL for (int i = 0; i < SIDE; i++)
			m[i] = i < down.outputs + 2 ? from[element_of(down, size, i) * side * apart] : 0;
		outputs_of(down, m);
		UNROLL for (int i = 0; i < SIDE - 2; i++)
			between[i][line][lane] = m[i];
	}
	barrier(CLK_LOCAL_MEM_FENCE);
	if (c >= g.outc || line >= down.outputs)
		return;
	UNROLL for (int k = 0; k < SIDE; k++)
		m[k] = k < across.outputs + 2 ? between[line][k][lane] : 0;
	outputs_of(across, m);
	UNROLL for (int k = 0; k < SIDE - 2; k++) {
		const ulong out = k < across.outputs ? pixel_at(&j->in, g.outh, g.outw, j->pitch, y + line, x + k) : 0;
		if (out == 0)
			continue;
		float v = bound(m[k] + bias[c], g.lo, g.hi);
		const ulong other = pixel_at(&j->other, g.outh, g.outw, g.outc, y + line, x + k);
		if (other != 0)
			v = bound(v + number_at(other, c), g.sumlo, g.sumhi);
		((global float *)out)[c] = v;
	}
}

#ifdef __NVPTX__
// Convolutions by tensor cores. A block of PIXELS by COLUMNS outputs is computed by four warps,
// each a quarter of 32 by 32: of these a warp has products of matrices of 16 by 8. WORDS words
// of a pixel and of a column lie in shared memory at a time: numbers of tf32, or pairs of
// bfloat16. Each output is one sum: the bias, then for each tap its channels, filled up with
// zeros to whole words, in one order whatever block or launch it falls into; what a product of
// matrices makes of it depends on its own row and column alone. So updates have a whole run's
// bits, as those of plain convolutions do. Four threads that follow each other fetch the words of
// one pixel, four each, so that a warp's lie in few lines of memory.
#define WORDS 16
#define ALONG (WORDS + 4)     // words that rows lie apart: no two of a warp in one bank
#define ACROSS (COLUMNS + 8)

static uint tf32_of(float v)
{
	uint word;
	__asm__("cvt.rna.tf32.f32 %0, %1;" : "=r"(word) : "f"(v));
	return word;
}

static uint pair_of(float low, float high)
{
	uint word;
	__asm__("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
	return word;
}

#define MMA(tile, of, c, a, b) \
	__asm__ volatile("mma.sync.aligned." tile ".row.col.f32." of "." of ".f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};" \
			 : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])                                                              \
			 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]))

// TENSOR_CONVOLVE defines a kernel whose words have so many channels: words_at makes four of
// those from an address on, of which there are left. weights are [group][tap][word][column],
// words filled up to whole WORDS, columns to whole blocks.
#define TENSOR_CONVOLVE(name, per_word, words_at, tile, of) \
	kernel void name(global const struct job *restrict jobs, global const int *restrict first, \
		global const uint *restrict weights, global const float *restrict bias, struct shape g) \
	{ \
		local uint4 inputs[PIXELS][ALONG / 4], rows[WORDS][ACROSS / 4]; \
		local ulong outs[PIXELS], others[PIXELS], ins[PIXELS]; \
		const int t = get_local_id(0), lane = t % 32, warp = t / 32, quad = lane / 4, in_quad = lane % 4; \
		const int cin = g.c / g.group, cout = g.outc / g.group, taps = g.ky * g.kx; \
		const int padded = get_num_groups(1) * COLUMNS, words = (cin + WORDS * (per_word)-1) / (WORDS * (per_word)) * WORDS; \
		const int group = get_group_id(2), column = get_group_id(1) * COLUMNS; \
		const int wanted = get_group_id(0) * PIXELS + t % PIXELS, pixel = SMALLER(wanted, g.pixels - 1); \
		const int number = job_of(first, g.jobs, pixel), at = pixel - first[number]; \
		global const struct job *j = jobs + number; \
		const int y = j->y + at / j->columns, x = j->x + at % j->columns; \
		if (t < PIXELS) { \
			outs[t] = wanted < g.pixels ? j->out + 4ul * at * j->pitch : 0; \
			others[t] = pixel_at(&j->other, g.outh, g.outw, g.outc, y, x); \
		} \
		const int row = warp / 2 * 32, col = warp % 2 * 32; \
		float acc[2][4][4]; \
		UNROLL for (int m = 0; m < 2; m++) \
			UNROLL for (int n = 0; n < 4; n++) \
				UNROLL for (int i = 0; i < 4; i++) \
					acc[m][n][i] = bias[group * padded + column + col + 8 * n + 2 * in_quad + i % 2]; \
		global const uint *w = weights + (ulong)group * taps * words * padded + column; \
		for (int tap = 0; tap < taps; tap++) { \
			if (t < PIXELS) \
				ins[t] = pixel_at(&j->in, g.h, g.w, g.c, y * g.sy - g.py + tap / g.kx * g.dy, x * g.sx - g.px + tap % g.kx * g.dx); \
			barrier(CLK_LOCAL_MEM_FENCE); \
			for (int k = 0; k < words; k += WORDS) { \
				UNROLL for (int p = t / (WORDS / 4); p < PIXELS; p += THREADS / (WORDS / 4)) { \
					const int i = t % (WORDS / 4), c = (k + 4 * i) * (per_word); \
					const ulong in = ins[p]; \
					inputs[p][i] = words_at(in + 4ul * (group * cin + c), in != 0 ? cin - c : 0); \
				} \
				UNROLL for (int i = t / (COLUMNS / 4); i < WORDS; i += THREADS / (COLUMNS / 4)) \
					rows[i][t % (COLUMNS / 4)] = ((global const uint4 *)(w + (ulong)(tap * words + k + i) * padded))[t % (COLUMNS / 4)]; \
				barrier(CLK_LOCAL_MEM_FENCE); \
				UNROLL for (int i = 0; i < WORDS; i += 8) { \
					uint a[2][4], b[4][2]; \
					UNROLL for (int m = 0; m < 2; m++) \
						UNROLL for (int r = 0; r < 4; r++) \
							a[m][r] = ((local const uint *)inputs[row + 16 * m + quad + 8 * (r % 2)])[i + in_quad + 4 * (r / 2)]; \
					UNROLL for (int n = 0; n < 4; n++) \
						UNROLL for (int r = 0; r < 2; r++) \
							b[n][r] = ((local const uint *)rows[i + in_quad + 4 * r])[col + 8 * n + quad]; \
					UNROLL for (int m = 0; m < 2; m++) \
						UNROLL for (int n = 0; n < 4; n++) \
							MMA(tile, of, acc[m][n], a[m], b[n]); \
				} \
				barrier(CLK_LOCAL_MEM_FENCE); \
			} \
		} \
		UNROLL for (int m = 0; m < 2; m++) \
			UNROLL for (int i = 0; i < 4; i++) { \
				const int p = row + 16 * m + quad + 8 * (i / 2); \
				const ulong out = outs[p], other = others[p]; \
				UNROLL for (int n = 0; n < 4; n++) { \
					const int within = column + col + 8 * n + 2 * in_quad + i % 2, c = group * cout + within; \
					if (out == 0 || within >= cout) \
						continue; \
					float v = bound(acc[m][n][i], g.lo, g.hi) + 0.0f; \
					if (other != 0) \
						v = bound(v + number_at(other, c), g.sumlo, g.sumhi); \
					((global float *)out)[c] = v; \
				} \
			} \
	}

static uint4 tf32_at(ulong address, int left)
{
	const float4 v = four_at(address, left);
	return (uint4)(tf32_of(v.x), tf32_of(v.y), tf32_of(v.z), tf32_of(v.w));
}

static uint4 pairs_at(ulong address, int left)
{
	const float4 v = four_at(address, left), u = four_at(address + 16, left - 4);
	return (uint4)(pair_of(v.x, v.y), pair_of(v.z, v.w), pair_of(u.x, u.y), pair_of(u.z, u.w));
}

TENSOR_CONVOLVE(convolve_tf32, 1, tf32_at, "m16n8k8", "tf32")
TENSOR_CONVOLVE(convolve_bf16, 2, pairs_at, "m16n8k16", "bf16")
#endif
