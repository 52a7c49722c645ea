package video

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"time"

	"krypton/internal/failure"

	"krypton/internal/engine/asm"
	"krypton/internal/imagein"
)

// ffmpegDecoder reads the frames that an ffmpeg process decodes and, if it knows their
// size beforehand, scales and crops.
type ffmpegDecoder struct {
	ctx    context.Context
	tools  *tools
	in     input
	opt    Options
	stream *streamInfo      // nil if unknown: live and standard input
	asked  imagein.Geometry // what ffmpeg makes of the stream's frames
	scales bool             // whether ffmpeg does what was chosen for the frames
	proc   *process
	nut    *nutReader
	clock  clock
	frames int
	last   time.Duration
	ended  error // sticky
	planes []byte
}

// oneThread is the number of pixels up to which one thread of ffmpeg decodes some
// thousand frames a second: more of them take a third more processor time in all,
// which is then missing where the frames go.
const oneThread = 1 << 20

// checkSlack is how much of the declared duration may be missing before a look
// into the container is worth it.
const checkSlack = 500 * time.Millisecond

// framePlanes is the form of frames that ffmpeg is asked for: planes of green, blue and
// red. Scaled to it colours are converted by vector instructions, which takes a third
// less of ffmpeg's time than rgb24 does, and every pixel has chroma of its own.
const framePlanes = "gbrp"

// opacityPlanes has a fourth plane, of opacities, for streams that have them.
const opacityPlanes = "gbrap"

// openFFmpeg starts ffmpeg and waits for the size of its frames. s is what is known
// of the stream: nil for live sources and standard input.
func openFFmpeg(ctx context.Context, t *tools, s *streamInfo, in input, opt Options) (*ffmpegDecoder, Info, error) {
	d := &ffmpegDecoder{ctx: ctx, tools: t, in: in, opt: opt, stream: s, clock: newClock(s)}
	info := Info{Frames: -1, Decoder: t.decoder()}
	var err error
	if s != nil {
		if d.asked, err = opt.geometry(s.width, s.height, s.shape); err != nil {
			return nil, info, err
		}
		if d.scales = worthwhile(s, &d.asked); !d.scales {
			d.asked = asItIs(s.width, s.height)
		}
		info = ffmpegInfo(t, s, d.asked)
	}
	d.proc = command(ctx, opt.Timeout, t.ffmpeg, d.args()...)
	if in.stdin {
		d.proc.cmd.Stdin = opt.Stdin
	}
	if err := d.proc.start(); err != nil {
		return nil, info, err
	}
	if d.nut, err = newNUT(d.proc, d.planesOf()); err != nil {
		err = d.finish(err)
		return nil, info, err
	}
	d.nut.ticks = d.clock.base
	w, h := d.nut.width, d.nut.height
	if s != nil && d.turned() {
		// Marks of the frames' own turn them, which only the frames tell.
		d.abandon()
		other := *s
		other.width, other.height, other.shape, other.stored = s.height, s.width, s.shape.turned(), nil
		other.asked = true
		return openFFmpeg(ctx, t, &other, in, opt)
	}
	if d.stream == nil {
		info.SourceWidth, info.SourceHeight, info.Shape = w, h, d.nut.shape.Known()
	} else if w != info.Width || h != info.Height {
		if opt.Fit != nil {
			d.abandon()
			return nil, info, fmt.Errorf("%w: frames have %d x %d pixels, want %d x %d", ErrUnusable, w, h, info.Width, info.Height)
		}
		info.SourceWidth, info.SourceHeight = w, h // the frames know better
	}
	info.Width, info.Height = w, h
	if int64(w) > opt.MaxPixels/int64(h) {
		d.abandon()
		return nil, info, failure.Settingf("%w: %d x %d pixels, the limit is %d in all (%v)", ErrUnusable, w, h, opt.MaxPixels, failure.Setting("max-pixels"))
	}
	return d, info, nil
}

// ffmpegInfo is what is known before decoding.
func ffmpegInfo(t *tools, s *streamInfo, g imagein.Geometry) Info {
	return Info{
		Width: g.Kept.Dx(), Height: g.Kept.Dy(),
		SourceWidth: s.width, SourceHeight: s.height,
		Shape:    s.shape,
		Stored:   s.stored,
		Fields:   s.fields,
		Transfer: s.transfer,
		FPS:      s.rate.float(),
		Frames:   s.frames,
		Duration: s.duration,
		Decoder:  t.decoder(),
	}
}

