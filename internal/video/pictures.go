package video

import (
	"fmt"
	"image"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"krypton/internal/imagein"
)

// pictureTypes are the endings of files that a folder of frames is made of.
var pictureTypes = []string{".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif"}

// maxPictures bounds a folder.
const maxPictures = 10e6

// picturesDecoder takes each picture file as a frame.
type picturesDecoder struct {
	files  []string
	index  int
	limits imagein.Limits
	rate   ratio
	size   image.Point
	opened *imagein.Picture // the first one, read for its size
}

// folder lists a folder's pictures in natural order.
func folder(name string) ([]string, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	defer f.Close()
	files := []string{}
	for {
		entries, err := f.ReadDir(1024)
		for _, e := range entries {
			if !e.IsDir() && e.Name()[0] != '.' && slices.Contains(pictureTypes, strings.ToLower(filepath.Ext(e.Name()))) {
				files = append(files, filepath.Join(name, e.Name()))
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnusable, err)
		}
		if len(files) > maxPictures {
			return nil, fmt.Errorf("%w: more than %d pictures", ErrUnusable, int(maxPictures))
		}
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%w: a folder without pictures (%s)", ErrUnusable, strings.Join(pictureTypes, " "))
	}
	natural(files)
	return files, nil
}

// openPictures reads the first picture, which gives the size.
func openPictures(files []string, opt Options) (decoder, Info, error) {
	d := &picturesDecoder{files: files, index: -1, limits: imagein.DefaultLimits, rate: rateOf(opt.RawFPS)}
	d.limits.MaxPixels = opt.MaxPixels
	p, err := imagein.Open(files[0], d.limits)
	if err != nil {
		return nil, Info{}, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	d.opened, d.size = p, p.Image.Rect.Size()
	info := Info{SourceWidth: d.size.X, SourceHeight: d.size.Y, FPS: opt.RawFPS, Frames: len(files), Decoder: "builtin pictures"}
	for _, f := range files {
		info.Pictures = append(info.Pictures, filepath.Base(f))
	}
	info.Duration = d.rate.inverse().times(int64(len(files)))
	return d, info, nil
}

func (d *picturesDecoder) next() (time.Duration, error) {
	if d.index+1 >= len(d.files) {
		return 0, io.EOF
	}
	d.index++
	return d.rate.inverse().times(int64(d.index)), nil
}

func (d *picturesDecoder) pixels(dst []byte) error {
	p := d.opened
	d.opened = nil
	if p == nil || d.index > 0 {
		var err error
		if p, err = imagein.Open(d.files[d.index], d.limits); err != nil {
			return fmt.Errorf("%w: %w", errDamagedFrame, err)
		}
	}
	if s := p.Image.Rect.Size(); s != d.size {
		return fmt.Errorf("%w: %s has %d x %d pixels, the first picture %d x %d", errDamagedFrame, d.files[d.index], s.X, s.Y, d.size.X, d.size.Y)
	}
	toRGB(dst, p.Image)
	return nil
}

func (d *picturesDecoder) damage() int { return 0 }

func (d *picturesDecoder) interrupt() {}

func (d *picturesDecoder) close() error { return nil }
