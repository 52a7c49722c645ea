package video

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/regular"
)

// stdinName is the name of standard input.
const stdinName = "-"

// errNotBuiltin says that the decoders in this package do not know a format, or
// not this kind of it.
var errNotBuiltin = errors.New("no decoder of our own")

// open finds the decoder for a name.
func open(ctx context.Context, name string, opt Options) (decoder, Info, error) {
	if name == stdinName {
		return openStdin(ctx, opt)
	}
	kind, err := classify(name, opt)
	if err != nil {
		return nil, Info{}, err
	}
	switch kind.what {
	case isPictures:
		return builtin(opt)(openPictures(kind.files, opt))
	case isRemote:
		t, err := findTools(ctx, opt)
		if err != nil {
			return nil, Info{}, err
		}
		return asDecoder(opt)(openFFmpeg(ctx, t, nil, kind.in, opt))
	}
	d, info, ours := openFile(name, opt, true)
	if !errors.Is(ours, errNotBuiltin) {
		return d, info, ours
	}
	in, err := fileInput(name)
	if err != nil {
		return nil, Info{}, err
	}
	t, s, err := findAndProbe(ctx, in, opt)
	if errors.Is(err, ErrNoFFmpeg) {
		d, info, again := openFile(name, opt, false)
		if !errors.Is(again, errNotBuiltin) {
			return d, info, again
		}
		return nil, info, errors.Join(err, because(again))
	}
	if err != nil {
		return nil, Info{}, err
	}
	return asDecoder(opt)(openFFmpeg(ctx, t, s, in, opt))
}

// because keeps why a format that is known could not be read by our own decoder.
func because(err error) error {
	if err == errNotBuiltin {
		return nil
	}
	return err
}

// asDecoder keeps a nil pointer from becoming an interface that is not nil, and
// fits frames whose size ffmpeg did not know when it began, or that it does not scale.
func asDecoder(opt Options) func(*ffmpegDecoder, Info, error) (decoder, Info, error) {
	return func(d *ffmpegDecoder, info Info, err error) (decoder, Info, error) {
		if err != nil {
			return nil, info, err
		}
		if opt.Fit != nil && !d.scales {
			return builtin(opt)(d, info, nil)
		}
		return d, info, nil
	}
}

// probe is open without decoding.
func probe(ctx context.Context, name string, opt Options) (Info, error) {
	kind, err := classify(name, opt)
	if err != nil {
		return Info{}, err
	}
	if kind.what == isFile {
		_, _, err = openFile(name, opt, true)
	}
	if kind.what != isFile || !errors.Is(err, errNotBuiltin) {
		return closed(open(ctx, name, opt)) // a live source must be opened, the others cost nothing
	}
	in, err := fileInput(name)
	if err != nil {
		return Info{}, err
	}
	t, s, err := findAndProbe(ctx, in, opt)
	if errors.Is(err, ErrNoFFmpeg) {
		return closed(open(ctx, name, opt))
	}
	if err != nil {
		return Info{}, err
	}
	g, err := opt.geometry(s.width, s.height, s.shape)
	return ffmpegInfo(t, s, g), err
}

func closed(d decoder, info Info, err error) (Info, error) {
	if err != nil {
		return info, err
	}
	return info, d.close()
}

// Kinds of names.
const (
	isFile = iota
	isPictures
	isRemote
)

type kind struct {
	what  int
	files []string // isPictures
	in    input    // isRemote
}

// classify says what a name is, without opening anything. A name that exists as
// a file is a file, also "http:x.mp4", "a*.mp4" and "concat:a|b".
func classify(name string, opt Options) (kind, error) {
	st, err := os.Stat(name)
	switch {
	case err == nil && st.IsDir():
		files, err := folder(name)
		return kind{what: isPictures, files: files}, err
	case err == nil && st.Mode().IsRegular():
		return kind{what: isFile}, nil
	case err == nil && st.Mode()&fs.ModeCharDevice != 0 && strings.HasPrefix(filepath.Clean(name), "/dev/video"):
		if !opt.AllowNetwork {
			return kind{}, failure.Settingf("%w (%v)", ErrNetwork, failure.Setting("allow-network"))
		}
		return kind{what: isRemote, in: cameraInput(name)}, nil
	case err == nil:
		return kind{}, fmt.Errorf("%w: not a regular file (%v)", ErrUnusable, st.Mode().Type())
	}
	if scheme, rest, found := strings.Cut(name, "://"); found && rest != "" && scheme != "" && strings.Trim(scheme, "abcdefghijklmnopqrstuvwxyz") == "" {
		if !opt.AllowNetwork {
			return kind{}, failure.Settingf("%w (%v)", ErrNetwork, failure.Setting("allow-network"))
		}
		switch scheme {
		case "http", "https", "rtsp", "rtsps", "rtmp", "rtmps", "udp", "rtp", "tcp", "srt":
			return kind{what: isRemote, in: networkInput(name)}, nil
		}
		return kind{}, fmt.Errorf("%w: addresses of the kind %s:// are not read", ErrUnusable, scheme)
	}
	if strings.ContainsAny(name, "*?[") {
		files, gerr := filepath.Glob(name)
		if gerr != nil {
			return kind{}, fmt.Errorf("%w: %w", ErrUnusable, gerr)
		}
		if len(files) > 0 {
			natural(files)
			return kind{what: isPictures, files: files}, nil
		}
	}
	return kind{}, regular.Cause(err)
}

