package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"krypton/internal/onnxload"
	"krypton/internal/onnxwrite"
)

// badBytes are the rows M01 to M06: what is no model, and what is none any more.
func badBytes() []badInput {
	good := sound().Marshal()
	rows := []badInput{
		looked("M01/empty", holding(nil), exitData, "the file is empty"),
		looked("M01/one-byte", holding([]byte{8}), exitData, "unexpected EOF"),
		looked("M01/text", holding([]byte("this is not a model\n")), exitData, "cannot be used"),
		looked("M01/jpeg", holding([]byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01")), exitData, "cannot be used"),
		looked("M01/zeros", holding(make([]byte, 1000)), exitData, "invalid field number"),
		mapped("M01/map", holding(nil), exitData, "the file is empty"),
	}
	for i := range 20 {
		n := 1 + (len(good)-2)*i/19
		rows = append(rows, looked(fmt.Sprintf("M02/cut-at-%d", n), holding(good[:n]), exitData, "unexpected EOF"))
	}
	rows = append(rows, mapped("M02/map", holding(good[:len(good)/2]), exitData, "unexpected EOF"))

	tag := func(n protowire.Number, t protowire.Type) []byte { return protowire.AppendTag(nil, n, t) }
	bad := func(id string, b []byte, says string) {
		rows = append(rows, looked("M04/"+id, holding(b), exitData, says))
	}
	bad("varint-of-11-bytes", append(bytes.Repeat([]byte{0xff}, 11), good...), "integer overflow")
	bad("value-of-11-bytes", slices.Concat(tag(1, protowire.VarintType), bytes.Repeat([]byte{0x80}, 10), []byte{1}, good), "integer overflow")
	bad("length-2^63-1", protowire.AppendVarint(tag(7, protowire.BytesType), math.MaxInt64), "unexpected EOF")
	bad("length-2^64-1", protowire.AppendVarint(tag(7, protowire.BytesType), math.MaxUint64), "unexpected EOF")
	bad("length-past-the-end", append(protowire.AppendVarint(tag(7, protowire.BytesType), 5), 1, 2, 3, 4), "unexpected EOF")
	bad("field-zero", append([]byte{0x02, 0x00}, good...), "invalid field number")
	bad("wrong-wire-type", protowire.AppendFixed64(tag(7, protowire.Fixed64Type), 1), "wrong wire type")
	bad("reserved-wire-type", append([]byte{7<<3 | 7}, good...), "reserved wire type")
	bad("group-without-end", append(tag(7, protowire.StartGroupType), good...), "unexpected EOF")
	bad("end-without-group", append(tag(7, protowire.EndGroupType), good...), "mismatching end group")
	bad("groups-100000-deep", bytes.Repeat(tag(7, protowire.StartGroupType), 100000), "cannot be used")
	rows = append(rows, looked("M05/unknown-fields", holding(protowire.AppendString(protowire.AppendTag(bytes.Clone(good), 4000, protowire.BytesType), "later")), exitOK, ""),
		looked("M05/unknown-group", holding(slices.Concat(tag(999, protowire.StartGroupType), tag(999, protowire.EndGroupType), good)), exitOK, ""))

	bodies := nested(10000, nil, ifBody)
	types := nested(100000, nil, sequenceType)
	field := func(n protowire.Number, b []byte) []byte {
		return protowire.AppendBytes(tag(n, protowire.BytesType), b)
	}
	// with adds to the sound model's graph.
	with := func(more []byte) func(testing.TB, string) {
		return holding(append(field(7, append(bytes.Clone(more), graphOf(good)...)), opsetOf13()...))
	}
	value := append(field(1, []byte("deep")), field(2, types)...)
	return append(rows,
		looked("M06/bodies-10000-deep", with(bodies), exitData, "more than 32 deep"),
		looked("M06/input-type-100000-deep", with(field(11, value)), exitOK, ""),
		looked("M06/unused-type-100000-deep", with(field(13, value)), exitOK, ""),
		mapped("M06/map", with(bodies), exitData, "more than 32 deep"))
}

// graphOf is the graph in a model's bytes.
func graphOf(model []byte) []byte {
	for len(model) > 0 {
		n, typ, k := protowire.ConsumeTag(model)
		size := protowire.ConsumeFieldValue(n, typ, model[k:])
		if n == 7 {
			b, _ := protowire.ConsumeBytes(model[k:])
			return b
		}
		model = model[k+size:]
	}
	return nil
}

// opsetOf13 is the field that says which operator set a model is of.
func opsetOf13() []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, 8, protowire.BytesType), protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 13))
}

// nested is a message in a message in a message. level gives all that stands in
// front of a level's inner message, whose size it is told.
func nested(depth int, innermost []byte, level func(inner int) []byte) []byte {
	heads, size := [][]byte{innermost}, len(innermost)
	for range depth {
		h := level(size)
		heads = append(heads, h)
		size += len(h)
	}
	slices.Reverse(heads)
	return slices.Concat(heads...)
}

