package ptx

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// TestFMA compares with sums that have all their bits.
func TestFMA(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	number := func(exponent int) float32 {
		// Few bits make ties.
		mantissa := 1 + float64(rng.Uint32()>>(9+rng.IntN(23)))/(1<<23)
		return float32(math.Copysign(math.Ldexp(mantissa, exponent), rng.Float64()-0.5))
	}
	twice := 0
	for i := range 200000 {
		var x, y, z float32
		switch i % 4 {
		case 0: // the least sums: denormals
			x, y, z = number(-60-rng.IntN(20)), number(-60-rng.IntN(20)), number(-126-rng.IntN(24))
		case 1: // near each other
			x, y = number(rng.IntN(40)-20), number(rng.IntN(40)-20)
			z = number(math.Ilogb(float64(x)*float64(y)) + rng.IntN(60) - 30)
		case 2: // nearly half way between two neighbours of z
			e, tiny := rng.IntN(20)-10, math.Ldexp(1, -14-rng.IntN(9))
			x, y, z = float32(1+tiny), float32(math.Ldexp(1-tiny, e-24)), number(e)
		default: // all of them, NaN and infinities too
			x, y, z = math.Float32frombits(rng.Uint32()), math.Float32frombits(rng.Uint32()), math.Float32frombits(rng.Uint32())
		}
		got := FMA(x, y, z)
		all := float64(x) * float64(y) * float64(z)
		if math.IsNaN(all) || math.IsInf(float64(x), 0) || math.IsInf(float64(y), 0) || math.IsInf(float64(z), 0) {
			if want := float32(math.FMA(float64(x), float64(y), float64(z))); math.Float32bits(got) != math.Float32bits(want) && (got == got || want == want) {
				t.Fatalf("FMA(%g, %g, %g) = %g, want %g", x, y, z, got, want)
			}
			continue
		}
		exact := func(v float32) *big.Float { return new(big.Float).SetPrec(1000).SetFloat64(float64(v)) }
		sum := exact(x)
		sum.Add(sum.Mul(sum, exact(y)), exact(z))
		want, _ := sum.Float32()
		if math.Float32bits(got) != math.Float32bits(want) {
			t.Fatalf("FMA(%x, %x, %x) = %x, want %x", x, y, z, got, want)
		}
		if float32(math.FMA(float64(x), float64(y), float64(z))) != want {
			twice++
		}
	}
	if twice == 0 {
		t.Error("no sum would have been rounded twice by math.FMA")
	}
}

// head is what stands before kernels.
const head = ".version 7.0\n.target sm_80\n.address_size 64\n"

// program makes a kernel "k" with one parameter, an address, in %rd0, and some registers.
func program(body string) string {
	return head + ".visible .entry k(\n\t.param .u64 k_param_0\n)\n{\n.reg .pred %p<8>;\n.reg .b32 %r<20>;\n.reg .f32 %f<20>;\n.reg .b64 %rd<20>;\n.reg .f64 %fd<20>;\n" +
		".shared .align 16 .b8 s[256];\nld.param.u64 %rd0, [k_param_0];\n" + body + "\nret;\n}\n"
}

