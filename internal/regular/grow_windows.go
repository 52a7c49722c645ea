package regular

import (
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/windows"
)

const noFollow = 0 // OpenMovable opens no link that leads out of its folder, and alone refuses others

// names is not told before a file is open: see Names.
func names(fs.FileInfo) uint64 { return 1 }

// Names is the number of names that an open file has.
func Names(f *os.File) (uint64, error) {
	var i windows.ByHandleFileInformation
	if err := windows.GetFileInformationByHandle(windows.Handle(f.Fd()), &i); err != nil {
		return 0, err
	}
	return uint64(i.NumberOfLinks), nil
}

// Identity is not told without opening the file: os.SameFile does that.
func Identity(fs.FileInfo) (any, bool) { return nil, false }

// OpenMovable is os.OpenFile for a file that may get another name, or go, while it is
// open. The system allows that only if all who have it open do: files of os.Root do.
func OpenMovable(path string, flag int, perm fs.FileMode) (*os.File, error) {
	dir, name := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return f, nil
}
