// Command train makes Krypton's built-in models: it draws scenes, or renders strips of
// heartbeats, trains a small convolutional network on them, measures it on some that it
// has never seen, and writes the ONNX file, its description and, of scenes, the sample
// picture.
//
//	go run ./models/train -dir models
//	go run ./models/train -model beats
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

// settings are what the command line says.
type settings struct {
	options
	of         *task
	dir        string
	sampleOnly bool
}

// parse reads the command line; what it does not say is usual for a model.
func parse(args []string, usual *task) (settings, error) {
	flags := flag.NewFlagSet("train", flag.ContinueOnError)
	s := settings{options: usual.options, of: usual}
	flags.Func("model", "which `model`: shapes or beats", func(name string) error {
		for _, t := range tasks {
			if t.name == name {
				s.of = t
				return nil
			}
		}
		return fmt.Errorf("there is no model %q", name)
	})
	flags.StringVar(&s.dir, "dir", "models", "folder to write to")
	flags.IntVar(&s.Closeups, "closeups", s.Closeups, "steps of the optimizer on close-ups of scenes")
	flags.IntVar(&s.Steps, "steps", s.Steps, "steps on whole samples, after those")
	flags.IntVar(&s.Batch, "batch", s.Batch, "samples in a step")
	flags.Float64Var(&s.Rate, "rate", s.Rate, "peak learning rate")
	flags.Uint64Var(&s.Seed, "seed", s.Seed, "seed of the training samples and of the first weights")
	flags.IntVar(&s.HeldOut, "held-out", s.HeldOut, "samples to measure the accuracy on")
	flags.Uint64Var(&s.HeldOutSeed, "held-out-seed", s.HeldOutSeed, "seed of those samples")
	flags.BoolVar(&s.sampleOnly, "sample-only", false, "write only the sample picture")
	return s, flags.Parse(args)
}

func run(args []string, out io.Writer) error {
	s, err := parse(args, shapes)
	if err == nil && s.of != shapes {
		s, err = parse(args, s.of)
	}
	if err != nil {
		return err
	}
	if err := s.check(s.of); err != nil {
		return err
	}
	if s.of == shapes {
		sample, err := samplePNG()
		if err != nil {
			return err
		}
		if err := write(s.dir, sampleFile, sample); err != nil {
			return err
		}
	}
	if s.sampleOnly {
		return nil
	}

	start := time.Now()
	net := s.of.network(s.Seed)
	s.of.train(net, s.options, out)
	trained := time.Since(start)
	accuracy, confusion := s.of.evaluate(net, s.HeldOut, s.HeldOutSeed)
	fmt.Fprintf(out, "held-out accuracy %.4f on %d %s; trained in %s\n", accuracy, s.HeldOut, s.of.samples, trained.Round(time.Second))
	printConfusion(out, s.of.labels, confusion)

	model := s.of.export(net)
	config, err := s.of.describe(s.options, model, accuracy)
	if err != nil {
		return err
	}
	if err := write(s.dir, s.of.name+".onnx", model); err != nil {
		return err
	}
	return write(s.dir, s.of.name+".krypton.yaml", config)
}

func write(dir, name string, data []byte) error {
	path := filepath.Join(dir, name)
	return atomicfile.Write(path, true, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}
