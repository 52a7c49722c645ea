package video

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"krypton/internal/failure"
)

// tools are the programs of one ffmpeg installation.
type tools struct {
	ffmpeg, ffprobe string
	version         string // "5.1.9-0+deb12u1", "N-112233-g..." of a development build
	major, minor    int    // 0 of a development build
}

// noFFmpeg is the FFmpeg option that does without.
const noFFmpeg = "none"

// oldestFFmpeg is the first major version with all options that are used here.
const oldestFFmpeg = 4

// findTools finds ffmpeg, and ffprobe beside it or in PATH, and asks for the version.
func findTools(ctx context.Context, opt Options) (*tools, error) {
	t, err := locateTools(opt)
	if err != nil {
		return nil, err
	}
	return t, t.ask(ctx, opt)
}

// findAndProbe is findTools and probeStream at the same time: starting a program of
// ffmpeg's, with all its libraries, takes a tenth of a second.
func findAndProbe(ctx context.Context, in input, opt Options) (*tools, *streamInfo, error) {
	t, err := locateTools(opt)
	if err != nil {
		return nil, nil, err
	}
	asked := make(chan error, 1)
	go func() { asked <- t.ask(ctx, opt) }()
	s, err := probeStream(ctx, t.ffprobe, in, opt)
	if err := <-asked; err != nil {
		return nil, nil, err
	}
	return t, s, err
}

// HasFFmpeg says whether ffmpeg and ffprobe are where Options look for them.
func HasFFmpeg(opt Options) bool {
	_, err := locateTools(opt)
	return err == nil
}

// locateTools finds ffmpeg, and ffprobe beside it or in PATH.
func locateTools(opt Options) (*tools, error) {
	name := opt.FFmpeg
	if name == noFFmpeg {
		return nil, failure.Settingf("%w: it is switched off (%v none); without it only Y4M, GIF, MJPEG, raw RGB and folders of pictures can be read", ErrNoFFmpeg, failure.Setting("ffmpeg"))
	}
	if name == "" {
		name = "ffmpeg"
	}
	path, err := exec.LookPath(name)
	if err != nil && opt.FFmpeg == "" {
		return nil, failure.Settingf("%w: install it (apt install ffmpeg, brew install ffmpeg, winget install ffmpeg) or name it with %v; without it only Y4M, GIF, MJPEG, raw RGB and folders of pictures can be read", ErrNoFFmpeg, failure.Setting("ffmpeg"))
	}
	if err != nil {
		return nil, failure.Settingf("%w: %v %s: %w", ErrNoFFmpeg, failure.Setting("ffmpeg"), opt.FFmpeg, err)
	}
	t := &tools{ffmpeg: path}
	base := strings.Replace(filepath.Base(path), "ffmpeg", "ffprobe", 1)
	if t.ffprobe, err = exec.LookPath(filepath.Join(filepath.Dir(path), base)); err != nil || base == filepath.Base(path) {
		if t.ffprobe, err = exec.LookPath("ffprobe"); err != nil {
			return nil, fmt.Errorf("%w: %s is there, but no ffprobe, which comes with it", ErrNoFFmpeg, path)
		}
	}
	return t, nil
}

// ask asks for the version.
func (t *tools) ask(ctx context.Context, opt Options) error {
	p := command(ctx, quick(opt), t.ffmpeg, "-hide_banner", "-version")
	out, err := p.output(1 << 16)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case passOn(err):
		return err
	case err != nil:
		return p.failed(ErrNoFFmpeg, err, p.stderr.Message())
	}
	if t.version = parseVersion(string(out)); t.version == "" {
		return fmt.Errorf("%w: %s does not say its version", ErrNoFFmpeg, t.ffmpeg)
	}
	if t.major, t.minor = versionNumbers(t.version); t.major > 0 && t.major < oldestFFmpeg {
		return fmt.Errorf("%w: %s has version %s, want %d or newer", ErrNoFFmpeg, t.ffmpeg, t.version, oldestFFmpeg)
	}
	return nil
}

