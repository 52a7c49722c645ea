package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// pictureEndings are the file endings that a folder is searched for.
var pictureEndings = []string{".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp"}

// maxInputs bounds the number of pictures of one run.
const maxInputs = 1 << 20

// expandInputs turns arguments into picture files: files, folders (their
// pictures, sorted, not their subfolders), patterns, @list files (one name a
// line) and - for standard input. What cannot be found stays, so that it is
// reported like any other bad input.
func expandInputs(args []string) ([]string, error) {
	var out []string
	for _, arg := range args {
		if list, ok := strings.CutPrefix(arg, "@"); ok {
			lines, err := readList(list)
			if err != nil {
				return nil, err
			}
			out = append(out, lines...)
			continue
		}
		i, err := os.Stat(arg)
		switch {
		case arg == "-":
			out = append(out, arg)
		case err == nil && i.IsDir():
			entries, err := os.ReadDir(arg)
			if err != nil {
				return nil, coded(exitNoInput, fmt.Errorf("%s: %w", arg, err))
			}
			n := len(out)
			for _, e := range entries { // sorted by name
				if !e.IsDir() && slices.Contains(pictureEndings, strings.ToLower(filepath.Ext(e.Name()))) {
					out = append(out, filepath.Join(arg, e.Name()))
				}
			}
			if len(out) == n {
				return nil, coded(exitNoInput, fmt.Errorf("%s: no pictures in this folder", arg))
			}
		case errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(arg, "*?["):
			m, err := filepath.Glob(arg)
			if err != nil {
				return nil, usageError(fmt.Errorf("pattern %q: %w", arg, err))
			}
			if len(m) == 0 {
				return nil, coded(exitNoInput, fmt.Errorf("pattern %q matches nothing", arg))
			}
			out = append(out, m...)
		default:
			out = append(out, arg)
		}
		if len(out) > maxInputs {
			return nil, usageError(fmt.Errorf("more than %d pictures", maxInputs))
		}
	}
	return out, nil
}

func readList(path string) ([]string, error) {
	b, err := readSmallFile(path)
	if err != nil {
		code := exitData
		if errors.Is(err, fs.ErrNotExist) {
			code = exitNoInput
		}
		return nil, coded(code, fmt.Errorf("list %s: %w", path, err))
	}
	var out []string
	sc := bufio.NewScanner(strings.NewReader(string(b)))
	if strings.ContainsRune(string(b), 0) { // find -print0
		for _, s := range strings.Split(string(b), "\x00") {
			if s != "" {
				out = append(out, s)
			}
		}
		return out, nil
	}
	for sc.Scan() {
		if s := strings.TrimRight(sc.Text(), "\r"); s != "" {
			out = append(out, s)
		}
	}
	return out, sc.Err()
}
