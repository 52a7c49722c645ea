package tiffin

import (
	"fmt"
	"slices"
)

// File is a TIFF file whose head has been checked.
type File struct {
	// Width and Height are the picture's sides as stored.
	Width, Height int
	// Bits is how many bits each number has.
	Bits int
	// Format is uint, int or float.
	Format string
	// Orientation is tag 274, 1 to 8, as in EXIF.
	Orientation int
	// Colors is 1 for gray, or an index of a palette, 3 for red, green and blue, or
	// 4 for cyan, magenta, yellow and black.
	Colors int
	// Further is how many numbers of each pixel are passed over, because the file does
	// not say what they mean.
	Further int

	data        []byte
	dir         *directory
	compression int
	photometric int
	samples     int // of each pixel, in the file
	alpha       int // 0 for none, associated or unassociated
	alphaAt     int // which sample it is
	predictor   int
	planar      bool
	reversed    bool // the bits of each byte
	segW, segH  int  // of a strip or tile
	tiled       bool
	offsets     entry
	counts      entry
	across      int // segments in a row
	down        int
	subX, subY  int // pixels for each colour of YCbCr
}

const (
	maxSamples = 256

	whiteIsZero = 0
	blackIsZero = 1
	photoRGB    = 2
	photoIndex  = 3
	photoCMYK   = 5
	photoYCbCr  = 6

	associated   = 1
	unassociated = 2
)

// compressions are those of the registry, by name; the value says whether they are
// read.
var compressions = map[int]struct {
	name string
	read bool
}{
	1: {"none", true}, 2: {"CCITT run lengths", false}, 3: {"CCITT Group 3", true}, 4: {"CCITT Group 4", true}, 5: {"LZW", true}, 6: {"JPEG of the old kind", false}, 7: {"JPEG", true},
	8: {"Deflate", true}, 32773: {"PackBits", true}, 32946: {"Deflate", true}, 34712: {"JPEG 2000", false}, 34887: {"LERC", false}, 34925: {"LZMA", false}, 50000: {"Zstandard", true}, 50001: {"WebP", false}, 50002: {"JPEG XL", false}, 52546: {"JPEG XL", false},
}

