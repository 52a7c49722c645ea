package video

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"krypton/internal/atomicfile"
)

// ffmpegSink lets ffmpeg encode into a temporary file, which is put in place when
// ffmpeg is content.
type ffmpegSink struct {
	ctx   context.Context
	path  string
	force bool
	temp  string
	proc  *process
	in    io.WriteCloser
}

func newFFmpegSink(ctx context.Context, path, muxer string, w, h int, rate ratio, opt WriterOptions) (*ffmpegSink, error) {
	checked, err := Options{FFmpeg: opt.FFmpeg, Timeout: opt.Timeout}.checked()
	if err != nil {
		return nil, err
	}
	t, err := findTools(ctx, checked)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w (a name that ends in .avi does without)", atomicfile.ErrCannotWrite, path, err)
	}
	codec, err := t.encoder(ctx, checked)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", atomicfile.ErrCannotWrite, path, err)
	}
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", atomicfile.ErrCannotWrite, path, err)
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+"*")
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", atomicfile.ErrCannotWrite, path, err)
	}
	s := &ffmpegSink{ctx: ctx, path: path, force: opt.Force, temp: f.Name()}
	if err := f.Close(); err != nil {
		s.remove()
		return nil, fmt.Errorf("%w %s: %w", atomicfile.ErrCannotWrite, path, err)
	}
	args := []string{"-nostdin", "-hide_banner", "-v", "error", "-xerror",
		"-protocol_whitelist", "pipe", "-f", "rawvideo", "-pix_fmt", "rgb24",
		"-video_size", fmt.Sprintf("%dx%d", w, h), "-framerate", fmt.Sprintf("%d/%d", rate.num, rate.den), "-i", "pipe:0",
		// Encoders want even sizes; players take HD as BT.709 unless told.
		"-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv:flags=bilinear+accurate_rnd+bitexact,setsar=" + strings.Replace(opt.Pixels.String(), ":", "/", 1),
		"-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv", "-pix_fmt", "yuv420p"}
	args = append(args, codec...)
	if muxer != "matroska" {
		args = append(args, "-movflags", "+faststart")
	}
	s.proc = command(ctx, checked.Timeout, t.ffmpeg, append(args, "-f", muxer, "-y", "file:"+s.temp)...)
	if s.in, err = s.proc.cmd.StdinPipe(); err == nil {
		err = s.proc.start()
	}
	if err != nil {
		s.remove()
		return nil, fmt.Errorf("%w %s: %w", atomicfile.ErrCannotWrite, path, err)
	}
	return s, nil
}

// encoder gives the options of the best encoder that this ffmpeg has.
func (t *tools) encoder(ctx context.Context, opt Options) ([]string, error) {
	out, err := command(ctx, quick(opt), t.ffmpeg, "-hide_banner", "-v", "error", "-encoders").output(1 << 20)
	if passOn(err) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: its list of encoders: %w", ErrNoFFmpeg, err)
	}
	switch {
	case strings.Contains(string(out), " libx264 "):
		return []string{"-c:v", "libx264", "-crf", "20"}, nil
	case strings.Contains(string(out), " mpeg4 "):
		return []string{"-c:v", "mpeg4", "-q:v", "3"}, nil
	}
	return nil, fmt.Errorf("%w: %s has neither the encoder libx264 nor mpeg4", ErrNoFFmpeg, t.ffmpeg)
}

func (s *ffmpegSink) write(pixels []byte, _ bool) error {
	done := s.proc.watch()
	_, err := s.in.Write(pixels)
	done()
	if err != nil {
		return s.why(s.end(), err)
	}
	return nil
}

// end closes ffmpeg's input and waits for it.
func (s *ffmpegSink) end() error {
	_ = s.in.Close() // fails if ffmpeg has gone, which wait says better
	_, _ = io.Copy(io.Discard, s.proc)
	return s.proc.wait()
}

// why gives the reason of a failure: ffmpeg's words if it said any.
func (s *ffmpegSink) why(err, other error) error {
	if s.ctx.Err() != nil {
		return fmt.Errorf("%s: %w", s.path, context.Cause(s.ctx))
	}
	if err == nil {
		err = other
	}
	if m := s.proc.stderr.Message(); m != "" {
		return fmt.Errorf("%w %s: %s (ffmpeg: %w)", atomicfile.ErrCannotWrite, s.path, strings.ReplaceAll(m, "file:"+s.temp, filepath.Base(s.path)), err)
	}
	return fmt.Errorf("%w %s: ffmpeg: %w", atomicfile.ErrCannotWrite, s.path, err)
}

func (s *ffmpegSink) finish() error {
	defer s.remove()
	if err := s.end(); err != nil {
		return s.why(err, nil)
	}
	if m := s.proc.stderr.Message(); m != "" {
		return fmt.Errorf("%w %s: %s", atomicfile.ErrCannotWrite, s.path, m)
	}
	f, err := os.Open(s.temp)
	if err != nil {
		return fmt.Errorf("%w %s: %w", atomicfile.ErrCannotWrite, s.path, err)
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || st.Size() == 0 {
		return fmt.Errorf("%w %s: ffmpeg wrote nothing", atomicfile.ErrCannotWrite, s.path)
	}
	return atomicfile.Write(s.path, s.force, func(w io.Writer) error {
		_, err := io.Copy(w, f)
		return err
	})
}

func (s *ffmpegSink) abort() {
	s.proc.kill()
	_ = s.end() // it was killed
	s.remove()
}

func (s *ffmpegSink) remove() { _ = os.Remove(s.temp) }
