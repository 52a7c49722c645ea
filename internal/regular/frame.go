package regular

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Archive is the ending of files of which a part has a name: NumPy's archives of arrays.
const Archive = ".npz"

// SplitPart takes FILE#PART apart: the file, and which of its parts, a frame's number from 1
// on, of a recording when a part of it begins (see SplitTime), or of an archive an array's
// name. part is "" where none is named, or where there is a file of all that name.
func SplitPart(name string) (file, part string) {
	at := strings.LastIndexByte(name, '#')
	if first := strings.Index(strings.ToLower(name), Archive+"#"); first >= 0 {
		at = first + len(Archive)
	} else if n, err := strconv.Atoi(name[at+1:]); !isTime(name[at+1:]) && (err != nil || n < 1 || name[at+1] == '+') {
		return name, ""
	}
	if at < 1 || at+1 == len(name) {
		return name, ""
	}
	if _, err := os.Lstat(name); err == nil {
		return name, ""
	}
	return name[:at], name[at+1:]
}

// SplitFrame is SplitPart of a file that has frames: frame is 0 where none is named.
func SplitFrame(name string) (file string, frame int) {
	file, part := SplitPart(name)
	if frame, _ = strconv.Atoi(part); frame < 1 {
		return name, 0
	}
	return file, frame
}

// isTime says whether a part is a time: seconds as 1.5s, or a number of samples as 500n.
func isTime(part string) bool {
	number := strings.TrimRight(part, "sn")
	if number == "" || len(part) != len(number)+1 || strings.Trim(number, "0123456789.") != "" {
		return false
	}
	_, err := strconv.ParseFloat(number, 64)
	return err == nil
}

// SplitTime is SplitPart of a recording of which a part is named by when it begins: seconds
// as ecg.hea#1.5s, or samples as ecg.csv#500n. at is "" where none is named.
func SplitTime(name string) (file, at string) {
	file, part := SplitPart(name)
	if !isTime(part) {
		return name, ""
	}
	return file, part
}

// Base is a file's name without folder and ending, with the part behind it if one is named.
func Base(name string) string {
	file, part := SplitPart(name)
	base := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if part != "" {
		base += "." + strings.Map(func(r rune) rune {
			if r < ' ' || strings.ContainsRune(`/\:`, r) {
				return '_'
			}
			return r
		}, part)
	}
	return base
}
