package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"krypton/internal/evaluate"
	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/flagvalue"
	"krypton/internal/graph"
	"krypton/internal/model"
	"krypton/internal/onnxload"
	"krypton/internal/recognize"
	"krypton/internal/serve"
	"krypton/internal/ui"
)

// hints are what the command line has to say of errors of jobs and libraries, which know
// no flag: a text before theirs and one behind it, both "" where a row is about another
// error. The first row that fits counts.
var hints = []func(err error) (before, after string){
	hintFor(model.ErrPreset, "--preset: ", ""),
	hintFor(model.ErrPad, "--", ""),
	hintFor(model.ErrNoOutput, "--", ""),
	hintFor(model.ErrActivation, "--activation: ", ""),
	hintFor(model.ErrBindings, "--", ""),
	hintFor(model.ErrBlack, "", ": say --preset raw, and --mean 128 if pixels become 128 less, or --pixel-scale"),
	hintFor(model.ErrRange, "", ": say --preset raw for 0 to 255, or --pixel-scale and --mean"),
	hintFor(model.ErrLabelsOutside, "", ": --labels names files elsewhere"),
	hintFor(model.ErrLabelsUnread, "", "; name a file by --labels"),
	hintAs(func(e *model.NotPulledError) (string, string) {
		return "", fmt.Sprintf(": krypton model pull %s fetches it (%s)", e.Name, ui.Size(e.Bytes))
	}),
	hintAs(func(e *model.DamagedError) (string, string) {
		return "", fmt.Sprintf(": krypton model rm %s, then krypton model pull %s", e.Name, e.Name)
	}),
	hintAs(func(*model.UnknownError) (string, string) { return "", " (krypton model list shows all)" }),
	hintAs(func(e *onnxload.InputsError) (string, string) { return "", "; say " + flagsOfInputs(e) }),
	hintFor(onnxload.ErrBind, "--bind: ", ""),
	hintFor(onnxload.ErrWith, "--with: ", ""),
	hintFor(onnxload.ErrInput, "--input: ", ""),
	hintFor(onnxload.ErrOutput, "--output: ", ""),
	hintFor(onnxload.ErrShape, "", "; say --size HxW, or --dim NAME=N"),
	hintFor(explain.ErrNoTarget, "", "; --target segment takes a plane for one of classes, --reduce makes one number of it, or of the part that --output 'NAME[...]' takes"),
	hintFor(evaluate.ErrPicture, "", ": --image must name it"),
	hintFor(evaluate.ErrSize, "", ": say --size"),
	hintFor(evaluate.ErrPreprocessing, "", ": give the flags that obe was given"),
	hintFor(serve.ErrOpen, "--listen: ", ": give --tls-cert and --tls-key, or say --insecure"),
	hintFor(recognize.ErrReadAgain, "", " for --annotate"),
}

// hintFor is the row of an error that errors.Is finds.
func hintFor(target error, before, after string) func(error) (string, string) {
	return func(err error) (string, string) {
		if !errors.Is(err, target) {
			return "", ""
		}
		return before, after
	}
}

// hintAs is the row of a type of errors.
func hintAs[E error](hint func(E) (before, after string)) func(error) (string, string) {
	return func(err error) (string, string) {
		var e E
		if !errors.As(err, &e) {
			return "", ""
		}
		return hint(e)
	}
}

// hintedError is an error with what the command line has to say of it.
type hintedError struct {
	text string
	err  error
}

func (e *hintedError) Error() string { return e.text }
func (e *hintedError) Unwrap() error { return e.err }

// hinted adds to an error what there is to say of it, once. What is to stand before a
// text is added before others stand before that: where the command calls.
func hinted(err error) error {
	var done *hintedError
	if err == nil || errors.As(err, &done) {
		return err
	}
	if text := failure.Spell(err, flagName); text != err.Error() {
		return &hintedError{text, err}
	}
	for _, hint := range hints {
		if before, after := hint(err); before != "" || after != "" {
			return &hintedError{before + err.Error() + after, err}
		}
	}
	return err
}

// flagName is the flag that stands for a setting.
func flagName(f failure.Setting) string { return "--" + strings.ReplaceAll(string(f), "_", "-") }

// also says how an input that may be a picture is read as one.
func also(d graph.Declared) string {
	if len(d.Dims) != 4 {
		return ""
	}
	return fmt.Sprintf(" or, of obe, score, tune and serve, --with %s=FILE if it is a picture of the same place", d.Name)
}

// flagsOfInputs tells which flags give inputs their values.
func flagsOfInputs(missing *onnxload.InputsError) string {
	how := func(d graph.Declared) string {
		n := 1
		for _, x := range d.Dims {
			v, err := strconv.Atoi(x)
			if n *= v; err != nil {
				n = 0
			}
		}
		switch {
		case n == 1:
			return fmt.Sprintf("--bind %s=NUMBER", d.Name)
		case n > 1 && n <= 16:
			return fmt.Sprintf("--bind %s=A,B,... of %d numbers", d.Name, n)
		}
		return fmt.Sprintf("--bind %s=FILE.npy (or a number that fills it)%s", d.Name, also(d))
	}
	var flags []string
	for i, d := range missing.Free {
		if missing.Picture == "" && i == 0 {
			flags = append(flags, fmt.Sprintf("--input %s if that is the picture", d.Name))
			continue
		}
		if i < 8 {
			flags = append(flags, how(d))
		}
	}
	return strings.Join(flags, ", ")
}

// flagError is the error of a text that a flag does not take, nil if err is no such.
func flagError(flag string, err error) error {
	var v *flagvalue.Error
	if !errors.As(err, &v) {
		return nil
	}
	if errors.As(err, new(*failure.SettingError)) {
		return hinted(v.Unwrap())
	}
	if strings.HasPrefix(v.Error(), "is ") { // speaks of the flag itself
		return failure.Usagef("--%s %w", flag, v.Unwrap())
	}
	return failure.Usagef("--%s: %w", flag, v.Unwrap())
}
