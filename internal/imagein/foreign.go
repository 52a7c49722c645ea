package imagein

import (
	"bytes"
	"fmt"
)

// foreign are files that people take for pictures, or that are, by how they begin, and
// what makes a picture that is read of each.
var foreign = []struct {
	at             int
	magic          string
	name, converts string
}{
	{4, "ftyphei", "HEIC", "heif-convert IN.heic OUT.png"}, {4, "ftypmif1", "HEIF", "heif-convert IN.heif OUT.png"}, {4, "ftypmsf1", "HEIF", "heif-convert IN.heif OUT.png"},
	{4, "ftypavi", "AVIF", "ffmpeg -i IN.avif OUT.png"}, {4, "ftyp", "a video", "krypton orv IN"}, {4, "jP  ", "JPEG 2000", "ffmpeg -i IN.jp2 OUT.png"}, {0, "\xff\x4f\xff\x51", "JPEG 2000", "ffmpeg -i IN.j2k OUT.png"},
	{4, "JXL ", "JPEG XL", "djxl IN.jxl OUT.png"}, {0, "\xff\x0a", "JPEG XL", "djxl IN.jxl OUT.png"}, {0, "v/1\x01", "OpenEXR", "magick IN.exr OUT.tif"},
	{0, "#?RADIANCE", "Radiance HDR", "magick IN.hdr OUT.tif"}, {0, "8BPS", "Photoshop", "magick 'IN.psd[0]' OUT.png"}, {0, "%PDF", "PDF", "pdftoppm -png IN.pdf OUT"}, {0, "<svg", "SVG", "rsvg-convert IN.svg -o OUT.png"},
	{0, "SIMPLE  =", "FITS", "magick IN.fits OUT.tif"}, {0, "qoif", "QOI", "ffmpeg -i IN.qoi OUT.png"}, {0, "\x89HDF", "HDF5", "numpy.save in Python, of one picture"}, {0, "DDS ", "DirectDraw", "ffmpeg -i IN.dds OUT.png"},
	{0, "P1", "PBM", "ffmpeg -i IN OUT.png"}, {0, "P2", "PGM", "ffmpeg -i IN OUT.png"}, {0, "P3", "PPM", "ffmpeg -i IN OUT.png"}, {0, "P4", "PBM", "ffmpeg -i IN OUT.png"}, {0, "P5", "PGM", "ffmpeg -i IN OUT.png"}, {0, "P6", "PPM", "ffmpeg -i IN OUT.png"}, {0, "P7", "PAM", "ffmpeg -i IN OUT.png"},
	{0, "\x00\x00\x01\x00", "an icon", "magick IN.ico OUT.png"}, {0, "\x1a\x45\xdf\xa3", "a video", "krypton orv IN"},
}

// refusal names what a file is that no decoder knows, and what converts it.
func refusal(data []byte, err error) error {
	for _, f := range foreign {
		if len(data) >= f.at && bytes.HasPrefix(data[f.at:], []byte(f.magic)) {
			return fmt.Errorf("%w: %s is not read ('%s' makes what is)", ErrUnusable, f.name, f.converts)
		}
	}
	return fmt.Errorf("%w: %w", ErrUnusable, err)
}
