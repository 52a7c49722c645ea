// Package video reads any video as a stream of RGB frames with their times, and
// writes annotated videos.
//
// Files are read by the system's ffmpeg, run as a process of its own that can
// open nothing but the one file. Y4M, raw RGB, animated GIF, raw MJPEG and
// folders of pictures are read by decoders in this package, whether ffmpeg is
// there or not, so that they give the same frames everywhere; MJPEG in AVI is
// read by this package if ffmpeg is missing.
//
// A video is either read to its complete end or the source ends with an error:
// an exit status alone is not believed.
package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"krypton/internal/imagein"
)

var (
	// ErrUnusable says that a file is no video that can be used: do not retry.
	ErrUnusable = errors.New("video cannot be used")
	// ErrIncomplete says that a video is damaged or ends too early. The frames
	// delivered before the error are good.
	ErrIncomplete = errors.New("video is damaged or incomplete")
	// ErrNoFFmpeg says that ffmpeg is needed and cannot be used.
	ErrNoFFmpeg = errors.New("ffmpeg is needed")
	// ErrBusy says that the system could not run ffmpeg for now: it lacks descriptors,
	// processes or memory, or has killed it. It may be tried again.
	ErrBusy = errors.New("ffmpeg could not be run")
	// ErrStalled says that no frame came for longer than Options.Timeout.
	ErrStalled = errors.New("no progress")
	// ErrNetwork says that a name is an address or a camera, and these were not
	// allowed.
	ErrNetwork = errors.New("addresses and cameras are not allowed")
)

// Frame is one picture of a video.
type Frame struct {
	// Index counts the source's frames from 0, also those that Start and Every
	// passed over.
	Index int
	// Time is the presentation time. The file begins at 0.
	Time time.Duration
	// Pixels are Height rows of Width*3 bytes, red first, without padding.
	Pixels []byte
}

// Info says what is known about a source.
type Info struct {
	// Pictures are the names of the files of a folder, in order; nil for videos.
	Pictures []string
	// Width and Height are those of the frames as delivered.
	Width, Height int
	// SourceWidth and SourceHeight are the video's own, upright, before scaling and
	// cropping. Places in a video are told in these pixels.
	SourceWidth, SourceHeight int
	// Shape is how upright pixels are to be shown.
	Shape Shape
	// Stored says how the frames lie in the file, nil if as they are shown or unknown.
	Stored *Stored
	// Fields is the order of an interlaced video's fields as ffprobe names it ("tt",
	// "bb", "tb", "bt"), "" if frames are whole or it is not known. Fields are not
	// taken apart.
	Fields string
	// Transfer is how a video of high dynamic range codes brightness, as ffprobe names it
	// ("smpte2084", "arib-std-b67"), "" for others. It is not undone.
	Transfer string
	// FPS is the nominal rate, 0 if unknown.
	FPS float64
	// Frames is the number of frames that the container declares, which may be
	// wrong; -1 if unknown. Start, End and Every are not counted in.
	Frames int
	// Duration is the declared duration, 0 if unknown.
	Duration time.Duration
	// Decoder names what decodes: "ffmpeg 5.1.9", "builtin y4m".
	Decoder string
	// Damage counts the damaged places passed over so far, with Options.Lenient.
	Damage int
}

// Shape is the shape of a pixel: 4, 3 is a third wider than high. The zero value, and
// shapes that nothing has, are not known and taken as squares.
type Shape struct{ Width, Height int }

// Known returns the shape, that of squares if it is not known.
func (s Shape) Known() Shape {
	if s.Width < 1 || s.Height < 1 || s.Width > mostShape*s.Height || s.Height > mostShape*s.Width {
		return Shape{1, 1}
	}
	n := gcd(s.Width, s.Height)
	return Shape{s.Width / n, s.Height / n}
}

// mostShape is how many times wider than high, or higher than wide, pixels can be.
const mostShape = 32

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// Ratio is the width as a multiple of the height.
func (s Shape) Ratio() float64 {
	s = s.Known()
	return float64(s.Width) / float64(s.Height)
}

// turned is the shape after a quarter turn.
func (s Shape) turned() Shape { return Shape{s.Height, s.Width} }

// String gives "4:3".
func (s Shape) String() string {
	s = s.Known()
	return fmt.Sprintf("%d:%d", s.Width, s.Height)
}

// Stored is how frames lie in a file that has them shown otherwise: they are mirrored
// left to right if Mirrored says so, and then turned clockwise by Rotation degrees.
type Stored struct {
	Width    int  `json:"width"`
	Height   int  `json:"height"`
	Rotation int  `json:"rotation"`
	Mirrored bool `json:"mirrored"`
}

