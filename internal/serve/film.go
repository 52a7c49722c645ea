package serve

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"image"
	"image/jpeg"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"krypton/internal/failure"
	"krypton/internal/imagein"
	"krypton/internal/recognize"
	"krypton/internal/video"
)

// Bounds of looking at videos.
const (
	mostFilms   = 1000 // that are known by an ID
	mostViewers = 4    // decoders of frames that are looked at, at work or waiting for the next one
	mostProbes  = 4    // videos that are looked into at once
	mostSide    = 1280 // of frames as they are shown
	mostPast    = 32   // frames of a viewer that were shown already
	mostSeek    = time.Minute
)

// film is a video of the folder that a client has chosen.
type film struct {
	id     string
	name   string // in the folder
	path   string // for the command line
	folder *folder
	info   video.Info
}

// filmInfo is what a client is told of a film.
type filmInfo struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	// Width and Height are those that places in the video are told in, Shown those in
	// which its frames come.
	Width   int     `json:"width"`
	Height  int     `json:"height"`
	Shown   [2]int  `json:"shown"`
	FPS     float64 `json:"fps"`     // 0 if unknown
	Frames  int     `json:"frames"`  // as the file declares, -1 if unknown
	Seconds float64 `json:"seconds"` // 0 if unknown
	Decoder string  `json:"decoder"`
}

func (f *film) told() filmInfo {
	i := &f.info
	w, h := f.shown()
	return filmInfo{f.id, f.name, i.SourceWidth, i.SourceHeight, [2]int{w, h}, i.FPS, i.Frames, i.Duration.Seconds(), i.Decoder}
}

// shown is the size in which frames are shown.
func (f *film) shown() (w, h int) {
	i := &f.info
	fw, fh := float64(i.SourceWidth)*i.Shape.Ratio(), float64(i.SourceHeight)
	k := min(1, mostSide/max(fw, fh))
	return max(1, int(fw*k+.5)), max(1, int(fh*k+.5))
}

// errChanged says that a file became another video after it was chosen.
var errChanged = failure.Missingf("the video has changed since it was chosen: choose it once more")

// same says whether a video that was opened is the one that was chosen, as far as sizes
// and times depend on it: what clients were told of it, and the memory that it takes.
func (f *film) same(i video.Info) bool {
	return i.SourceWidth == f.info.SourceWidth && i.SourceHeight == f.info.SourceHeight && i.Shape == f.info.Shape && i.FPS == f.info.FPS
}

// films are the videos of a folder that were chosen lately, and the decoders of those
// whose frames are looked at.
type films struct {
	folder  *folder
	pixels  int64           // largest frame, 0 for the usual
	work    context.Context // of decoders
	looking time.Duration
	probes  chan struct{} // held by who looks into a video

	mu      sync.Mutex
	list    []*film       // the latest used last
	viewers []*viewer     // the same
	freed   chan struct{} // closed when a viewer may have become free
}

func newFilms(f *folder, pixels int64, looking time.Duration) *films {
	return &films{folder: f, pixels: pixels, looking: looking, probes: make(chan struct{}, mostProbes), freed: make(chan struct{})}
}

// choose looks into a video of the folder.
func (s *films) choose(ctx context.Context, name string) (*film, error) {
	path, err := s.folder.video(name)
	if err != nil {
		return nil, err
	}
	select {
	case s.probes <- struct{}{}:
		defer func() { <-s.probes }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	info, err := video.Probe(ctx, path, video.Options{MaxPixels: s.pixels})
	if err != nil {
		return nil, said(recognize.Classify(err), path, name)
	}
	f := &film{rand.Text(), name, path, s.folder, info}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, f)
	s.list = s.list[max(0, len(s.list)-mostFilms):]
	return f, nil
}

// get finds a video by its ID.
func (s *films) get(id string) (*film, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.list {
		if f.id == id {
			s.list = append(append(s.list[:i:i], s.list[i+1:]...), f)
			return f, nil
		}
	}
	return nil, failure.Missingf("video %q is not known any more: choose it once more", id)
}

