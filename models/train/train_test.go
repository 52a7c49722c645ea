package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"krypton/models/nn"
	"krypton/models/scenes"
)

func TestTrainingLowersTheLoss(t *testing.T) {
	net := shapes.network(5)
	adam := nn.NewAdam(net.Params(), 0)
	x, labels := nn.NewTensor(16, 3, side/2, side/2), make([]int, 16)
	shapes.fill(x, labels, 5, 0)
	var first, last float64
	for step := range 25 {
		loss, _, grad := nn.CrossEntropy(net.Forward(x, true), labels, 0)
		net.Backward(grad)
		adam.Step(3e-3)
		if step == 0 {
			first = loss
		}
		last = loss
	}
	if last > first/2 {
		t.Errorf("the loss on 16 scenes went from %.3f to %.3f in 25 steps, want half or less", first, last)
	}
}

// files runs a tiny training of a model and returns what it writes.
func files(t *testing.T, of *task, procs int) map[string][]byte {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
	dir := t.TempDir()
	args := []string{"-model", of.name, "-dir", dir, "-steps", "2", "-batch", "6", "-held-out", "5"}
	names := []string{of.name + ".onnx", of.name + ".krypton.yaml"}
	if of == shapes {
		args, names = append(args, "-closeups", "3"), append(names, sampleFile)
	}
	if err := run(args, io.Discard); err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = data
	}
	return out
}

func TestTrainingIsReproducible(t *testing.T) {
	for _, of := range tasks {
		first, second := files(t, of, 1), files(t, of, 3)
		for name, data := range first {
			if !bytes.Equal(data, second[name]) {
				t.Errorf("%s differs between two runs, on 1 and on 3 processors", name)
			}
		}
	}
}

func TestCloseupsKeepTheirObject(t *testing.T) {
	for i := range uint64(40) {
		s := scenes.Generate(9, i, side/2, side/2, side)
		if s.Box.Dx() < side/8 || s.Box.Dy() < side/10 {
			t.Errorf("scene %d (%v): the object covers only %v", i, s.Class, s.Box)
		}
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, args := range [][]string{
		{"-steps", "0"}, {"-batch", "-1"}, {"-closeups", "-1"}, {"-rate", "0"}, {"-held-out", "0"},
		{"-seed", "4", "-held-out-seed", "4"},
		{"-model", "beats", "-closeups", "1"},
		{"-model", "birds"},
	} {
		if err := run(append(args, "-dir", t.TempDir()), io.Discard); err == nil {
			t.Errorf("%v was accepted", args)
		}
	}
}
