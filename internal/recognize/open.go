package recognize

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"image"
	"io"
	"io/fs"
	"os"
	"sync"
	"time"

	"krypton/internal/detect"
	"krypton/internal/failure"
	"krypton/internal/imagein"
	"krypton/internal/video"
)

// Classify gives an error of a video, or of what a network says about it, its kind.
func Classify(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist):
		return failure.As(failure.Missing, err)
	case errors.Is(err, video.ErrNetwork):
		return failure.As(failure.Usage, err)
	case errors.Is(err, video.ErrStalled), errors.Is(err, video.ErrBusy):
		return failure.As(failure.Temporary, err)
	case errors.Is(err, detect.ErrHead), errors.Is(err, video.ErrUnusable), errors.Is(err, video.ErrIncomplete), errors.Is(err, video.ErrNoFFmpeg):
		return failure.As(failure.Data, err)
	}
	return err
}

// Film is an open video, whose frames come in the size that the network wants.
type Film struct {
	// Name is the video's in records and messages.
	Name string
	video.Source
	// Identity is what tells the video from others besides Source.Info, as JSON has it.
	Identity []any
	// Opening is what opening it took, once the job was prepared.
	Opening time.Duration
	// Turn, if set, is where those who share the processors take turns, see orv.Options.
	Turn func(ctx context.Context) (over func(), err error)

	cancel context.CancelFunc
}

// Close ends decoding.
func (f *Film) Close() error {
	err := f.Source.Close()
	if f.cancel != nil {
		f.cancel()
	}
	return err
}

// Open opens a video while the job is prepared that its frames are for: both, or
// neither. ffmpeg takes some tenths of a second to start and to look into a file, and
// loading a model as many; what the frames are to be is known once both are. Other
// sources than files may have to be waited for: they come after the job.
func Open(ctx context.Context, name string, opt video.Options, prepare func() (*Job, error)) (*Job, *Film, error) {
	job := sync.OnceValues(prepare)
	opt.Fit = func(w, h int, pixels video.Shape) imagein.Geometry {
		j, err := job() // waits until it is there
		if err != nil {
			return (&imagein.Preprocess{}).Geometry(image.Pt(w, h), 1, image.Pt(w, h)) // the video is closed at once
		}
		return j.Geometry(w, h, pixels)
	}
	ctx, cancel := context.WithCancel(ctx)
	type opened struct {
		source video.Source
		err    error
	}
	done := make(chan opened, 1)
	open := func() {
		source, err := video.Open(ctx, name, opt)
		done <- opened{source, err}
	}
	file, err := os.Stat(name) // what is wrong with it, video.Open says
	early := err == nil && file.Mode().IsRegular()
	if early {
		go open()
	}
	j, err := job()
	if err != nil {
		cancel()
		if early {
			if o := <-done; o.err == nil {
				_ = o.source.Close() // nothing was read
			}
		}
		return nil, nil, err
	}
	start := time.Now()
	if !early {
		open()
	}
	o := <-done
	if o.err != nil {
		cancel()
		return nil, nil, Classify(o.err)
	}
	f := &Film{Name: name, Source: o.source, Opening: time.Since(start), cancel: cancel}
	if f.Identity, err = identity(name); err != nil {
		_ = f.Close() // nothing was read
		return nil, nil, err
	}
	return j, f, nil
}

// identity is what tells a regular file from others: its size, and a digest of its first
// and last megabyte, enough to tell videos apart without reading all of them.
func identity(name string) ([]any, error) {
	const part = 1 << 20
	st, err := os.Stat(name)
	if err != nil || !st.Mode().IsRegular() {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	h := sha256.New()
	for _, at := range []int64{0, max(0, st.Size()-part)} {
		if _, err := io.Copy(h, io.NewSectionReader(f, at, part)); err != nil {
			return nil, err
		}
	}
	return []any{st.Size(), hex.EncodeToString(h.Sum(nil))}, nil
}
