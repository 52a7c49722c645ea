package video

import (
	"fmt"
	"io"
	"time"
)

// rawDecoder reads RGB24 frames that follow each other without anything between.
type rawDecoder struct {
	*byteSource
	size  int64
	left  int64
	index int64
	rate  ratio
}

func openRaw(src *byteSource, opt Options) (decoder, Info, error) {
	if err := opt.fits(opt.RawWidth, opt.RawHeight); err != nil {
		return nil, Info{}, err
	}
	d := &rawDecoder{byteSource: src, size: 3 * int64(opt.RawWidth) * int64(opt.RawHeight), index: -1, rate: rateOf(opt.RawFPS)}
	return d, Info{SourceWidth: opt.RawWidth, SourceHeight: opt.RawHeight, FPS: opt.RawFPS, Frames: -1, Decoder: "builtin raw"}, nil
}

func (d *rawDecoder) next() (time.Duration, error) {
	if n, err := io.CopyN(io.Discard, d, d.left); err != nil {
		return 0, d.cut(d.size-d.left+n, err)
	}
	if _, err := d.Peek(1); err != nil {
		if err != io.EOF {
			err = fmt.Errorf("%w: %w", ErrIncomplete, err)
		}
		return 0, err
	}
	d.left = d.size
	d.index++
	return d.rate.inverse().times(d.index), nil
}

func (d *rawDecoder) pixels(dst []byte) error {
	n, err := io.ReadFull(d, dst)
	if err != nil {
		return d.cut(int64(n), err)
	}
	d.left = 0
	return nil
}

func (d *rawDecoder) cut(n int64, err error) error {
	if err != io.EOF && err != io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: frame %d: %w", ErrIncomplete, d.index, err)
	}
	return fmt.Errorf("%w: frame %d has %d bytes of %d", ErrIncomplete, d.index, n, d.size)
}

func (d *rawDecoder) damage() int { return 0 }
