// Kernels of planes on a graphics processor, in OpenCL C. `make generate` has clang make PTX
// of them, which lies beside them. Sums of products are rounded as they are written here:
// FP_CONTRACT is off, and where one rounding is meant fma stands.
//
// Planes are as package engine has them: channels last, float32. One launch computes a
// rectangle at each of many positions. Addresses are whole numbers, since they stand in
// tables; 0 is none.

#pragma OPENCL FP_CONTRACT OFF

// clang has no library of OpenCL's functions for this target.
#define get_local_id(axis) ((int)__nvvm_read_ptx_sreg_tid_x())
#define get_group_id(axis) ((int)((axis) == 0 ? __nvvm_read_ptx_sreg_ctaid_x() : (axis) == 1 ? __nvvm_read_ptx_sreg_ctaid_y() : __nvvm_read_ptx_sreg_ctaid_z()))
#define get_num_groups(axis) ((int)__nvvm_read_ptx_sreg_nctaid_y())
#define barrier(flags) __syncthreads()
#define fma(a, b, c) _Generic((c), float: __builtin_fmaf, double: __builtin_fma)(a, b, c)

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

// What convolve computes in a block: PIXELS by COLUMNS outputs, DEPTH products of each
// between two barriers. Thread t has TALL pixels from TALL*(t/16) on and WIDE columns.
#define PIXELS 64
#define COLUMNS 64
#define DEPTH 16
#define THREADS 128
#define TALL 8
#define WIDE 4

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
			for (int k = from; k < from + DEPTH * PIXELS / THREADS; k++)
				((local float *)inputs[k])[fetched] = in != 0 && k < depth ? number_at(in, group * cin + c + k) : 0;
			for (int k = t / COLUMNS; k < DEPTH; k += THREADS / COLUMNS)
				((local float *)rows[k])[t % COLUMNS] = k < depth ? w[(ulong)(tap * cin + c + k) * padded + t % COLUMNS] : 0;
			barrier(CLK_LOCAL_MEM_FENCE);
			for (int k = 0; k < depth; k++) {
				const float4 a = inputs[k][row / 4], b = inputs[k][row / 4 + 1], v = rows[k][col / 4];
				const float of[TALL] = {a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w}, by[WIDE] = {v.x, v.y, v.z, v.w};
				UNROLL for (int i = 0; i < TALL; i++)
					UNROLL for (int k = 0; k < WIDE; k++)
						acc[i][k] = fma(of[i], by[k], acc[i][k]);
			}
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

// combine is arithmetic of two operands (asm.Arithmetic).
kernel void combine(JOBS, struct operand left, struct operand right, int operation, struct shape g)
{
	PLACE(g.outc)
	const float a = operand_at(left, j, g, y, x, c), b = operand_at(right, j, g, y, x, c);
	float v = 0;
	switch (operation) {
	case 0: v = a + b; break;
	case 1: v = a - b; break;
	case 2: v = b - a; break;
	case 3: v = a * b; break;
	case 4: v = a / b; break;
	case 5: v = b / a; break;
	case 6: v = a > b || a != a ? a : b; break;
	case 7: v = a < b || a != a ? a : b; break;
	case 8: v = a < 0 ? a * b : a; break;
	case 9: v = a == b; break;
	case 10: v = a < b; break;
	case 11: v = a <= b; break;
	case 12: v = a > b; break;
	case 13: v = a >= b; break;
	}
	*out = v;
}

// matrix says where the matrices of an operand are (engine.Matrix).
struct matrix {
	ulong batch, row, column; // tables of int32
	int first, unused;
};

// product multiplies matrices of a batch, row by column: of each number the sum of products
// in their order, with one rounding each. Left is the first input, right the second: their
// updates, which are whole. Right is multiplied by scale before. out's tables say where
// each product's and each row's results begin.
kernel void product(global const struct job *restrict jobs, struct matrix left, struct matrix right, struct matrix out,
	int rows, int columns, int depth, float scale)
{
	const int element = get_group_id(0) * BLOCK + get_local_id(0);
	const int m = element / columns, n = element % columns, b = get_group_id(1);
	if (m >= rows)
		return;
	global const struct job *j = jobs + get_group_id(2);
	global const float *x = (global const float *)j->in.update + left.first + ((global const int *)left.batch)[b] + ((global const int *)left.row)[m];
	global const float *w = (global const float *)j->other.update + right.first + ((global const int *)right.batch)[b] + ((global const int *)right.column)[n];
	float acc = 0;
	for (int k = 0; k < depth; k++) {
		float v = w[((global const int *)right.row)[k]];
		if (scale != 1)
			v *= scale;
		acc = fma(x[((global const int *)left.column)[k]], v, acc);
	}
	((global float *)j->out)[((global const int *)out.batch)[b] + ((global const int *)out.row)[m] + n] = acc + 0.0f;
}

// Functions of single numbers, by the operations of package asm in their order. A table has
// parameters and constants, at the places that asm gives them.
enum { P0, P1, ONE, SIGN, LOG2E, ROUND, LN2, EXP, LEAST = EXP + 6, MOST, LOWEST, HIGHEST, OWN, TAIL = OWN + 9, SINGLE = TAIL + 13, ATANH = 7 };
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

// two and rest are the exponential of x as two + two*rest, with two a power of 2.
static double power(double x, table t, double *rest)
{
	x = at_most(at_least(x, t[LEAST]), t[MOST]);
	const double n = fma(x, t[LOG2E], t[ROUND]), k = n - t[ROUND], r = fma(-k, t[LN2], x);
	*rest = horner(r, t + EXP, 6) * r;
	return as_double((as_ulong(n) << 52) + as_ulong(1.0));
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

static double normal_tail(double z, double h, table t)
{
	const double d = t[ONE] / (z + t[TAIL]);
	return exponential(h, t) * (horner((z - t[TAIL]) * d, t + TAIL + 1, 11) * d);
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
	z = at_most(z, t[MOST]);
	const double tail = normal_tail(z * c[1], -(z * z), t);
	return as_double(as_ulong(t[ONE] - (tail + tail)) & ~0ul >> 1 | as_ulong(x) & 1ul << 63);
}

static double gelu(double x, table t)
{
	table c = t + OWN;
	const double z = at_most(size_of(x), c[1]);
	double p = normal_tail(z, z * z * c[0], t);
	if (!negative(x))
		p = t[ONE] - p;
	return finite(x, t) * p;
}

static double gelu_tanh(double x, table t)
{
	table c = t + OWN;
	const double v = at_most(at_least(x, -c[2]), c[2]);
	return logistic(finite(x, t), v * fma(v * v, c[1], c[0]), t);
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