// frame gives a frame of a video as JPEG.
func (s *films) frame(ctx context.Context, f *film, n int) ([]byte, error) {
	ctx, end := context.WithTimeoutCause(ctx, mostSeek, failure.Temporaryf("frame %d is too far away to be decoded now", n))
	defer end()
	v, err := s.viewer(ctx, f)
	if err != nil {
		return nil, err
	}
	defer s.free(v)
	return v.frame(ctx, n)
}

// first gives the first frame of a video of the folder, which has no viewer.
func (s *films) first(ctx context.Context, name string) (image.Image, error) {
	path, err := s.folder.video(name)
	if err != nil {
		return nil, err
	}
	v := &viewer{films: s, film: &film{name: name, path: path, folder: s.folder}, small: true}
	defer v.close()
	img, err := v.image(ctx, 0)
	return img, said(err, path, name)
}

// viewer takes the viewer of a film: its own, or a new one in the place of the one that
// was used the longest time ago of those that nobody has. free gives it back.
func (s *films) viewer(ctx context.Context, f *film) (*viewer, error) {
	for {
		v, old, freed := s.seize(f)
		if old != nil {
			old.retire()
			s.free(old)
		}
		if v != nil {
			return v, nil
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// seize is viewer without waiting: nil, and what to wait for, if there is none to be had.
// Both the viewer and the old one in whose place it comes are held.
func (s *films) seize(f *film) (v, old *viewer, freed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.viewers, func(v *viewer) bool { return v.film == f })
	if at >= 0 {
		if v = s.viewers[at]; !v.try() {
			return nil, nil, s.freed
		}
		s.viewers = append(slices.Delete(s.viewers, at, at+1), v)
		return v, nil, nil
	}
	if len(s.viewers) >= mostViewers {
		at := slices.IndexFunc(s.viewers, (*viewer).try)
		if at < 0 {
			return nil, nil, s.freed
		}
		old = s.viewers[at]
		s.viewers = slices.Delete(s.viewers, at, at+1)
	}
	v = &viewer{films: s, film: f, busy: make(chan struct{}, 1), past: map[int][]byte{}}
	v.busy <- struct{}{}
	s.viewers = append(s.viewers, v)
	return v, old, nil
}

// free gives back a viewer.
func (s *films) free(v *viewer) {
	<-v.busy
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.freed)
	s.freed = make(chan struct{})
}

// close ends all decoders.
func (s *films) close() {
	s.mu.Lock()
	all := s.viewers
	s.viewers = nil
	s.mu.Unlock()
	for _, v := range all {
		v.busy <- struct{}{}
		v.retire()
		s.free(v)
	}
}

// viewer gives frames of a film by their numbers. It reads on from one to the next, and
// begins anew for one that it has passed.
type viewer struct {
	films *films
	film  *film
	small bool
	busy  chan struct{} // held by who uses what follows

	source video.Source
	next   int            // frame that comes next
	end    int            // frames that there are, 0 if that is not known
	past   map[int][]byte // frames that were shown, as JPEG
	shown  []int          // the order of past
	idle   *time.Timer
}

// try takes a viewer if nobody has it.
func (v *viewer) try() bool {
	select {
	case v.busy <- struct{}{}:
		return true
	default:
		return false
	}
}

// frame gives a frame as JPEG. busy is held.
func (v *viewer) frame(ctx context.Context, n int) ([]byte, error) {
	if b, ok := v.past[n]; ok {
		return b, nil
	}
	img, err := v.image(ctx, n)
	if err != nil {
		return nil, said(err, v.film.path, v.film.name)
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 85}); err != nil {
		return nil, err
	}
	v.past[n], v.shown = b.Bytes(), append(v.shown, n)
	if len(v.shown) > mostPast {
		delete(v.past, v.shown[0])
		v.shown = v.shown[1:]
	}
	return b.Bytes(), nil
}

