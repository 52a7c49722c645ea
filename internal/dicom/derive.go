package dicom

import "bytes"

// The classes of objects that are written.
const (
	secondaryCapture = "1.2.840.10008.5.1.4.1.1.7"
	parametricMap    = "1.2.840.10008.5.1.4.1.1.30"
)

// identity are the attributes that derived objects take over from their source.
var identity = map[tag]string{}

// Header is the file without its picture and tables: what derived objects take over.
func (f *File) Header() *File {
	h := *f
	h.set, h.study = dataset{}, dataset{}
	for t, e := range f.study {
		e.value = bytes.Clone(e.value)
		h.study[t] = e
	}
	return &h
}