// args are ffmpeg's arguments. They are not seen by a shell.
func (d *ffmpegDecoder) args() []string {
	a := []string{"-hide_banner", "-v", "error"}
	if !d.in.stdin {
		a = append(a, "-nostdin")
	}
	if !d.opt.Lenient {
		a = append(a, "-xerror", "-err_detect", "explode")
	}
	a = append(a, "-max_pixels", strconv.FormatInt(d.opt.MaxPixels, 10))
	if d.stream != nil && d.stream.width*d.stream.height <= oneThread {
		a = append(a, "-threads", "1", "-filter_threads", "1")
	}
	a = append(a, d.tools.asCoded()...)
	a = append(a, d.in.args...)
	a = append(a, "-i", d.in.url, "-map", "0:V:0", "-an", "-sn", "-dn")
	a = append(a, d.tools.everyFrame()...)
	a = append(a, "-enc_time_base", fmt.Sprintf("%d:%d", d.clock.fine.num, d.clock.fine.den))
	form := framePlanes
	if d.transparent() {
		form = opacityPlanes
	}
	return append(a, "-vf", d.clock.filter()+d.filter(), "-c:v", "rawvideo", "-pix_fmt", form, "-f", "nut", "pipe:1")
}

// mostWaste is how many times the pixels that are kept ffmpeg may make: it scales all of
// a frame before a part is cut out, our own scaler that part alone.
const mostWaste = 8

// worthwhile says whether ffmpeg should scale and crop, which takes a quarter of the time
// that our own scaler does. That has the frames in which every pixel has colours of its
// own, or opacities, and all where interpolation is cubic: they are scaled as stills are,
// to the bit. ffmpeg cannot: it scales planes of colours that have fewer pixels as they
// are, and lets the outermost pixels of a frame that shrinks stand for what would lie
// outside.
func worthwhile(s *streamInfo, g *imagein.Geometry) bool {
	kept := g.Kept.Dx() * g.Kept.Dy()
	return !s.full && !s.transparent && !g.Cubic && g.Scaled.X <= mostWaste*kept/g.Scaled.Y
}

// filter scales and crops the upright picture. Rotation comes before it, by ffmpeg
// itself. Its bilinear scaling is that of stills, by weights of 14 bits; the flags make
// the pixels independent of the processor.
func (d *ffmpegDecoder) filter() string {
	const flags = "flags=bilinear+accurate_rnd+bitexact"
	if d.stream == nil {
		return "scale=" + flags
	}
	// Frames of other sizes, which may follow, are brought to that of the file first:
	// what is cut out would be another part of them. Squares, so that turned tells.
	g := &d.asked
	text := fmt.Sprintf("setsar=1,scale=%d:%d:%s,", d.stream.width, d.stream.height, flags)
	if g.Scaled == g.Picture {
		text += "scale=" + flags
	} else {
		text += fmt.Sprintf("scale=%d:%d:%s", g.Scaled.X, g.Scaled.Y, flags)
	}
	if g.Kept.Size() != g.Scaled {
		text += fmt.Sprintf(",crop=%d:%d:%d:%d:exact=1", g.Kept.Dx(), g.Kept.Dy(), g.Kept.Min.X, g.Kept.Min.Y)
	}
	return text
}

// turned says whether the first frame is higher than wide though its stream is wider
// than high, or the other way round. All that ffmpeg tells of the frames is their size
// when they have been scaled, and that their pixels, which were squares, have become as
// much wider or higher as scaling made them.
func (d *ffmpegDecoder) turned() bool {
	s := d.stream
	if s.asked || s.width == s.height || d.nut.shape.Width < 1 || d.nut.shape.Height < 1 {
		return false
	}
	// The shape of a pixel, were the frame one of the stream's size.
	scaled := d.asked.Scaled
	want := float64(scaled.Y) * float64(s.width) / (float64(scaled.X) * float64(s.height))
	whole := float64(s.width) / float64(s.height)
	seen := float64(d.nut.shape.Width) / float64(d.nut.shape.Height) / want * whole // width to height of the frame
	return math.Abs(seen*whole-1) < 1e-3
}

func (d *ffmpegDecoder) next() (time.Duration, error) {
	if d.ended != nil {
		return 0, d.ended
	}
	t, err := d.nut.next()
	if err != nil {
		d.ended = d.finish(err)
		return 0, d.ended
	}
	if d.stream != nil {
		t += d.stream.late
	}
	d.frames++
	d.last = t
	return t, nil
}

func (d *ffmpegDecoder) pixels(dst []byte) error {
	if d.planes == nil {
		d.planes = make([]byte, len(dst)/3*d.nut.planes)
	}
	if err := d.nut.pixels(d.planes); err != nil {
		d.frames--
		d.ended = d.finish(err)
		return d.ended
	}
	n := len(dst) / 3
	if d.transparent() {
		overWhite(d.planes[:3*n], d.planes[3*n:])
	}
	asm.Interleave(dst, d.planes[2*n:3*n], d.planes[:n], d.planes[n:2*n])
	return nil
}

// transparent says whether frames come with opacities.
func (d *ffmpegDecoder) transparent() bool { return d.stream != nil && d.stream.transparent }

// planesOf is how many planes a frame comes in.
func (d *ffmpegDecoder) planesOf() int {
	if d.transparent() {
		return 4
	}
	return 3
}

