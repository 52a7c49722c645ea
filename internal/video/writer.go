package video

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"krypton/internal/atomicfile"
)

// Writer writes a video. Its file appears when Close succeeds, whole, and never
// otherwise. A Writer is for one goroutine.
type Writer interface {
	// WriteFrame adds a frame of height rows of width*3 bytes, shown from t on
	// until the next one. The first frame begins the video. t must not go back.
	// Of frames nearer to each other than the rate allows the last one counts.
	WriteFrame(pixels []byte, t time.Duration) error
	// Close ends the video and puts it in place.
	Close() error
	// Abort drops the video. After Close it does nothing.
	Abort()
}

// WriterOptions say how a video is written.
type WriterOptions struct {
	// Force lets an existing file be replaced.
	Force bool
	// Pixels is the shape in which pixels are to be shown.
	Pixels Shape
	// FFmpeg and Timeout are those of Options.
	FFmpeg  string
	Timeout time.Duration
}

// muxers are ffmpeg's names of the containers that are written with it.
var muxers = map[string]string{".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}

// maxGap bounds how long one frame can be shown: a wrong time would fill the disk.
const maxGap = time.Hour

// NewWriter begins a video of w by h pixels with a constant rate of fps frames
// per second (0 is 25). The name's ending chooses the container: .mp4, .m4v, .mov
// and .mkv need ffmpeg (H.264, or MPEG-4 if it lacks that encoder), .avi is
// Motion JPEG and needs nothing. ctx ends writing.
func NewWriter(ctx context.Context, path string, w, h int, fps float64, opt WriterOptions) (Writer, error) {
	if fps == 0 {
		fps = defaultFPS
	}
	if w < 1 || h < 1 || w > 65500 || h > 65500 || int64(w) > defaultMaxPixels/int64(h) {
		return nil, fmt.Errorf("%w %s: %d x %d pixels", atomicfile.ErrCannotWrite, path, w, h)
	}
	if !(fps >= 1e-3 && fps <= 1e4) {
		return nil, fmt.Errorf("%w %s: %g frames per second", atomicfile.ErrCannotWrite, path, fps)
	}
	if err := atomicfile.Check(path, opt.Force); err != nil {
		return nil, err
	}
	var s sink
	var err error
	switch ext := strings.ToLower(filepath.Ext(path)); {
	case ext == ".avi":
		s = newAVISink(path, w, h, rateOf(fps), opt)
	case muxers[ext] != "":
		s, err = newFFmpegSink(ctx, path, muxers[ext], w, h, rateOf(fps), opt)
	default:
		err = fmt.Errorf("%w %s: videos are written as .mp4, .m4v, .mov, .mkv or .avi", atomicfile.ErrCannotWrite, path)
	}
	if err != nil {
		return nil, err
	}
	return &slotWriter{ctx: ctx, path: path, sink: s, rate: rateOf(fps), size: 3 * w * h}, nil
}

// sink takes frames of equal duration.
type sink interface {
	// write adds a frame; pixels are not kept. repeat says that they are those of
	// the call before.
	write(pixels []byte, repeat bool) error
	// finish puts the file in place. It or abort is called last.
	finish() error
	abort()
}

// slotWriter spreads frames with times over slots of equal duration.
type slotWriter struct {
	ctx   context.Context
	path  string
	sink  sink
	rate  ratio
	size  int
	first time.Duration
	held  []byte // the frame whose duration is not known yet
	slot  int64  // of held
	at    time.Duration
	err   error // sticky; the sink is gone then
}

var errWriterClosed = errors.New("the video is closed")

func (v *slotWriter) WriteFrame(pixels []byte, t time.Duration) error {
	if v.err != nil {
		return v.err
	}
	if len(pixels) != v.size {
		return fmt.Errorf("%s: a frame of %d bytes, want %d", v.path, len(pixels), v.size)
	}
	if err := v.ctx.Err(); err != nil {
		return v.fail(fmt.Errorf("%s: %w", v.path, context.Cause(v.ctx)))
	}
	if v.held == nil {
		v.first, v.at = t, t
		v.held = append(make([]byte, 0, v.size), pixels...)
		return nil
	}
	if t < v.at || t-v.at > maxGap {
		return fmt.Errorf("%s: a frame at %v after one at %v", v.path, t, v.at)
	}
	v.at = t
	// The slot whose middle is nearest: t*rate, rounded.
	slot := (bigScale(int64(t-v.first), 2*v.rate.num, 1, 1e9, v.rate.den) + 1) >> 1
	if slot > v.slot {
		if err := v.flush(slot); err != nil {
			return err
		}
	}
	copy(v.held, pixels)
	return nil
}

// flush writes the held frame up to a slot.
func (v *slotWriter) flush(until int64) error {
	for first := v.slot; v.slot < until; v.slot++ {
		if err := v.sink.write(v.held, v.slot > first); err != nil {
			return v.fail(err)
		}
	}
	return nil
}

func (v *slotWriter) fail(err error) error {
	v.err = err
	v.sink.abort()
	return err
}

func (v *slotWriter) Close() error {
	if v.err != nil {
		if v.err == errWriterClosed {
			return nil
		}
		return v.err
	}
	if err := v.ctx.Err(); err != nil {
		return v.fail(fmt.Errorf("%s: %w", v.path, context.Cause(v.ctx)))
	}
	if v.held == nil {
		return v.fail(fmt.Errorf("%w %s: a video without frames", atomicfile.ErrCannotWrite, v.path))
	}
	if err := v.flush(v.slot + 1); err != nil {
		return err
	}
	v.err = errWriterClosed
	if err := v.sink.finish(); err != nil {
		v.err = err
		return err
	}
	return nil
}

func (v *slotWriter) Abort() {
	if v.err == nil {
		_ = v.fail(errWriterClosed)
	}
}