// image reads on to a frame.
func (v *viewer) image(ctx context.Context, n int) (image.Image, error) {
	if n < 0 || v.end > 0 && n >= v.end {
		return nil, failure.Missingf("the video has no frame %d", n)
	}
	if v.source != nil && n < v.next {
		v.close()
	}
	if v.source == nil {
		if err := v.open(); err != nil {
			return nil, err
		}
	}
	if v.idle != nil {
		v.idle.Stop()
	}
	defer v.rest()
	for {
		f, err := v.source.Next(ctx)
		switch {
		case errors.Is(err, io.EOF):
			v.end = v.next
			v.close()
			return nil, failure.Missingf("the video has no frame %d", n)
		case err != nil && ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			v.close()
			return nil, recognize.Classify(err)
		}
		v.next = f.Index + 1
		if f.Index < n {
			v.source.Release(f)
			continue
		}
		i := v.source.Info()
		img := image.NewRGBA(image.Rect(0, 0, i.Width, i.Height))
		for k := range i.Width * i.Height {
			copy(img.Pix[4*k:4*k+3], f.Pixels[3*k:3*k+3])
			img.Pix[4*k+3] = 255
		}
		v.source.Release(f)
		return img, nil
	}
}

// open starts decoding from the beginning.
func (v *viewer) open() (err error) {
	if _, err := v.film.folder.video(v.film.name); err != nil {
		return err // it may have become a link elsewhere
	}
	v.next = 0
	v.source, err = video.Open(v.films.work, v.film.path, video.Options{MaxPixels: v.films.pixels, Ahead: 2, Fit: func(w, h int, pixels video.Shape) imagein.Geometry {
		f := film{info: video.Info{SourceWidth: w, SourceHeight: h, Shape: pixels}}
		sw, sh := f.shown()
		if v.small {
			k := max(1, float64(max(sw, sh))/thumbnailSize)
			sw, sh = max(1, int(float64(sw)/k+.5)), max(1, int(float64(sh)/k+.5))
		}
		return (&imagein.Preprocess{}).Geometry(image.Pt(w, h), 1, image.Pt(sw, sh))
	}})
	if err == nil && !v.small && !v.film.same(v.source.Info()) {
		v.close()
		return errChanged
	}
	return recognize.Classify(err)
}

// rest lets go of the decoder if no other frame is asked for in time. busy is held.
func (v *viewer) rest() {
	switch {
	case v.source == nil || v.busy == nil:
	case v.idle == nil:
		v.idle = time.AfterFunc(v.films.looking, func() {
			if v.try() { // or it is used, and rests afterwards
				v.close()
				v.films.free(v)
			}
		})
	default:
		v.idle.Reset(v.films.looking)
	}
}

// close ends decoding. busy is held.
func (v *viewer) close() {
	if v.source != nil {
		_ = v.source.Close() // nothing is read any more
		v.source = nil
	}
}

// retire ends a viewer that nobody finds any more. busy is held.
func (v *viewer) retire() {
	if v.idle != nil {
		v.idle.Stop()
	}
	v.close()
}

// said is an error that calls a file as clients do.
func said(err error, path, name string) error {
	if err == nil {
		return nil
	}
	return &renamed{err, path, name}
}

type renamed struct {
	error
	path, name string
}

func (e *renamed) Error() string { return strings.ReplaceAll(e.error.Error(), e.path, e.name) }
func (e *renamed) Unwrap() error { return e.error }

// video gives the path of a regular file of the folder. Decoders are other programs,
// which open files by their paths: that it leads to the file is looked at here.
func (f *folder) video(name string) (string, error) {
	file, err := f.open(name)
	if err != nil {
		return "", err
	}
	defer file.Close()
	path := f.path(name)
	mine, err := file.Stat()
	if err != nil {
		return "", errNoFile
	}
	theirs, err := os.Stat(path)
	if err != nil || !os.SameFile(mine, theirs) {
		return "", errNoFile
	}
	return path, nil
}