// execute runs a program on threads with a buffer of words, which it gives back.
func execute(body string, threads int, words []uint32) ([]uint32, error) {
	m, err := Parse(program(body))
	if err != nil {
		return nil, err
	}
	k, err := m.Kernel("k")
	if err != nil {
		return nil, err
	}
	var memory Memory
	at := memory.Alloc("words", 4*len(words))
	var data []byte
	for _, w := range words {
		data = binary.LittleEndian.AppendUint32(data, w)
	}
	if err := memory.Write(at, data); err != nil {
		return nil, err
	}
	if err := k.Launch(&memory, Launch{Grid: [3]int{1, 1, 1}, Threads: threads, Arguments: []any{at}, Steps: 100000}); err != nil {
		return nil, err
	}
	if data, err = memory.Read(at, len(data)); err != nil {
		return nil, err
	}
	out := make([]uint32, len(words))
	for i := range out {
		out[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	return out, nil
}

// prefixes are the registers of a type.
func prefix(t typ) string {
	switch {
	case t.class == predicate:
		return "%p"
	case t.class == floating && t.size == 4:
		return "%f"
	case t.class == floating:
		return "%fd"
	case t.size == 4:
		return "%r"
	}
	return "%rd"
}

// f and d are bits of numbers.
func f(v float64) uint64 { return uint64(math.Float32bits(float32(v))) }
func d(v float64) uint64 { return math.Float64bits(v) }

var (
	nan, infinity = math.NaN(), math.Inf(1)
	minusOne      = uint64(math.MaxUint32)
	minusOne64    = uint64(math.MaxUint64)
)

// computed are results of instructions: sources, then what comes of them.
var computed = map[string][][]uint64{
	"add.s32": {{math.MaxInt32, 1, 1 << 31}, {minusOne, 3, 2}}, "add.u32": {{minusOne, 1, 0}},
	"add.s64": {{minusOne64, 3, 2}}, "add.u64": {{1 << 40, minusOne, 1<<40 + minusOne}},
	"sub.s32": {{1, 2, minusOne}}, "sub.u32": {{0, 1, minusOne}}, "sub.s64": {{1, 2, minusOne64}}, "sub.u64": {{1 << 33, 1, 1<<33 - 1}},
	"mul.lo.s32": {{1 << 20, 1<<20 + 3, 3 << 20}, {minusOne, 7, 1<<32 - 7}}, "mul.lo.u32": {{1 << 31, 2, 0}},
	"mul.lo.s64": {{minusOne64, 5, 1<<64 - 5}}, "mul.lo.u64": {{1 << 40, 1<<40 + 1, 1 << 40}},
	"mad.lo.s32": {{minusOne, 2, 5, 3}}, "mad.lo.u32": {{1 << 31, 2, 5, 5}}, "mad.lo.s64": {{minusOne64, 2, 5, 3}}, "mad.lo.u64": {{1 << 32, 1 << 31, 5, 1<<63 + 5}},
	"neg.s32": {{1, minusOne}, {1 << 31, 1 << 31}}, "neg.s64": {{1, minusOne64}},
	"min.s32": {{minusOne, 1, minusOne}}, "max.s32": {{minusOne, 1, 1}}, "min.u32": {{minusOne, 1, 1}}, "max.u32": {{minusOne, 1, minusOne}},
	"min.s64": {{minusOne64, 1, minusOne64}}, "max.s64": {{minusOne64, 1, 1}}, "min.u64": {{minusOne64, 1, 1}}, "max.u64": {{minusOne64, 1, minusOne64}},
	"and.b32": {{12, 10, 8}}, "or.b32": {{12, 10, 14}}, "xor.b32": {{12, 10, 6}}, "not.b32": {{0, minusOne}},
	"and.b64": {{12 << 32, 10 << 32, 8 << 32}}, "or.b64": {{12 << 32, 10, 12<<32 + 10}}, "xor.b64": {{12, 10, 6}}, "not.b64": {{0, minusOne64}},
	"div.s32": {{1<<32 - 7, 2, 1<<32 - 3}}, "rem.s32": {{1<<32 - 7, 2, minusOne}}, "div.u32": {{minusOne, 2, math.MaxInt32}}, "rem.u32": {{minusOne, 10, 5}},
	"div.s64": {{1<<64 - 7, 2, 1<<64 - 3}}, "rem.s64": {{1<<64 - 7, 2, minusOne64}}, "div.u64": {{minusOne64, 2, math.MaxInt64}}, "rem.u64": {{minusOne64, 10, 5}},
	"shl.b32": {{3, 31, 1 << 31}, {3, 32, 0}, {3, minusOne, 0}}, "shr.u32": {{1 << 31, 31, 1}, {1 << 31, 32, 0}}, "shr.s32": {{1 << 31, 30, 1<<32 - 2}, {1 << 31, 40, minusOne}},
	"shl.b64": {{3, 63, 1 << 63}, {3, 64, 0}}, "shr.u64": {{1 << 63, 63, 1}, {1, 64, 0}}, "shr.s64": {{1 << 63, 62, 1<<64 - 2}, {1 << 63, 70, minusOne64}},
	"and.pred": {{1, 0, 0}, {1, 1, 1}}, "or.pred": {{1, 0, 1}, {0, 0, 0}}, "xor.pred": {{1, 1, 0}, {1, 0, 1}}, "not.pred": {{1, 0}, {0, 1}},
	"mul.wide.s32": {{minusOne, 2, 1<<64 - 2}, {1 << 30, 8, 1 << 33}}, "mul.wide.u32": {{minusOne, 2, 1<<33 - 2}},
	"mad.wide.s32": {{minusOne, 2, 5, 3}}, "mad.wide.u32": {{minusOne, 2, 5, 1<<33 + 3}},
	"bfe.u32":    {{0xabcd1234, 8, 12, 0xd12}, {0xabcd1234, 28, 8, 0xa}, {5, 0, 0, 0}, {5, 0, 32, 5}},
	"add.rn.f32": {{f(1), f(0x1p-24), f(1)}, {f(1), f(0x1.8p-24), f(1 + 0x1p-23)}, {f(0x1p-149), f(0x1p-149), f(0x1p-148)}}, "sub.rn.f32": {{f(1), f(3), f(-2)}},
	"mul.rn.f32": {{f(3), f(-0.5), f(-1.5)}, {f(0x1p-100), f(0x1p-49), f(0x1p-149)}}, "div.rn.f32": {{f(1), f(3), f(1. / 3)}, {f(1), f(0), f(infinity)}},
	"add.rn.f64": {{d(1), d(0x1p-53), d(1)}}, "sub.rn.f64": {{d(1), d(3), d(-2)}}, "mul.rn.f64": {{d(3), d(-0.5), d(-1.5)}}, "div.rn.f64": {{d(1), d(3), d(1. / 3)}},
	"rcp.rn.f32": {{f(3), f(1. / 3)}, {f(-infinity), 1 << 31}}, "sqrt.rn.f32": {{f(2), f(math.Sqrt2)}}, "sqrt.rn.f64": {{d(2), d(math.Sqrt2)}},
	"fma.rn.f32": {{f(1 + 0x1p-23), f(1 + 0x1p-23), f(-1 - 0x1p-22), f(0x1p-46)}, {f(1 + 0x1p-12), f(1 + 0x1p-12), f(0x1p-60), f(1 + 0x1p-11 + 0x1p-23)}},
	"fma.rn.f64": {{d(1 + 0x1p-52), d(1 + 0x1p-52), d(-1 - 0x1p-51), d(0x1p-104)}},
	"neg.f32":    {{f(0), 1 << 31}}, "abs.f32": {{f(-3), f(3)}}, "neg.f64": {{d(0), 1 << 63}}, "abs.f64": {{d(-3), d(3)}},
	"cvt.s64.s32": {{minusOne, minusOne64}}, "cvt.u64.u32": {{minusOne, minusOne}}, "cvt.u32.u64": {{1<<40 + 7, 7}},
	"cvt.rn.f32.s32": {{minusOne, f(-1)}, {1<<24 + 1, f(1 << 24)}}, "cvt.rn.f32.u32": {{minusOne, f(1 << 32)}},
	"cvt.rn.f64.s32": {{minusOne, d(-1)}}, "rcp.rn.f64": {{d(3), d(1. / 3)}, {d(-infinity), 1 << 63}},
	"max.f64":           {{d(1), d(2), d(2)}, {d(nan), d(1), d(1)}, {d(1), d(nan), d(1)}, {1 << 63, 0, 0}},
	"cvt.rna.tf32.f32":  {{f(1 + 0x1p-11), f(1 + 0x1p-10)}, {f(-1 - 0x1p-11), f(-1 - 0x1p-10)}, {f(1 + 0x1p-12), f(1)}, {f(infinity), f(infinity)}},
	"cvt.rn.bf16x2.f32": {{f(1), f(-2), 0x3f80c000}, {f(1 + 0x1p-8), f(1 + 0x1.8p-7), 0x3f803f82}, {f(infinity), f(0), 0x7f800000}},
	"cvt.f64.f32":       {{f(0x1p-149), d(0x1p-149)}}, "cvt.rn.f32.f64": {{d(1 + 0x1p-24), f(1)}, {d(1 + 0x1.8p-24), f(1 + 0x1p-23)}},
	"selp.b32": {{1, 2, 1, 1}, {1, 2, 0, 2}}, "selp.s32": {{1, 2, 1, 1}}, "selp.u32": {{1, 2, 0, 2}}, "selp.f32": {{1, 2, 1, 1}},
	"selp.b64": {{1, 2, 1, 1}, {1, 2, 0, 2}}, "selp.s64": {{1, 2, 1, 1}}, "selp.u64": {{1, 2, 0, 2}}, "selp.f64": {{1, 2, 1, 1}},
}

// addComparisons adds each comparison of each type, of numbers in every order.
func addComparisons(cases map[string][][]uint64) {
	holds := map[string][3]uint64{"eq": {0, 1, 0}, "ne": {1, 0, 1}, "lt": {1, 0, 0}, "le": {1, 1, 0}, "gt": {0, 0, 1}, "ge": {0, 1, 1}}
	for name, h := range holds {
		for _, n := range []struct {
			typ        string
			less, more uint64
			nan        uint64
		}{{"s32", minusOne, 1, 0}, {"u32", 1, minusOne, 0}, {"s64", minusOne64, 1, 0}, {"u64", 1, minusOne64, 0}, {"f32", f(-1), f(1), f(nan)}, {"f64", d(-1), d(1), d(nan)}} {
			list := [][]uint64{{n.less, n.more, h[0]}, {n.more, n.more, h[1]}, {n.more, n.less, h[2]}}
			full := "setp." + name
			if n.nan == 0 {
				cases[full+"."+n.typ] = list
				continue
			}
			cases[full+"."+n.typ] = append(slices.Clone(list), []uint64{n.nan, n.more, 0}, []uint64{n.more, n.nan, 0}, []uint64{n.nan, n.nan, 0})
			cases[full+"u."+n.typ] = append(slices.Clone(list), []uint64{n.nan, n.more, 1}, []uint64{n.more, n.nan, 1}, []uint64{n.nan, n.nan, 1})
		}
	}
	cases["setp.nan.f32"], cases["setp.num.f32"] = [][]uint64{{f(nan), f(1), 1}, {f(1), f(1), 0}}, [][]uint64{{f(1), f(nan), 0}, {f(1), f(1), 1}}
	cases["setp.nan.f64"], cases["setp.num.f64"] = [][]uint64{{d(nan), d(1), 1}, {d(1), d(1), 0}}, [][]uint64{{d(1), d(nan), 0}, {d(1), d(1), 1}}
}

// TestInstructions runs every instruction that computes.
func TestInstructions(t *testing.T) {
	cases := maps.Clone(computed)
	addComparisons(cases)
	known := computations()
	for name, s := range known {
		if len(cases[name]) == 0 {
			t.Errorf("%s is not tested", name)
		}
		for _, c := range cases[name] {
			if len(c) != len(s.types) {
				t.Fatalf("%s: %d numbers", name, len(c))
			}
			if got, err := once(name, s.types, c[:len(c)-1]); err != nil || got != c[len(c)-1] {
				t.Errorf("%s of %x: %x, %v, want %x", name, c[:len(c)-1], got, err, c[len(c)-1])
			}
		}
	}
	for name := range cases {
		if _, ok := known[name]; !ok {
			t.Errorf("%s is not known", name)
		}
	}
}

// once runs an instruction on sources from memory.
func once(name string, types []typ, sources []uint64) (uint64, error) {
	var b strings.Builder
	words := make([]uint32, 10)
	operands := []string{prefix(types[0]) + "7"}
	for i, v := range sources {
		t := types[i+1]
		r := fmt.Sprintf("%s%d", prefix(t), i+1)
		operands = append(operands, r)
		words[2*i], words[2*i+1] = uint32(v), uint32(v>>32)
		switch t.class {
		case predicate:
			fmt.Fprintf(&b, "ld.global.u32 %%r9, [%%rd0+%d];\nsetp.ne.s32 %s, %%r9, 0;\n", 8*i, r)
		case floating:
			fmt.Fprintf(&b, "ld.global%s %s, [%%rd0+%d];\n", t.name(), r, 8*i)
		default:
			fmt.Fprintf(&b, "ld.global.b%d %s, [%%rd0+%d];\n", 8*t.size, r, 8*i)
		}
	}
	fmt.Fprintf(&b, "%s %s;\n", name, strings.Join(operands, ", "))
	switch t := types[0]; {
	case t.class == predicate:
		b.WriteString("selp.b64 %rd7, 1, 0, %p7;\nst.global.b64 [%rd0+32], %rd7;")
	case t.size == 4:
		fmt.Fprintf(&b, "mov.b64 %%rd7, 0;\nst.global.b64 [%%rd0+32], %%rd7;\nst.global.b32 [%%rd0+32], %s;", operands[0])
	default:
		fmt.Fprintf(&b, "st.global.b64 [%%rd0+32], %s;", operands[0])
	}
	words, err := execute(b.String(), 1, words)
	if err != nil {
		return 0, err
	}
	return uint64(words[8]) | uint64(words[9])<<32, nil
}

// TestMemory moves numbers of all widths through registers, shared memory and parameters.
func TestMemory(t *testing.T) {
	got, err := execute(`ld.global.nc.v4.u32 {%r1, %r2, %r3, %r4}, [%rd0];
mov.u64 %rd1, s;
st.shared.v4.u32 [%rd1+16], {%r4, %r3, %r2, %r1};
ld.shared.v2.u64 {%rd2, %rd3}, [s+16];
ld.shared.v2.f32 {%f1, %f2}, [s+24];
ld.shared.s32 %rd4, [s+16];
ld.shared.u32 %rd5, [s+16];
mov.b32 %r5, %f1;
mov.u32 %r6, %ntid.x;
mov.u32 %r7, %nctaid.z;`, 1, []uint32{1, 2, 3, 0x80000004})
	if err != nil || !slices.Equal(got, []uint32{1, 2, 3, 0x80000004}) {
		t.Fatal(got, err)
	}
	got, err = execute(`ld.global.v2.u32 {%r1, %r2}, [%rd0];
add.s64 %rd1, %rd0, 16;
st.global.v2.u32 [%rd1], {%r2, 7};
ld.global.s32 %rd2, [%rd0+4];
st.global.b64 [%rd1+8], %rd2;
ld.global.u32 %rd3, [%rd0+4];
st.global.b64 [%rd1+16], %rd3;
st.global.u32 [%rd1+-4], 5;`, 1, []uint32{1, 0x80000002, 0, 0, 0, 0, 0, 0, 0, 0})
	if want := []uint32{1, 0x80000002, 0, 5, 0x80000002, 7, 0x80000002, 0xffffffff, 0x80000002, 0}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("%x, want %x: %v", got, want, err)
	}
}

// TestWays: lanes go different ways, through loops in loops, and meet again at a barrier;
// each computes its own Collatz numbers, of which another warp sums up.
func TestWays(t *testing.T) {
	const threads = 70
	body := `mov.u32 %r1, %tid.x;
add.s32 %r2, %r1, 1;
mov.b32 %r3, 0;
$next:
setp.eq.s32 %p1, %r2, 1;
@%p1 bra $done;
and.b32 %r4, %r2, 1;
setp.eq.s32 %p2, %r4, 0;
@%p2 bra $even;
mad.lo.s32 %r2, %r2, 3, 1;
bra.uni $counted;
$even:
shr.u32 %r2, %r2, 1;
$counted:
add.s32 %r3, %r3, 1;
bra.uni $next;
$done:
mul.wide.u32 %rd1, %r1, 4;
add.s64 %rd2, %rd0, %rd1;
st.global.u32 [%rd2], %r3;
setp.lt.u32 %p3, %r1, 64;
mov.u64 %rd3, s;
add.s64 %rd4, %rd3, %rd1;
@%p3 st.shared.u32 [%rd4], %r3;
bar.sync 0;
setp.ne.s32 %p4, %r1, 69;
@%p4 ret;
mov.b32 %r5, 0;
mov.b32 %r6, 0;
$sum:
ld.shared.u32 %r7, [%rd3];
add.s32 %r5, %r5, %r7;
add.s64 %rd3, %rd3, 4;
add.s32 %r6, %r6, 1;
setp.lt.s32 %p5, %r6, 64;
@%p5 bra $sum;
st.global.u32 [%rd0+280], %r5;`
	got, err := execute(body, threads, make([]uint32, threads+1))
	if err != nil {
		t.Fatal(err)
	}
	sum := uint32(0)
	for i := range threads {
		steps := uint32(0)
		for n := i + 1; n != 1; steps++ {
			if n%2 == 0 {
				n /= 2
			} else {
				n = 3*n + 1
			}
		}
		if got[i] != steps {
			t.Errorf("thread %d: %d, want %d", i, got[i], steps)
		}
		if i < 64 {
			sum += steps
		}
	}
	if got[threads] != sum {
		t.Errorf("sum %d, want %d", got[threads], sum)
	}
}

// TestFaults: what a device leaves open, or what is beyond memory, is an error.
func TestFaults(t *testing.T) {
	const thread = "mov.u32 %r1, %tid.x;\nmul.wide.u32 %rd1, %r1, 4;\nadd.s64 %rd2, %rd0, %rd1;\nmov.u64 %rd3, s;\nadd.s64 %rd4, %rd3, %rd1;\nsetp.lt.u32 %p1, %r1, 1;\n"
	for body, want := range map[string]string{
		"ld.global.u32 %r2, [%rd0+16];":                                         "of 4 bytes at byte 16 of words, which has 16",
		"ld.global.v2.u32 {%r2, %r3}, [%rd0+12];":                               "of 8 bytes at byte 12",
		"ld.global.v2.u32 {%r2, %r3}, [%rd0+4];":                                "no multiple of 8",
		"ld.global.u32 %r2, [%rd0+-4];":                                         "where no buffer is",
		"mov.u64 %rd5, 0;\nld.global.u32 %r2, [%rd5];":                          "at 0x0, where no buffer is",
		"st.global.u32 [%rd0+16], 1;":                                           "store of 4 bytes at byte 16",
		"st.global.u32 [%rd0], 1;":                                              "store in word 0 of words, which another thread writes too",
		thread + "st.global.u32 [%rd2], 1;\nld.global.u32 %r2, [%rd0];":         "load of word 0 of words, which another thread writes",
		"ld.global.nc.u32 %r2, [%rd0];\nst.global.u32 [%rd0], 1;":               "which is loaded as a constant",
		thread + "@%p1 st.global.u32 [%rd2], 1;\nld.global.nc.u32 %r2, [%rd0];": "as a constant, which is written",
		"ld.shared.u32 %r2, [s];":                                               "which nothing has written",
		"ld.shared.u32 %r2, [s+256];":                                           "of 4 bytes at byte 256 of shared memory, which has 256",
		"ld.shared.u32 %r2, [s+2];":                                             "no multiple",
		"st.shared.u32 [s], 1;":                                                 "which another thread uses",
		thread + "st.shared.u32 [%rd4], 1;\nld.shared.u32 %r2, [s];":            "which another thread writes, without a barrier",
		thread + "@%p1 st.shared.u32 [s], 1;\nbar.sync 0;\nld.shared.u32 %r2, [s];\n@%p1 st.shared.u32 [s], 1;": "which another thread uses, without a barrier",
		thread + "@%p1 ret;\nbar.sync 0;":                            "a barrier that this thread does not come to",
		thread + "@%p1 bra $L;\nbar.sync 0;\n$L:":                    "a barrier that this thread does not come to",
		thread + "setp.lt.u32 %p1, %r1, 32;\n@%p1 ret;\nbar.sync 0;": "a barrier that 1 of 2 warps come to",
		"mov.b32 %r2, 0;\ndiv.s32 %r3, 1, %r2;":                      "division by zero",
		"mov.b32 %r2, 0;\nrem.u32 %r3, 1, %r2;":                      "division by zero",
		"mov.b32 %r2, -1;\ndiv.s32 %r3, -2147483648, %r2;":           "division of the least number by -1",
		"$L:\nbra.uni $L;":                                           "more steps than are allowed",
		"mov.b64 %rd5, k_param_0;\nld.param.u32 %r2, [%rd5+8];":      "of parameters",
	} {
		threads := 2
		if strings.Contains(want, "warps") {
			threads = 40
		}
		if _, err := execute(body, threads, make([]uint32, 4)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngave %v, want %s", body, err, want)
		}
	}
}

// TestUnknown: what the parser does not know it says, with line and text.
func TestUnknown(t *testing.T) {
	for body, want := range map[string]string{
		"add.s16 %r1, %r2, %r3;":                             `unknown instruction add.s16: "add.s16 %r1, %r2, %r3;"`,
		"fma.rz.f32 %f1, %f2, %f3, %f4;":                     "unknown instruction",
		"fma.rn.ftz.f32 %f1, %f2, %f3, %f4;":                 "unknown instruction",
		"div.approx.f32 %f1, %f2, %f3;":                      "unknown instruction",
		"call.uni foo;":                                      "unknown instruction",
		"atom.global.add.u32 %r1, [%rd0], 1;":                "unknown instruction",
		"add.s32 %r1, %r2;":                                  "2 operands, want 3",
		"add.s32 %r1, %r2, %rd3;":                            "none of this instruction's type",
		"add.s32 %r1, %r2, %f3;":                             "none of this instruction's type",
		"add.rn.f32 %f1, %f2, 1;":                            "no number 1 of this",
		"add.rn.f32 %f1, %f2, 0f1;":                          "no number 0f1 of this",
		"add.s32 %r1, %r2, 4294967296;":                      "no number",
		"add.s32 %r1, %r99, 1;":                              "unknown register %r99",
		"add.s32 1, %r1, 1;":                                 "unknown register 1",
		"mov.u32 %r1, %laneid;":                              "unknown register %laneid",
		"mov.u64 %rd1, %tid.x;":                              "has 32 bits",
		"mov.u64 %rd1, other;":                               "no number other",
		"ld.global.u32 %r1, [s];":                            "nothing of this space",
		"ld.shared.u32 %r1, [k_param_0];":                    "nothing of this space",
		"ld.global.u32 %r1, %rd0;":                           "an address in brackets",
		"ld.global.u32 %r1, [%r2];":                          "none of this instruction's type",
		"ld.global.v2.u32 {%r1}, [%rd0];":                    "2 registers in braces",
		"ld.global.v4.u64 {%rd1, %rd1, %rd1, %rd1}, [%rd0];": "unknown instruction",
		"ld.global.u32 5, [%rd0];":                           "unknown register 5",
		"ld.local.u32 %r1, [%rd0];":                          "unknown instruction",
		"bra $nowhere;":                                      "label $nowhere leads nowhere",
		"@%p9 bra $L;\n$L:":                                  "unknown predicate",
		"@%r1 bra $L;\n$L:":                                  "unknown predicate",
		"@%p1 bra.uni $L;\n$L:":                              "has a predicate",
		"bar.sync 1;":                                        "only barrier 0",
		"$L:\n$L:":                                           "no new label",
		"add.s32 %r1, %r2, 1":                                "one statement in a line",
		"ret; ret;":                                          "one statement in a line",
		".local .align 4 .b8 x[4];":                          "unknown instruction .local",
		`.pragma "unroll";`:                                  "unknown pragma",
		".reg .b16 %rs<4>;":                                  "unknown registers",
		".reg .b32 %r<4>;":                                   "declared twice",
		".reg .b32 %q<99999>;":                               "or too many",
		".shared .align 3 .b8 x[4];":                         "unknown variable",
		".shared .align 4 .b8 x[99999];":                     "unknown variable",
		"st.global.v2.u32 [%rd0], {%r1, %r2;":                "braces do not match",
		"ret;\n}\n.func x":                                   "unknown directive",
		"ret;\n}\n.visible .entry k(\n)\n{\nret;\n}":         "no name of a new kernel",
	} {
		_, err := Parse(program(body))
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line ") {
			t.Errorf("%s\ngave %v, want %s", body, err, want)
		}
	}
	for _, source := range []string{
		".target gfx90\n", head + ".visible .entry k(\n", head + ".visible .entry k(\n.param .u16 a\n)\n{\nret;\n}\n", head + ".visible .entry k(\n.param .align 4 .b8 a[9999999]\n)\n{\nret;\n}\n",
		head + ".visible .entry k(\n)\n{\n", head + ".visible .entry k(\n)\n{\n}\n", head + ".visible .entry k(\n)\n{\n.reg .pred %p<1>;\n@%p0 ret;\n}\n", strings.Repeat(" ", mostSource+1),
	} {
		if _, err := Parse(source); err == nil {
			t.Errorf("%.80s: no error", source)
		}
	}
}

