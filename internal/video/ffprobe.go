package video

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"krypton/internal/failure"
)

// streamInfo is what ffprobe says about the first video stream that is no cover
// picture.
type streamInfo struct {
	width, height int // upright
	shape         Shape
	stored        *Stored // nil if frames are stored upright
	full          bool    // each pixel has colours of its own
	transparent   bool    // pixels have opacities
	fields        string  // of an interlaced video
	transfer      string  // of one of high dynamic range
	asked         bool    // the size is that of the first frame, which has been looked at
	rate          ratio
	base          ratio         // of its times, zero if unknown
	frames        int           // -1 unknown; some containers declare nonsense
	duration      time.Duration // from the file's beginning, which is when its first stream begins
	late          time.Duration // what ffmpeg's times lack, which begin with the video's first packet in some formats
}

// probeStream asks ffprobe. Nothing is decoded beyond the first frames.
func probeStream(ctx context.Context, ffprobe string, in input, opt Options) (*streamInfo, error) {
	args := []string{"-hide_banner", "-v", "error", "-max_pixels", strconv.FormatInt(opt.MaxPixels, 10)}
	args = append(args, in.args...)
	args = append(args, "-select_streams", "V:0", "-show_entries",
		"stream=width,height,pix_fmt,sample_aspect_ratio,field_order,color_transfer,avg_frame_rate,r_frame_rate,time_base,start_time,nb_frames,duration:stream_side_data=rotation,displaymatrix:stream_tags=rotate,DURATION:format=format_name,start_time,duration,nb_streams",
		"-of", "json", "-i", in.url)
	timeout := opt.Timeout
	p := command(ctx, timeout, ffprobe, args...)
	out, err := p.output(1 << 20)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case passOn(err):
		return nil, err
	case err != nil:
		said := reason(p.stderr.Message(), in)
		if said != "" && !p.busy(err) {
			err = nil // exit status 1 says no more
		}
		return nil, p.failed(ErrUnusable, err, said)
	}
	s, err := parseProbe(out)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnusable, err)
	}
	if int64(s.width) > opt.MaxPixels/int64(s.height) {
		return nil, failure.Settingf("%w: %d x %d pixels, the limit is %d in all (%v)", ErrUnusable, s.width, s.height, opt.MaxPixels, failure.Setting("max-pixels"))
	}
	return s, nil
}

// fullColours says whether a pixel format of ffmpeg's has colours for each pixel, or none.
func fullColours(format string) bool {
	return slices.ContainsFunc([]string{"rgb", "bgr", "gbr", "444", "gray", "pal8", "mono", "ya8", "ya16"}, func(part string) bool {
		return strings.Contains(format, part)
	})
}

// opacities says whether a pixel format of ffmpeg's has them.
func opacities(format string) bool {
	return slices.ContainsFunc([]string{"yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16"}, func(begin string) bool {
		return strings.HasPrefix(format, begin)
	})
}

// reason is ffmpeg's message without the name, which our own message has.
func reason(message string, in input) string {
	m := strings.TrimPrefix(message, in.url+": ")
	if strings.Contains(m, "Format not on whitelist") || m == "Invalid argument" {
		return "not a video of a known format (playlists and scripts are not opened)"
	}
	return m
}

// parseProbe reads ffprobe's JSON.
func parseProbe(out []byte) (*streamInfo, error) {
	var v struct {
		Streams []struct {
			Width     int    `json:"width"`
			Height    int    `json:"height"`
			Format    string `json:"pix_fmt"`
			Shape     string `json:"sample_aspect_ratio"`
			Fields    string `json:"field_order"`
			Transfer  string `json:"color_transfer"`
			Average   string `json:"avg_frame_rate"`
			Real      string `json:"r_frame_rate"`
			Base      string `json:"time_base"`
			Start     string `json:"start_time"`
			Frames    string `json:"nb_frames"`
			Duration  string `json:"duration"`
			SideDatas []struct {
				Rotation float64 `json:"rotation"`
				Matrix   string  `json:"displaymatrix"`
			} `json:"side_data_list"`
			Tags struct {
				Rotate   string `json:"rotate"`
				Duration string `json:"DURATION"`
			} `json:"tags"`
		} `json:"streams"`
		Format struct {
			Name     string `json:"format_name"`
			Start    string `json:"start_time"`
			Duration string `json:"duration"`
			Streams  int    `json:"nb_streams"`
		} `json:"format"`
	}
	if err := json.Unmarshal(out, &v); err != nil {
		return nil, fmt.Errorf("ffprobe's answer: %w", err)
	}
	if len(v.Streams) == 0 {
		return nil, errors.New("it has no video stream")
	}
	s := v.Streams[0]
	if s.Width < 1 || s.Height < 1 {
		return nil, errors.New("its video stream has no size")
	}
	r := &streamInfo{width: s.Width, height: s.Height, frames: -1}
	r.shape, r.full, r.transparent = shapeOf(s.Shape), fullColours(s.Format), opacities(s.Format)
	if slices.Contains([]string{"tt", "bb", "tb", "bt"}, s.Fields) {
		r.fields = s.Fields
	}
	if slices.Contains([]string{"smpte2084", "arib-std-b67"}, s.Transfer) {
		r.transfer = s.Transfer
	}
	angle, _ := strconv.ParseFloat(s.Tags.Rotate, 64) // of versions that do not show the matrix
	mirrored := false
	for _, d := range s.SideDatas {
		if a, m, ok := parseMatrix(d.Matrix); ok {
			angle, mirrored = a, m
		} else if d.Rotation != 0 {
			angle = -d.Rotation
		}
	}
	r.turn(angle, mirrored)
	if r.rate = parseRatio(s.Average); !r.rate.valid() {
		r.rate = parseRatio(s.Real)
	}
	if n, err := strconv.ParseInt(s.Frames, 10, 63); err == nil && n > 0 && n <= math.MaxInt32 {
		r.frames = int(n)
	}
	r.base = parseFraction(s.Base)
	r.duration = max(0, parseSeconds(s.Duration))
	if p, err := ParsePosition(s.Tags.Duration); err == nil && r.duration == 0 && !p.IsFrame {
		r.duration = p.Time
	}
	if r.duration == 0 && v.Format.Streams == 1 {
		r.duration = max(0, parseSeconds(v.Format.Duration))
	}
	begin := parseSeconds(v.Format.Start)
	switch name, _, _ := strings.Cut(v.Format.Name, ","); name {
	case "matroska":
		r.duration = max(0, r.duration-begin) // it is counted from 0, wherever the first frame is
	case "mpegts", "mpeg", "ogg":
		r.late = max(0, parseSeconds(s.Start)-begin)
		if r.duration > 0 {
			r.duration += r.late
		}
	}
	return r, nil
}

