package dicom

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"krypton/internal/dicomwrite"
	"krypton/internal/program"
)

// unpacker is a program that unpacks what is not unpacked here.
type unpacker struct {
	name string
	args func(from, to string) []string
	// as is the transfer syntax that the program is told, "" for the file's own.
	as string
	// install is what gets it on Debian.
	install string
}

var (
	gdcm    = unpacker{name: "gdcmconv", args: func(from, to string) []string { return []string{"-w", "-i", from, "-o", to} }, install: "apt install libgdcm-tools"}
	dcmtkLS = unpacker{name: "dcmdjpls", args: func(from, to string) []string { return []string{"+fo", from, to} }, install: "apt install dcmtk"}
	dcmtk   = unpacker{name: "dcmdjpeg", args: func(from, to string) []string { return []string{"+px", from, to} }, install: "apt install dcmtk"}
)

// unpackers are those of each codec, the first that is installed is taken.
var unpackers = map[codec][]unpacker{
	codecJPEG:         {dcmtk, gdcm},
	codecJPEGLossless: {dcmtk, gdcm},
	codecJPEGLS:       {dcmtkLS, gdcm},
	codecJPEG2000:     {gdcm},
	codecHTJ2K:        {htj2k},
}

// htj2k: gdcm does not know the transfer syntax, and its decoder of JPEG 2000 finds out by
// itself from version 2.5 on.
var htj2k = unpacker{name: gdcm.name, args: gdcm.args, as: "1.2.840.10008.1.2.4.90", install: gdcm.install}

// patience is how long a program may take for a frame.
const patience = 2 * time.Minute

// foreign has a program unpack a frame. It is given an object made of nothing but the
// packed frame and what it needs, in a folder of its own: nothing about people.
func (f *File) foreign(ctx context.Context, data []byte) (*cells, error) {
	all := unpackers[f.packed.by]
	for _, u := range all {
		path, err := exec.LookPath(u.name)
		if err != nil {
			continue
		}
		c, err := f.unpackBy(ctx, path, u, data)
		if err != nil && ctx.Err() == nil {
			err = fmt.Errorf("%s by %s: %w", f.packed.name, u.name, err)
		}
		return c, err
	}
	return nil, fmt.Errorf("%s %w without %s (%s; or where there is one, '%s' makes what is)", f.packed.name, ErrUnsupported, all[0].name, all[0].install, commandOf(all[0]))
}

// commandOf is what somebody types.
func commandOf(u unpacker) string {
	text := u.name
	for _, a := range u.args("IN.dcm", "OUT.dcm") {
		text += " " + a
	}
	return text
}

func (f *File) unpackBy(ctx context.Context, path string, u unpacker, data []byte) (*cells, error) {
	dir, err := os.MkdirTemp("", "krypton-dicom-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	from, to := filepath.Join(dir, "in.dcm"), filepath.Join(dir, "out.dcm")
	syntax := u.as
	if syntax == "" {
		syntax = f.Syntax
	}
	if err := os.WriteFile(from, f.bare(syntax, data), 0o600); err != nil {
		return nil, err
	}
	if err := program.Run(ctx, patience, path, u.args(from, to)...); err != nil {
		return nil, err
	}
	out, err := readAtMost(to, f.frameBits()/8+1<<16)
	if err != nil {
		return nil, err
	}
	made, err := Open(out, 0)
	if err != nil {
		return nil, err
	}
	if made.Width != f.Width || made.Height != f.Height || made.samples != f.samples || !made.packed.native() || made.floats {
		return nil, fmt.Errorf("it made %d x %d pixels of %d numbers of %d x %d of %d", made.Width, made.Height, made.samples, f.Width, f.Height, f.samples)
	}
	c, err := made.native(0)
	if err == nil && f.samples == 3 && f.packed.by >= codecJPEG2000 && c.meaning != "RGB" {
		c.meaning = "RGB" // decoders of JPEG 2000 undo the transform that YBR_RCT and YBR_ICT name
	}
	return c, err
}

// readAtMost reads a file of at most n bytes.
func readAtMost(name string, n int64) ([]byte, error) {
	i, err := os.Stat(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, errors.New("it made no file")
	case err != nil:
		return nil, err
	case i.Size() > n:
		return nil, fmt.Errorf("it made %d bytes, want at most %d", i.Size(), n)
	}
	return os.ReadFile(name)
}

// bare is an object with one packed frame.
func (f *File) bare(syntax string, stream []byte) []byte {
	const instance = "2.25.1"
	var s dicomwrite.Set
	s.Text(uint32(tagSOPClass), "UI", secondaryCapture)
	s.Text(uint32(tagSOPInstance), "UI", instance)
	signed := uint16(0)
	if f.signed {
		signed = 1
	}
	describe(&s, f.samples, f.Photometric, f.Height, f.Width, [3]int{f.bits, f.stored, f.high}, signed)
	s.Packed(uint32(tagPixels), nil, stream)
	return dicomwrite.File(secondaryCapture, instance, syntax, s.Bytes)
}

// describe writes what pictures are like.
func describe(s *dicomwrite.Set, samples int, meaning string, rows, columns int, bits [3]int, signed uint16) {
	us := func(t tag, v int) { s.Shorts(uint32(t), "US", uint16(v)) }
	us(tagSamples, samples)
	s.Text(uint32(tagPhotometric), "CS", meaning)
	if samples > 1 {
		us(tagPlanar, 0)
	}
	us(tagRows, rows)
	us(tagColumns, columns)
	us(tagBitsAllocated, bits[0])
	us(tagBitsStored, bits[1])
	us(tagHighBit, bits[2])
	us(tagSigned, int(signed))
}