// overWhite lays three planes of colours over white, as stills are. A frame whose opacities
// are all 0 has none: some programs leave the fourth byte of their pixels empty.
func overWhite(planes, opacity []byte) {
	if !slices.ContainsFunc(opacity, func(a byte) bool { return a != 0 }) {
		return
	}
	n := len(opacity)
	for i, a := range opacity {
		if a == 255 {
			continue
		}
		for c := range 3 {
			v := &planes[c*n+i]
			premultiplied := uint32(*v) * 257 * uint32(a) / 255
			*v = byte((premultiplied + 0xffff - 257*uint32(a) + 128) / 257)
		}
	}
}

// finish waits for ffmpeg and judges the end that was read: io.EOF stays only if
// the video is complete.
func (d *ffmpegDecoder) finish(read error) error {
	if read != io.EOF && !errors.Is(read, io.ErrUnexpectedEOF) {
		d.proc.kill() // nothing that follows could be used
	}
	_, _ = io.Copy(io.Discard, d.proc)
	err := d.proc.wait()
	said := reason(d.proc.stderr.Message(), d.in)
	if said != "" {
		said = ": " + said
	}
	bad := ErrIncomplete
	if d.frames == 0 {
		bad = ErrUnusable
	}
	switch {
	case d.ctx.Err() != nil:
		return context.Cause(d.ctx)
	case errors.Is(err, ErrStalled):
		return err
	case d.proc.busy(err):
		return d.proc.failed(ErrBusy, err, fmt.Sprintf("after %d frames%s", d.frames, said))
	case read != io.EOF && errors.Is(read, io.ErrUnexpectedEOF):
		return fmt.Errorf("%w: ffmpeg ended within a frame, after %d whole ones%s", bad, d.frames, said)
	case read != io.EOF:
		return fmt.Errorf("%w: %w%s", bad, read, said)
	case err != nil:
		return fmt.Errorf("%w: after %d frames%s (ffmpeg: %w)", bad, d.frames, said, err)
	case d.frames == 0:
		return fmt.Errorf("%w: it has no frames%s", bad, said)
	case d.in.live:
		return io.EOF
	case said != "" && !d.opt.Lenient:
		return failure.Settingf("%w: after %d frames%s (%v goes on over such)", bad, d.frames, said, failure.Setting("lenient"))
	}
	return d.complete()
}

// complete compares what was decoded with what the container declares. Both
// counts and durations are often wrong in good files, so that a difference is
// only the reason for a second look, at the packets themselves.
func (d *ffmpegDecoder) complete() error {
	s := d.stream
	if s == nil {
		return io.EOF
	}
	slack := checkSlack
	if s.rate.valid() {
		slack = max(slack, 2*s.rate.inverse().times(1))
	}
	if d.frames >= s.frames && (s.duration == 0 || d.last >= s.duration-min(slack, s.duration/4)) {
		return io.EOF
	}
	n, err := countPackets(d.ctx, d.tools, d.in, d.opt)
	switch {
	case d.ctx.Err() != nil:
		return context.Cause(d.ctx)
	case err != nil:
		return err
	case n.complain != "":
		return fmt.Errorf("%w: after %d frames: %s", ErrIncomplete, d.frames, n.complain)
	case n.count > d.frames:
		return fmt.Errorf("%w: %d frames decoded, the file has %d", ErrIncomplete, d.frames, n.count)
	case max(d.last, n.end) < s.duration-slack, d.consistentlyShort(max(n.end, d.last)):
		return fmt.Errorf("%w: it ends after %d frames at %v, and declares %v", ErrIncomplete, d.frames, max(d.last, n.end).Round(time.Millisecond), s.duration.Round(time.Millisecond))
	}
	return io.EOF
}

// consistentlyShort says that fewer frames came than a container declares whose
// count, rate and duration agree with each other, and that it ends earlier by
// more than a frame, which is why they are missing: AVI counts times at which no
// picture comes (dropped frames, B-frames in a copied stream) among its frames.
func (d *ffmpegDecoder) consistentlyShort(end time.Duration) bool {
	s := d.stream
	if !s.rate.valid() || d.frames >= s.frames {
		return false
	}
	frame := s.rate.inverse().times(1)
	off := s.rate.inverse().times(int64(s.frames)) - s.duration
	late := s.duration - end // of which one frame is there
	return max(off, -off) < frame/2 && late > frame*3/2 && late > frame*time.Duration(s.frames-d.frames)/2
}

// damage is the number of complaints so far.
func (d *ffmpegDecoder) damage() int { return d.proc.stderr.Lines() }

func (d *ffmpegDecoder) interrupt() { d.proc.kill() }

func (d *ffmpegDecoder) close() error {
	d.abandon()
	return nil
}

// abandon kills ffmpeg and waits for it.
func (d *ffmpegDecoder) abandon() {
	d.proc.kill()
	_, _ = io.Copy(io.Discard, d.proc)
	_ = d.proc.wait() // it was killed, or its end was judged
}