// openRegular opens a file without waiting for what is behind it.
func openRegular(name string) (*os.File, error) {
	f, _, err := regular.Open(name)
	if errors.Is(err, regular.ErrNot) {
		return nil, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	return f, err
}

// openFile tries our own decoders. MJPEG in AVI is left to ffmpeg if preferred.
func openFile(name string, opt Options, preferFFmpeg bool) (decoder, Info, error) {
	f, err := openRegular(name)
	if err != nil {
		return nil, Info{}, err
	}
	src := &byteSource{Reader: bufio.NewReaderSize(f, 1<<16), closer: f}
	d, info, err := sniff(src, opt, preferFFmpeg && opt.FFmpeg != noFFmpeg)
	if errors.Is(err, errPicture) {
		head, _ := src.Peek(src.Size())
		f.Close()
		if err := moving(head); err != nil {
			return nil, Info{}, err
		}
		return builtin(opt)(openPictures([]string{name}, opt))
	}
	if err != nil {
		f.Close()
		return nil, info, err
	}
	return d, info, nil
}

// openStdin reads standard input: raw frames, or what its first bytes say.
func openStdin(ctx context.Context, opt Options) (decoder, Info, error) {
	if opt.Stdin == nil {
		return nil, Info{}, fmt.Errorf("%w: there is no standard input", ErrUnusable)
	}
	src := &byteSource{Reader: bufio.NewReaderSize(opt.Stdin, 1<<16)}
	if s, ok := opt.Stdin.(deadliner); ok {
		src.deadline = s
	}
	if opt.RawWidth > 0 {
		return builtin(opt)(openRaw(src, opt))
	}
	d, info, err := sniff(src, opt, false)
	if !errors.Is(err, errNotBuiltin) && !errors.Is(err, errPicture) {
		return d, info, err
	}
	if errors.Is(err, errPicture) {
		return nil, info, fmt.Errorf("%w: a single picture on standard input", ErrUnusable)
	}
	t, err := findTools(ctx, opt)
	if err != nil {
		return nil, info, err
	}
	opt.Stdin = src.Reader
	return asDecoder(opt)(openFFmpeg(ctx, t, nil, stdinInput(), opt))
}

// errPicture says that a file is a still picture.
var errPicture = errors.New("a still picture")

// sniff chooses a decoder by the first bytes, not by the name.
func sniff(src *byteSource, opt Options, preferFFmpeg bool) (decoder, Info, error) {
	head, err := src.Peek(16)
	if len(head) == 0 {
		if err != io.EOF {
			return nil, Info{}, fmt.Errorf("%w: %w", ErrUnusable, err)
		}
		return nil, Info{}, fmt.Errorf("%w: it is empty", ErrUnusable)
	}
	h := string(head)
	switch {
	case strings.HasPrefix(h, y4mMagic):
		return builtin(opt)(openY4M(src, opt))
	case strings.HasPrefix(h, "GIF87a"), strings.HasPrefix(h, "GIF89a"):
		return builtin(opt)(openGIF(src, opt))
	case strings.HasPrefix(h, "\xff\xd8\xff"):
		return builtin(opt)(openMJPEG(src, opt))
	case len(h) >= 12 && strings.HasPrefix(h, "RIFF") && h[8:12] == "AVI ":
		if preferFFmpeg {
			return nil, Info{}, errNotBuiltin
		}
		return builtin(opt)(openAVI(src, opt))
	case strings.HasPrefix(h, "\x89PNG\r\n"), strings.HasPrefix(h, "II*\x00"), strings.HasPrefix(h, "MM\x00*"),
		strings.HasPrefix(h, "BM"), len(h) >= 12 && strings.HasPrefix(h, "RIFF") && h[8:12] == "WEBP":
		return nil, Info{}, errPicture
	}
	return nil, Info{}, errNotBuiltin
}

// moving refuses animations in files that otherwise hold a still picture: of their frames the
// first is all that would be read.
func moving(head []byte) error {
	switch h := string(head); {
	case strings.HasPrefix(h, "\x89PNG"):
		// What says so stands before the first picture's data (PNG, third edition, 11.3.2).
		if control, data := strings.Index(h, "acTL"), strings.Index(h, "IDAT"); control >= 0 && (data < 0 || control < data) {
			return fmt.Errorf("%w: an animated PNG, of which only a folder of its frames is read ('ffmpeg -i IN.png FOLDER/%%06d.png' makes one)", ErrUnusable)
		}
	case len(h) > 20 && h[8:16] == "WEBPVP8X" && h[20]&2 != 0:
		return fmt.Errorf("%w: an animated WebP, of which only a folder of its frames is read ('magick IN.webp -coalesce FOLDER/%%06d.png' makes one)", ErrUnusable)
	}
	return nil
}

// byteSource is where our own decoders read from.
type byteSource struct {
	*bufio.Reader
	closer   io.Closer // nil for standard input
	deadline deadliner
}

func (s *byteSource) interrupt() {
	if s.deadline != nil {
		_ = s.deadline.SetReadDeadline(longAgo) // not all files have deadlines
	}
}

func (s *byteSource) close() error {
	if s.closer == nil {
		return nil
	}
	return s.closer.Close()
}