// TestLaunch: launches that cannot be are refused.
func TestLaunch(t *testing.T) {
	m, err := Parse(program(""))
	if err != nil {
		t.Fatal(err)
	}
	k, err := m.Kernel("k")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Kernel("other"); err == nil {
		t.Error("another kernel")
	}
	one := [3]int{1, 1, 1}
	for _, l := range []Launch{
		{Grid: [3]int{1, 0, 1}, Threads: 1, Arguments: []any{uint64(0)}}, {Grid: [3]int{1, 1, 1 << 16}, Threads: 1, Arguments: []any{uint64(0)}}, {Grid: one, Threads: 1025, Arguments: []any{uint64(0)}},
		{Grid: one, Threads: 1}, {Grid: one, Threads: 1, Arguments: []any{int32(0)}}, {Grid: one, Threads: 1, Arguments: []any{0}}, {Grid: one, Threads: 1, Arguments: []any{[]byte{1}}},
	} {
		if err := k.Launch(&Memory{}, l); err == nil {
			t.Errorf("%v: no error", l)
		}
	}
	if err := k.Launch(&Memory{}, Launch{Grid: one, Threads: 1, Arguments: []any{uint64(0)}}); err != nil {
		t.Error(err)
	}
}

// FuzzRun parses whatever comes, and runs what can be parsed for some steps.
func FuzzRun(f *testing.F) {
	f.Add(program("ld.global.v2.u32 {%r1, %r2}, [%rd0];\n@!%p1 st.global.f32 [%rd0+8], 0f3F800000;"))
	f.Add(program("mov.u64 %rd1, s;\nmov.u32 %r1, %tid.x;\n$L:\nst.shared.u32 [%rd1], %r1;\nbar.sync 0;\nsetp.lt.s32 %p1, %r1, 3;\n@%p1 bra $L;\nmad.lo.s32 %r1, %r1, 3, -1;\ndiv.s32 %r1, %r1, %r1;"))
	f.Add(head + ".visible .entry k(\n.param .align 8 .b8 a[24],\n.param .u32 b\n)\n{\n.reg .b64 %rd<2>;\nmov.b64 %rd1, a;\nld.param.u64 %rd0, [%rd1+8];\nret;\n}\n")
	f.Fuzz(func(t *testing.T, source string) {
		m, err := Parse(source)
		if err != nil {
			return
		}
		for _, k := range m.kernels {
			var memory Memory
			at := memory.Alloc("words", 64)
			var arguments []any
			for _, p := range k.params {
				a := make([]byte, p.size)
				if p.size == 8 {
					binary.LittleEndian.PutUint64(a, at)
				}
				arguments = append(arguments, a)
			}
			_ = k.Launch(&memory, Launch{Grid: [3]int{2, 1, 1}, Threads: 34, Arguments: arguments, Steps: 500})
		}
	})
}