// Source is an open video. Next and Release may be called from different
// goroutines.
type Source interface {
	// Info says what is known so far.
	Info() Info
	// Next gives the next frame, which is valid until Release. It returns io.EOF
	// at a complete end, and otherwise an error such as ErrIncomplete.
	Next(ctx context.Context) (*Frame, error)
	// Release gives a frame's memory back.
	Release(*Frame)
	// Close ends decoding and waits until nothing of it is left running. A
	// standard input that blocks is waited for a second only.
	Close() error
}

// Options say how a video is read. The zero value reads all of it as it is.
type Options struct {
	// Start is the first frame delivered and End the first one that is not; nil
	// is the beginning and the end.
	Start, End *Position
	// Every delivers each Every-th frame, counted from the first one delivered.
	// 0 is 1.
	Every int
	// MaxPixels bounds width times height, 0 is 100 megapixels.
	MaxPixels int64
	// AllowNetwork lets name be an address or a camera.
	AllowNetwork bool
	// FFmpeg is the program; "" looks in PATH, "none" does without.
	FFmpeg string
	// Timeout ends a decoder that makes no progress for so long. 0 is 30 s,
	// negative is never.
	Timeout time.Duration
	// Lenient goes on over damaged data and counts what is known of it in
	// Info.Damage. ffmpeg conceals some damage without a word.
	Lenient bool
	// Ahead is how many frames are decoded ahead, 0 is 4. Fewer are if they would
	// take more than maxAheadBytes (64 MiB).
	Ahead int
	// Fit, if set, says once the upright source's size is known how frames are scaled
	// and what of them is delivered; nil is all of them as they are. It is not called for
	// sources without pixels, but again if the first frame turns out to be turned.
	Fit func(sourceWidth, sourceHeight int, pixels Shape) imagein.Geometry
	// RawWidth and RawHeight say that standard input is raw RGB24 of that size.
	RawWidth, RawHeight int
	// RawFPS is the rate of raw RGB, MJPEG and folders of pictures, which have
	// none of their own. 0 is 25.
	RawFPS float64
	// Stdin is what the name "-" reads.
	Stdin io.Reader
}

const (
	defaultMaxPixels = 100e6
	defaultTimeout   = 30 * time.Second
	defaultAhead     = 4
	defaultFPS       = 25
	// maxAheadBytes bounds the memory of frames decoded ahead.
	maxAheadBytes = 64 << 20
)

// checked fills in defaults and refuses what makes no sense.
func (o Options) checked() (Options, error) {
	if o.Every == 0 {
		o.Every = 1
	}
	if o.MaxPixels == 0 {
		o.MaxPixels = defaultMaxPixels
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Ahead == 0 {
		o.Ahead = defaultAhead
	}
	if o.RawFPS == 0 {
		o.RawFPS = defaultFPS
	}
	switch {
	case o.Every < 0:
		return o, fmt.Errorf("every %d-th frame: want 1 or more", o.Every)
	case o.MaxPixels < 0 || o.MaxPixels > 1<<31-1:
		return o, fmt.Errorf("at most %d pixels: want 1 to %d", o.MaxPixels, 1<<31-1)
	case o.Ahead < 0:
		return o, fmt.Errorf("%d frames ahead: want 1 or more", o.Ahead)
	case o.RawWidth < 0 || o.RawHeight < 0:
		return o, errors.New("a negative size")
	case (o.RawWidth == 0) != (o.RawHeight == 0):
		return o, errors.New("raw video needs a width and a height")
	case !(o.RawFPS >= 1e-3 && o.RawFPS <= 1e6):
		return o, fmt.Errorf("%g frames per second: want 0.001 to 1000000", o.RawFPS)
	}
	return o, nil
}

// Open opens a video for reading: a file, a folder or a pattern of pictures, "-"
// for standard input, or with AllowNetwork an address or a camera. A name that
// exists as a file is that file, whatever it looks like. ctx ends decoding.
func Open(ctx context.Context, name string, opt Options) (Source, error) {
	opt, err := opt.checked()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d, info, err := open(ctx, name, opt)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return newPipeline(ctx, name, d, info, opt), nil
}

// Probe says what is known about a video without decoding it. Standard input
// cannot be probed.
func Probe(ctx context.Context, name string, opt Options) (Info, error) {
	opt, err := opt.checked()
	if err == nil && name == stdinName {
		err = fmt.Errorf("%w: standard input can be read once only", ErrUnusable)
	}
	if err != nil {
		return Info{}, fmt.Errorf("%s: %w", name, err)
	}
	info, err := probe(ctx, name, opt)
	if err != nil {
		return Info{}, fmt.Errorf("%s: %w", name, err)
	}
	return info, nil
}
