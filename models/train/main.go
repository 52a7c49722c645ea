// Command train makes Krypton's built-in model: it draws scenes, trains a small
// convolutional network on them, measures it on scenes that it has never seen,
// and writes the ONNX file, its description and the sample picture.
//
//	go run ./models/train -dir models
//
// The same options give the same files on the same kind of processor.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"krypton/internal/atomicfile"
)

func main() {
	if err := run(os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "train:", err)
		os.Exit(1)
	}
}

func run(args []string, out io.Writer) error {
	flags := flag.NewFlagSet("train", flag.ContinueOnError)
	dir := flags.String("dir", "models", "folder to write to")
	o := defaultOptions
	flags.IntVar(&o.Closeups, "closeups", o.Closeups, "steps of the optimizer on close-ups")
	flags.IntVar(&o.Steps, "steps", o.Steps, "steps on whole scenes, after those")
	flags.IntVar(&o.Batch, "batch", o.Batch, "scenes in a step")
	flags.Float64Var(&o.Rate, "rate", o.Rate, "peak learning rate")
	flags.Uint64Var(&o.Seed, "seed", o.Seed, "seed of the training scenes and of the first weights")
	flags.IntVar(&o.HeldOut, "held-out", o.HeldOut, "scenes to measure the accuracy on")
	flags.Uint64Var(&o.HeldOutSeed, "held-out-seed", o.HeldOutSeed, "seed of those scenes")
	sampleOnly := flags.Bool("sample-only", false, "write only the sample picture")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	sample, err := samplePNG()
	if err != nil {
		return err
	}
	if err := write(*dir, sampleFile, sample); err != nil {
		return err
	}
	if *sampleOnly {
		return nil
	}

	start := time.Now()
	net := network(o.Seed)
	train(net, o, out)
	trained := time.Since(start)
	accuracy, confusion := evaluate(net, o.HeldOut, o.HeldOutSeed)
	fmt.Fprintf(out, "held-out accuracy %.4f on %d scenes; trained in %s\n", accuracy, o.HeldOut, trained.Round(time.Second))
	printConfusion(out, confusion)

	model := export(net)
	config, err := describe(o, model, accuracy)
	if err != nil {
		return err
	}
	if err := write(*dir, modelFile, model); err != nil {
		return err
	}
	return write(*dir, configFile, config)
}

func write(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	return atomicfile.Write(path, true, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}