// turn has the frames, which were as they are stored, mirrored and turned clockwise.
// ffmpeg carries out quarter turns, mirroring and, within the same size, other angles.
func (s *streamInfo) turn(degrees float64, mirrored bool) {
	angle := int(math.Round(math.Mod(degrees, 360)))
	angle = (angle + 360) % 360
	if angle == 0 && !mirrored {
		return
	}
	s.stored = &Stored{Width: s.width, Height: s.height, Rotation: angle, Mirrored: mirrored}
	if angle%180 == 90 {
		s.width, s.height, s.shape = s.height, s.width, s.shape.turned()
	}
}

// parseMatrix reads ffprobe's print of a display matrix, three lines of three
// numbers behind a number of their own, as an angle clockwise after mirroring left to
// right.
func parseMatrix(text string) (angle float64, mirrored, ok bool) {
	var m []float64
	for _, line := range strings.Split(text, "\n") {
		_, numbers, _ := strings.Cut(line, ":")
		for _, f := range strings.Fields(numbers) {
			v, err := strconv.ParseInt(f, 10, 64)
			if err != nil {
				return 0, false, false
			}
			m = append(m, float64(v))
		}
	}
	if len(m) != 9 {
		return 0, false, false
	}
	a, b, c, d := m[0], m[1], m[3], m[4]
	if mirrored = a*d-b*c < 0; mirrored {
		a, b = -a, -b
	}
	return math.Atan2(b, a) * 180 / math.Pi, mirrored, true
}

// parseSeconds reads "30.16" and "-1.4"; anything else is 0.
func parseSeconds(s string) time.Duration {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(math.Abs(v) < 9e9) {
		return 0
	}
	return time.Duration(math.Round(v * 1e9))
}

// parseRatio is parseFraction for rates: those that nothing has are the zero ratio.
func parseRatio(s string) ratio {
	r := parseFraction(s)
	if r.float() > 1e6 {
		return ratio{}
	}
	return r
}

// shapeOf reads "4:3".
func shapeOf(text string) Shape {
	r := parseFraction(strings.Replace(text, ":", "/", 1))
	return Shape{int(r.num), int(r.den)}.Known()
}

// parseFraction reads "30000/1001"; anything else is the zero ratio.
func parseFraction(s string) ratio {
	a, b, found := strings.Cut(s, "/")
	n, err := strconv.ParseInt(a, 10, 32)
	d, err2 := strconv.ParseInt(b, 10, 32)
	r := ratio{n, d}
	if !found || err != nil || err2 != nil || !r.valid() {
		return ratio{}
	}
	return r
}

// packets are the totals of a stream's packets: one holds one frame in nearly
// all formats.
type packets struct {
	count    int           // without those that an edit list hides
	end      time.Duration // where the last one ends, 0 if unknown
	complain string        // what ffprobe found wrong
}

// countPackets walks through the whole file without decoding, in constant
// memory.
func countPackets(ctx context.Context, t *tools, in input, opt Options) (*packets, error) {
	args := append([]string{"-hide_banner", "-v", "error", "-max_pixels", strconv.FormatInt(opt.MaxPixels, 10)}, in.args...)
	args = append(args, "-select_streams", "V:0", "-show_entries", "packet=pts_time,duration_time,flags:format=start_time", "-of", "compact=p=1:nk=0", "-i", in.url)
	p := command(ctx, opt.Timeout, t.ffprobe, args...)
	if err := p.start(); err != nil {
		return nil, err
	}
	n := &packets{}
	start := 0.0
	end := math.Inf(-1)
	scan := bufio.NewScanner(p)
	for scan.Scan() {
		kind, rest, _ := strings.Cut(scan.Text(), "|")
		f := map[string]string{}
		for _, kv := range strings.Split(rest, "|") {
			k, v, _ := strings.Cut(kv, "=")
			f[k] = v
		}
		switch kind {
		case "packet":
			if strings.Contains(f["flags"], "D") {
				continue
			}
			n.count++
			if t, err := strconv.ParseFloat(f["pts_time"], 64); err == nil {
				d, _ := strconv.ParseFloat(f["duration_time"], 64)
				end = max(end, t+d)
			}
		case "format":
			start, _ = strconv.ParseFloat(f["start_time"], 64)
		}
	}
	if scan.Err() != nil {
		p.kill()
	}
	_, _ = io.Copy(io.Discard, p)
	if err := p.wait(); err != nil {
		if p.busy(err) {
			return nil, p.failed(ErrBusy, err, p.stderr.Message())
		}
		n.complain = err.Error()
	}
	if m := p.stderr.Message(); m != "" {
		n.complain = reason(m, in)
	}
	if v := end - start; v > 0 && v < 9e9 {
		n.end = time.Duration(v * 1e9)
	}
	return n, nil
}
