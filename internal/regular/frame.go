package regular

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// SplitFrame takes FILE#N apart: the file, and which of its frames, from 1 on. frame is 0
// where no frame is named, or where there is a file of all that name.
func SplitFrame(name string) (file string, frame int) {
	at := strings.LastIndexByte(name, '#')
	if at < 1 {
		return name, 0
	}
	n, err := strconv.Atoi(name[at+1:])
	if err != nil || n < 1 || name[at+1] == '+' {
		return name, 0
	}
	if _, err := os.Lstat(name); err == nil {
		return name, 0
	}
	return name[:at], n
}

// Base is a file's name without folder and ending, with the number of the frame behind it
// if one is named.
func Base(name string) string {
	file, frame := SplitFrame(name)
	base := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if frame > 0 {
		base = fmt.Sprintf("%s.%d", base, frame)
	}
	return base
}