// Open reads the head of a file.
func Open(data []byte) (*File, error) {
	dir, err := readDirectory(data)
	if err != nil {
		return nil, err
	}
	f := &File{data: data, dir: dir, Width: dir.number(tagWidth, 0), Height: dir.number(tagHeight, 0), Bits: dir.same(tagBits, 1), Orientation: dir.number(tagOrientation, 1),
		compression: dir.number(tagCompression, 1), photometric: dir.number(tagPhotometric, -1), samples: dir.number(tagSamples, 1), predictor: dir.number(tagPredictor, 1),
		planar: dir.number(tagPlanar, 1) == 2, reversed: dir.number(tagFillOrder, 1) == 2, subX: 1, subY: 1}
	if f.Width < 1 || f.Height < 1 {
		return nil, fmt.Errorf("%d x %d pixels", f.Width, f.Height)
	}
	if f.Orientation < 1 || f.Orientation > 8 {
		f.Orientation = 1
	}
	for _, check := range []func() error{f.checkNumbers, f.checkColors, f.checkCompression, f.checkSegments} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// checkNumbers looks at the kind of numbers.
func (f *File) checkNumbers() error {
	format := f.dir.same(tagSampleFormat, 1)
	names := map[int]string{1: "uint", 2: "int", 3: "float", 4: "uint"} // 4: not said
	f.Format = names[format]
	if f.samples < 1 || f.samples > maxSamples {
		return fmt.Errorf("%d numbers a pixel %w", f.samples, ErrUnsupported)
	}
	sizes := map[string][]int{"uint": {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 32, 64}, "int": {8, 16, 32, 64}, "float": {16, 32, 64}}
	switch {
	case f.Bits < 0:
		return fmt.Errorf("numbers of different bits in one pixel: %w", ErrUnsupported)
	case f.Format == "":
		return fmt.Errorf("sample format %d %w: complex numbers are no picture", format, ErrUnsupported)
	case !slices.Contains(sizes[f.Format], f.Bits):
		return fmt.Errorf("%s of %d bits %w", f.Format, f.Bits, ErrUnsupported)
	}
	return nil
}

// checkColors looks at what the numbers of a pixel mean.
func (f *File) checkColors() error {
	switch f.photometric {
	case whiteIsZero, blackIsZero, photoIndex:
		f.Colors = 1
	case photoRGB, photoYCbCr:
		f.Colors = 3
	case photoCMYK:
		f.Colors = 4
		if ink := f.dir.number(tagInkSet, 1); ink != 1 {
			return fmt.Errorf("inks other than cyan, magenta, yellow and black: %w", ErrUnsupported)
		}
	case -1:
		return fmt.Errorf("it does not say what its colours are")
	default:
		name := map[int]string{4: "a mask", 8: "CIE L*a*b*", 9: "ICC L*a*b*", 10: "ITU L*a*b*", 32803: "what a camera's sensor saw", 32844: "LogL", 32845: "LogLuv", 34892: "what a camera's sensor saw"}[f.photometric]
		if name == "" {
			name = fmt.Sprintf("colours of kind %d", f.photometric)
		}
		return fmt.Errorf("%s %w", name, ErrUnsupported)
	}
	if f.samples < f.Colors {
		return fmt.Errorf("%d numbers a pixel for %d colours", f.samples, f.Colors)
	}
	deep := f.Bits > 8 || f.Format != "uint"
	if deep && (f.photometric == photoIndex || f.photometric == photoYCbCr) || f.photometric == photoYCbCr && f.Bits != 8 {
		return fmt.Errorf("a palette or YCbCr in %s of %d bits %w", f.Format, f.Bits, ErrUnsupported)
	}
	if f.photometric == photoIndex {
		if e := f.dir.all[tagColorMap]; e.kind != 3 || e.count < 3<<f.Bits {
			return fmt.Errorf("its palette is missing or too short")
		}
	}
	f.Further = f.samples - f.Colors
	e := f.dir.all[tagExtraSamples]
	for i := range int(min(e.count, uint64(f.Further))) {
		if kind := f.dir.at(e, i); kind == associated || kind == unassociated {
			f.alpha, f.alphaAt = int(kind), f.Colors+i
			f.Further--
			break
		}
	}
	return nil
}

// checkCompression looks at how the numbers are packed.
func (f *File) checkCompression() error {
	c, known := compressions[f.compression]
	switch {
	case !known:
		return fmt.Errorf("compression %d %w", f.compression, ErrUnsupported)
	case !c.read:
		return fmt.Errorf("compression by %s %w", c.name, ErrUnsupported)
	case (f.compression == 3 || f.compression == 4) && (f.Bits != 1 || f.samples != 1):
		return fmt.Errorf("%s is for one bit a pixel", c.name)
	case f.compression == 3 && f.dir.number(tagT4Options, 0)&1 != 0:
		return fmt.Errorf("compression by two-dimensional CCITT Group 3 %w", ErrUnsupported)
	case f.compression == 3 && f.dir.number(tagT4Options, 0)&4 != 0:
		return fmt.Errorf("compression by CCITT Group 3 with lines filled up to bytes %w", ErrUnsupported)
	case f.compression == 7 && (f.Bits != 8 || f.Format != "uint" || f.photometric == photoIndex):
		return fmt.Errorf("JPEG in numbers of %d bits %w", f.Bits, ErrUnsupported)
	case f.compression == 7:
		f.predictor = 1 // means nothing there
	}
	switch {
	case f.predictor == 1, f.predictor == 2 && f.Format != "float" && f.Bits >= 8 && f.Bits%8 == 0, f.predictor == 3 && f.Format == "float":
	default:
		return fmt.Errorf("predictor %d with %s of %d bits %w", f.predictor, f.Format, f.Bits, ErrUnsupported)
	}
	if f.photometric != photoYCbCr || f.compression == 7 {
		return nil
	}
	f.subX, f.subY = 2, 2
	if e, ok := f.dir.all[tagSubsampling]; ok && e.count >= 2 {
		f.subX, f.subY = int(f.dir.at(e, 0)), int(f.dir.at(e, 1))
	}
	ok := func(n int) bool { return n == 1 || n == 2 || n == 4 }
	if !ok(f.subX) || !ok(f.subY) || f.planar || f.samples != 3 || f.predictor != 1 {
		return fmt.Errorf("YCbCr in planes, with more samples or a predictor, or %d x %d pixels a colour %w", f.subX, f.subY, ErrUnsupported)
	}
	if e, ok := f.dir.all[tagReferenceLevels]; ok && !f.fullRange(e) {
		return fmt.Errorf("YCbCr with levels of its own %w", ErrUnsupported)
	}
	return nil
}

// fullRange says whether the levels of YCbCr are those of JPEG: 0 to 255, and 128 to 255.
func (f *File) fullRange(e entry) bool {
	for i, want := range []uint32{0, 255, 128, 255, 128, 255} {
		if e.kind != 5 || e.count < 6 {
			return false
		}
		up, under := f.dir.order.Uint32(e.data[8*i:]), f.dir.order.Uint32(e.data[8*i+4:])
		if under == 0 || uint64(up) != uint64(want)*uint64(under) {
			return false
		}
	}
	return true
}

// checkSegments looks at where the numbers lie. What a tile may be beyond the picture
// is bounded.
func (f *File) checkSegments() error {
	f.segW, f.segH = f.Width, f.dir.number(tagRowsPerStrip, f.Height)
	f.offsets, f.counts = f.dir.all[tagStripOffsets], f.dir.all[tagStripBytes]
	if _, f.tiled = f.dir.all[tagTileWidth]; f.tiled {
		f.segW, f.segH = f.dir.number(tagTileWidth, 0), f.dir.number(tagTileHeight, 0)
		f.offsets, f.counts = f.dir.all[tagTileOffsets], f.dir.all[tagTileBytes]
	} else {
		f.segH = min(f.segH, f.Height)
	}
	if f.segW < 1 || f.segH < 1 {
		return fmt.Errorf("strips or tiles of %d x %d pixels", f.segW, f.segH)
	}
	bytes := int64(f.together()) * int64((f.Bits+7)/8)
	if pixels := int64(f.segW) * int64(f.segH); pixels > 1<<44 || pixels*bytes > max(4<<20, 4*int64(f.Width)*int64(f.Height)*bytes) {
		return fmt.Errorf("tiles of %d x %d pixels for a picture of %d x %d", f.segW, f.segH, f.Width, f.Height)
	}
	f.across, f.down = (f.Width-1)/f.segW+1, (f.Height-1)/f.segH+1
	n := uint64(f.across) * uint64(f.down) * uint64(f.planes())
	if f.offsets.count < n || f.counts.count < n {
		return fmt.Errorf("%d strips or tiles, and places for %d of them", n, min(f.offsets.count, f.counts.count))
	}
	return nil
}

// planes is how many there are: one of whole pixels, or one of each sample.
func (f *File) planes() int {
	if f.planar {
		return f.samples
	}
	return 1
}

// together is how many samples of a pixel lie together.
func (f *File) together() int {
	if f.planar {
		return 1
	}
	return f.samples
}

// kept are the samples that are read: colours, then the opacity.
func (f *File) kept() int {
	if f.alpha != 0 {
		return f.Colors + 1
	}
	return f.Colors
}

// Deep says whether the numbers are others than whole ones of up to eight bits.
func (f *File) Deep() bool { return f.Bits > 8 || f.Format != "uint" }

// Lighter says whether greater numbers are lighter: not for inks, nor where white is 0.
func (f *File) Lighter() bool { return f.photometric != whiteIsZero && f.photometric != photoCMYK }

// Bytes is about how much memory Image or Numbers take at their height.
func (f *File) Bytes() int64 {
	pixels, seg := int64(f.Width)*int64(f.Height), int64(f.segW)*int64(f.segH)
	n := 2 * seg * int64(f.together()) * int64((f.Bits+7)/8)
	if f.compression == 7 {
		n = 12 * seg // an image, and colours of it
	}
	if f.compression == 50000 {
		n += zstdWindow
	}
	if f.Deep() {
		return n + pixels*int64(4*f.kept()+4*min(f.Colors, 3))
	}
	return n + pixels*int64(f.kept()+4)
}
