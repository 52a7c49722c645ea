package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"krypton/internal/atomicfile"
	"krypton/internal/failure"
	"krypton/internal/framelabels"
	"krypton/internal/labelfiles"
)

// base is the name that each format adds its ending to; "-" is standard output.
func (j *orvJob) base() string {
	name := filepath.Base(j.name)
	if j.name == "-" {
		name = "stdin"
	}
	name = strings.TrimSuffix(name, filepath.Ext(name))
	switch i, err := os.Stat(j.out); {
	case j.out == "-":
		return "-"
	case j.out == "":
		if j.name == "-" || strings.ContainsAny(j.name, "*?[") || strings.Contains(j.name, "://") {
			return name + ".krypton"
		}
		return filepath.Join(filepath.Dir(filepath.Clean(j.name)), name+".krypton")
	case endsFolder(j.out) || err == nil && i.IsDir():
		return filepath.Join(j.out, name+".krypton")
	}
	return strings.TrimSuffix(j.out, ".jsonl")
}

// parseFormats reads --format.
func (j *orvJob) parseFormats() ([]string, error) {
	var list []string
	for _, f := range strings.Split(j.formats, ",") {
		f = strings.TrimSpace(f)
		switch {
		case !slices.Contains(framelabels.Formats, f):
			return nil, fmt.Errorf("--format %q: want some of %s", f, strings.Join(framelabels.Formats, ", "))
		case !j.job.Detector() && framelabels.OfDetectors(f):
			return nil, fmt.Errorf("--format %s is for detectors, and %s describes none", f, j.job.Model().File.Name)
		case !slices.Contains(list, f):
			list = append(list, f)
		}
	}
	switch {
	case j.out == "-" && (len(list) != 1 || list[0] == "yolo"):
		return nil, fmt.Errorf("-o - takes one format, and no folder of files")
	case j.resume && !slices.Contains(list, "jsonl"):
		return nil, errors.New("--resume needs the format jsonl")
	case j.resume && (j.out == "-" || j.name == "-"):
		return nil, errors.New("--resume needs files on both sides")
	}
	return list, nil
}

// claimOutputs looks at all outputs, and keeps other runs off them. What is in them
// stays until they are begun.
func (j *orvJob) claimOutputs() (*labelfiles.Files, error) {
	formats, err := j.parseFormats()
	if err != nil {
		return nil, failure.As(failure.Usage, err)
	}
	if j.annotate != "" {
		if err := j.inputs.CheckOutput(j.annotate, j.force); err != nil {
			return nil, err
		}
	}
	o := labelfiles.Options{Base: j.base(), Formats: formats, Force: j.force, Resume: j.resume}
	if o.Base == "-" {
		o.Base = ""
		return labelfiles.Claim(o)
	}
	if endsFolder(j.out) {
		if err := atomicfile.MakeFolder(j.out); err != nil {
			return nil, failure.As(failure.CantCreate, err)
		}
	}
	o.Check = func(path string) error { return cmp.Or(j.inputs.Check(path), j.inputs.CheckFolder(path)) }
	return labelfiles.Claim(o)
}
