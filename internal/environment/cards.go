package environment

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// mostAbout is how much of a file about a card is read.
const mostAbout = 4 << 10

// version is that of a driver: numbers with points between, as 550.54.15.
var version = regexp.MustCompile(`\b\d+\.\d+(\.\d+)?\b`)

// cards lists the NVIDIA cards that the kernel's driver knows, and the driver's version, empty
// if there is no driver: as Linux tells below root/proc/driver/nvidia, and no other system
// does. No library is loaded for it, which a static program could not.
func cards(root string) (driver string, names []string) {
	dir := filepath.Join(root, "proc", "driver", "nvidia")
	about := begin(filepath.Join(dir, "version"))
	if about == nil {
		return "", nil
	}
	first, _, _ := bytes.Cut(about, []byte("\n"))
	if driver = version.FindString(string(first)); driver == "" {
		driver = "of unknown version"
	}
	// One folder for each card, named after its place on the bus.
	files, _ := filepath.Glob(filepath.Join(dir, "gpus", "*", "information"))
	slices.Sort(files)
	for _, file := range files {
		name := "card of unknown name"
		lines := bufio.NewScanner(bytes.NewReader(begin(file)))
		for lines.Scan() {
			if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "Model" {
				name = strings.TrimSpace(value)
			}
		}
		names = append(names, name)
	}
	return driver, names
}

// begin is the beginning of a file, nil if it cannot be read.
func begin(path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostAbout))
	if err != nil || data == nil {
		return nil
	}
	return data
}