// passOn says whether an error of a program says already what kind it is of.
func passOn(err error) bool {
	return errors.Is(err, ErrStalled) || errors.Is(err, ErrNoFFmpeg) || errors.Is(err, ErrBusy)
}

// quick is the timeout of what takes a moment only, but where a machine has far more to
// do than it can: a program that is stuck is told from one that has no turn by nothing
// else than patience.
func quick(opt Options) time.Duration {
	if opt.Timeout < 0 {
		return defaultTimeout
	}
	return min(opt.Timeout, defaultTimeout)
}

func parseVersion(out string) string {
	rest, found := strings.CutPrefix(out, "ffmpeg version ")
	f := strings.Fields(rest)
	if !found || len(f) == 0 || len(f[0]) > 100 {
		return ""
	}
	return f[0]
}

// versionNumbers gives 5, 1 for "5.1.9-0+deb12u1" and "n5.1.9", 0, 0 for builds
// that have no version.
func versionNumbers(v string) (major, minor int) {
	p := strings.SplitN(strings.TrimPrefix(v, "n"), ".", 3)
	if len(p) < 2 {
		return 0, 0
	}
	a, err := strconv.Atoi(p[0])
	if err != nil {
		return 0, 0
	}
	b, _ := strconv.Atoi(strings.TrimRight(strings.SplitN(p[1], "-", 2)[0], "abcdefghijklmnopqrstuvwxyz"))
	return a, b
}

// decoder is the name for Info.
func (t *tools) decoder() string {
	v, _, _ := strings.Cut(t.version, "-")
	if v == "N" {
		v = t.version
	}
	return "ffmpeg " + v
}

// everyFrame are the options by which frames are neither doubled nor dropped.
func (t *tools) everyFrame() []string {
	if t.major == 0 || t.major > 5 || t.major == 5 && t.minor >= 1 {
		return []string{"-fps_mode", "passthrough"}
	}
	return []string{"-vsync", "0"}
}

// asCoded are the options by which frames are cut as their codec has it, to the pixel:
// without the first, borders on the left stay where they are not aligned. Containers'
// own crop marks, which newer versions follow and others do not, are passed over.
func (t *tools) asCoded() []string {
	a := []string{"-flags", "+unaligned"}
	if t.major > 7 || t.major == 7 && t.minor >= 1 {
		a = append(a, "-apply_cropping", "codec")
	}
	return a
}

// input is what ffmpeg is to open, and with which rights.
type input struct {
	args  []string // the last options before -i
	url   string   // behind -i
	live  bool     // has no end that could be checked
	stdin bool
}

// formats are those that a file may have. Playlists and scripts are not among
// them: they would open other files. Raw MJPEG is not either: it would be found
// within other files that have lost their beginning.
const formats = "mov,matroska,webm,avi,mpegts,mpeg,mpegvideo,h264,hevc,flv,ogg,gif,yuv4mpegpipe,asf,ivf,nut,mxf"

// fileInput opens one regular file and nothing else.
func fileInput(name string) (input, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return input{}, err
	}
	return input{args: []string{"-protocol_whitelist", "file", "-format_whitelist", formats}, url: "file:" + abs}, nil
}

// stdinInput reads what Options.Stdin holds.
func stdinInput() input {
	return input{args: []string{"-protocol_whitelist", "pipe", "-format_whitelist", formats}, url: "pipe:0", stdin: true}
}

// networkInput opens an address. It may not lead back to local files.
func networkInput(address string) input {
	return input{args: []string{"-protocol_whitelist", "http,https,httpproxy,tcp,tls,crypto,rtsp,rtp,udp,rtmp,rtmps,srt", "-format_whitelist", formats + ",hls,rtsp,sdp,rtp,mjpeg,mpjpeg,jpeg_pipe"}, url: address, live: true}
}

// cameraInput opens a camera.
func cameraInput(device string) input {
	if runtime.GOOS == "linux" {
		return input{args: []string{"-f", "v4l2", "-protocol_whitelist", "file"}, url: device, live: true}
	}
	return input{args: []string{"-protocol_whitelist", "file"}, url: device, live: true}
}