// ifBody is the head of a graph with one node, If, whose branch is the inner graph.
func ifBody(inner int) []byte {
	open := func(b []byte, n protowire.Number, size int) []byte {
		return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.BytesType), uint64(size))
	}
	text := func(b []byte, n protowire.Number, s string) []byte {
		return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), s)
	}
	attribute := protowire.AppendVarint(protowire.AppendTag(text(nil, 1, "then_branch"), 20, protowire.VarintType), uint64(onnxwrite.AttrGraph))
	attribute = open(attribute, 6, inner)
	node := open(text(text(text(nil, 1, "x"), 2, "y"), 4, "If"), 5, len(attribute)+inner)
	return slices.Concat(open(nil, 1, len(node)+len(attribute)+inner), node, attribute)
}

// sequenceType is the head of a type: a sequence of the inner type.
func sequenceType(inner int) []byte {
	elem := protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.BytesType), uint64(inner))
	return append(protowire.AppendVarint(protowire.AppendTag(nil, 4, protowire.BytesType), uint64(len(elem)+inner)), elem...)
}

// flipped is the sound model with some bits turned over.
func flipped(seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 3))
	b := sound().Marshal()
	for range 1 + rng.IntN(4) {
		b[rng.IntN(len(b))] ^= 1 << rng.IntN(8)
	}
	return b
}

// refusal fails the test unless an error of the loader is one that it means. A
// panic that it caught would tell of a runtime error.
func refusal(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil && (!errors.Is(err, onnxload.ErrModel) && !errors.Is(err, onnxload.ErrShape) || strings.Contains(err.Error(), "runtime error") || strings.Contains(err.Error(), "\n")) {
		t.Errorf("%s: %v", what, err)
	}
}

// TestCutModels is row M02 at every length, with the loader alone.
func TestCutModels(t *testing.T) {
	good := sound().Marshal()
	for n := range good {
		_, err := onnxload.LoadBytes(good[:n], "cut", "", onnxload.Options{})
		if err == nil {
			t.Errorf("M02: %d of %d bytes are taken for a model", n, len(good))
		}
		refusal(t, fmt.Sprintf("M02 at %d", n), err)
	}
}

// TestFlippedModels is row M03, a thousand models with the loader alone and some
// with the command: an error or a result, never a crash.
func TestFlippedModels(t *testing.T) {
	n, starts := uint64(1000), 20
	if testing.Short() {
		n, starts = 200, 4
	}
	taken := 0
	for seed := range n {
		_, err := onnxload.LoadBytes(flipped(seed), "flipped", "", onnxload.Options{})
		refusal(t, fmt.Sprintf("M03/seed-%d", seed), err)
		if err == nil {
			taken++
		}
	}
	if taken == 0 || taken == int(n) {
		t.Errorf("%d of %d are taken: the flips do not reach what matters", taken, n)
	}
	for seed := range starts {
		t.Run(fmt.Sprintf("M03/seed-%d", seed), func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "m.onnx")
			holding(flipped(uint64(seed)))(t, path)
			cmd := command("model", "info", path)
			var stdout, stderr strings.Builder
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
				t.Fatal(err)
			}
			code, text := cmd.ProcessState.ExitCode(), stderr.String()
			switch {
			case code == exitOK && stdout.Len() > 0:
			case (code == exitData || code == exitUsage) && stdout.Len() == 0 && strings.HasPrefix(text, "krypton: ") && strings.Count(text, "\n") == 1 && strings.Contains(text, "m.onnx") && !strings.Contains(text, "error:"):
			default:
				t.Errorf("exit code %d: %q, %q", code, stdout.String(), text)
			}
		})
	}
}

// TestMovingModel is the part of row M23 on a file that grows and shrinks while it
// is read: an error or a result.
func TestMovingModel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.onnx")
	// A text that nobody reads makes the file large.
	long := sound()
	long.Doc = strings.Repeat("x", 8<<20)
	b := long.Marshal()
	holding(b)(t, path)
	stop, done := make(chan bool), make(chan error)
	go func() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		for size := int64(0); err == nil; size = (size + 3<<20) % int64(len(b)) {
			select {
			case <-stop:
				done <- f.Close()
				return
			default:
			}
			if err = f.Truncate(size); err == nil {
				_, err = f.WriteAt(b, 0)
			}
		}
		done <- err
	}()
	codes := map[int]int{}
	for range 8 {
		cmd := command("model", "info", path)
		out, _ := cmd.CombinedOutput()
		code := cmd.ProcessState.ExitCode()
		codes[code]++
		if code != exitOK && code != exitData || strings.Contains(string(out), "panic") || code != exitOK && strings.Count(string(out), "\n") != 1 {
			t.Errorf("M23: exit code %d: %s", code, out)
		}
	}
	close(stop)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("exit codes %v", codes)
}
