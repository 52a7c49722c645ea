package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"krypton/internal/batch"
	"krypton/internal/flagvalue"
	"krypton/internal/inputs"
	"krypton/internal/model"
	"krypton/internal/obe"
)

// inputLists are the flags that name files of names.
type inputLists struct{ inputs.Lists }

func (l *inputLists) addFlags(f *pflag.FlagSet) {
	f.StringVar(&l.Lines, "files-from", "", "also read names of pictures from this `file` (- for standard input), one a line")
	flagvalue.Add(f, &l.Frames, "frames", "", inputs.ParseFrames, "which `frames` of DICOM files with several: all, or numbers and ranges such as 1,5-9 (default: the first; FILE#N takes one)")
	f.StringVar(&l.NUL, "files-from0", "", "the same with names ended by NUL bytes, as find -print0 writes them")
}

// expand turns arguments and lists into picture files.
func (l *inputLists) expand(args []string, io streams) ([]string, error) {
	names, err := l.Expand(args, io.in)
	if err == nil && l.Passed > 0 {
		fmt.Fprintf(io.err, "krypton: DICOM files without a picture are passed over: %d\n", l.Passed)
	}
	return names, hinted(err)
}

// inputFlags are the flags that name files which are read.
var inputFlags = []string{"config", "model", "labels", "mask", "image", "raw", "manifest", "files-from", "files-from0", "ffmpeg", "bind", "with", "reference", "patch", "fill"}

// addInputs takes the files that flags and arguments name.
func addInputs(r *inputs.Set, flags *pflag.FlagSet) {
	for _, name := range inputFlags {
		f := flags.Lookup(name)
		if f == nil {
			continue
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			if _, file, ok := strings.Cut(v, "="); ok && name == "bind" {
				v = file
			}
			if name == "with" {
				if w, err := model.ParseWith(v); err == nil { // else it is no file
					v = w.File
				}
			}
			switch name {
			case "model":
				r.AddModel(v)
			case "patch":
				r.Add(patchFiles(v)...)
			case "fill":
				r.Add(fillFile(v))
			case "files-from":
				r.AddList(v, '\n')
			case "files-from0":
				r.AddList(v, 0)
			default:
				r.Add(v)
			}
		}
	}
	for _, a := range flags.Args() {
		r.AddArgument(a)
	}
}

// addItems takes the files of all items of a batch.
func addItems(r *inputs.Set, items []batch.Item) {
	for _, it := range items {
		r.AddArgument(it.Path)
		r.AddModel(it.Set["model"])
		r.Add(it.Set["labels"], it.Set["mask"], it.Set["reference"])
		for _, text := range flagvalue.Several(it.Set["with"]) {
			if w, err := model.ParseWith(text); err == nil { // else the item says so
				r.Add(withFiles([]model.With{w}, it.Path)...)
			}
		}
		r.Add(patchFiles(it.Set["patch"])...)
		for _, name := range flagvalue.Several(it.Set["fill"]) {
			r.Add(fillFile(name))
		}
	}
}

// fillFile is the file that a fill names, "" for none.
func fillFile(name string) string {
	f, _ := obe.ParseFill(name, 0) // what is wrong with it the flag says
	return f.File
}

// patchFiles are the files that the text of --patch names.
func patchFiles(text string) []string {
	var files []string
	patches, _ := obe.ParsePatches(text) // what is wrong with it the flag says
	for _, p := range patches {
		files = append(files, p.File)
	}
	return files
}
