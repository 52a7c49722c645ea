package imagein

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/image/bmp"
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
	{344, "n+1\x00", "NIfTI", sliceByPython}, {0, "NRRD000", "NRRD", sliceByPython}, {0, "ObjectType", "MetaImage", sliceByPython}, {0, "\x1f\x8b", "gzip", "gunzip IN.gz"}, {0, "\xff\xd8\xff\xf7", "JPEG-LS", "ffmpeg -i IN.jls OUT.png"},
	{0, "\x01\xda\x00", "SGI", "ffmpeg -i IN.sgi OUT.png"}, {0, "\x01\xda\x01", "SGI", "ffmpeg -i IN.sgi OUT.png"}, {0, "\x59\xa6\x6a\x95", "Sun raster", "ffmpeg -i IN.ras OUT.png"}, {0, "SDPX", "DPX", "ffmpeg -i IN.dpx OUT.png"}, {0, "XPDS", "DPX", "ffmpeg -i IN.dpx OUT.png"}, {0, "PF\n", "PFM", "magick IN.pfm OUT.tif"}, {0, "Pf\n", "PFM", "magick IN.pfm OUT.tif"},
	{0, "\x00\x00\x01\x00", "an icon", "magick IN.ico OUT.png"}, {0, "\x1a\x45\xdf\xa3", "a video", "krypton orv IN"},
}

// sliceByPython makes a tensor of a volume's slice.
const sliceByPython = "numpy.save in Python, of one slice in the network's size,"

// refusal names what a file is that no decoder knows, and what converts it.
func refusal(data []byte, err error) error {
	for _, f := range foreign {
		if len(data) >= f.at && bytes.HasPrefix(data[f.at:], []byte(f.magic)) {
			return fmt.Errorf("%w: %s is not read ('%s' makes what is)", ErrUnusable, f.name, f.converts)
		}
	}
	if errors.Is(err, bmp.ErrUnsupported) {
		return fmt.Errorf("%w: BMP of this kind (16 bits, or run lengths) is not read ('ffmpeg -i IN.bmp OUT.png' makes what is)", ErrUnusable)
	}
	return fmt.Errorf("%w: %w", ErrUnusable, err)
}
