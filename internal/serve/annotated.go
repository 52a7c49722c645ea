package serve

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"krypton/internal/failure"
	"krypton/internal/framelabels"
	"krypton/internal/orv"
	"krypton/internal/recognize"
	"krypton/internal/video"
)

// mostDrawn is how many videos are drawn into at once: each keeps a decoder and an encoder
// busy.
const mostDrawn = 2

// containers are the endings of annotated videos; all but the last need ffmpeg.
var containers = []string{".mp4", ".mkv", ".mov", ".avi"}

// annotated is the file of an annotated video that this machine can make.
func annotated() string {
	if video.HasFFmpeg(video.Options{}) {
		return "annotated" + containers[0]
	}
	return "annotated" + containers[len(containers)-1]
}

// isAnnotated says whether a file of a recognition is the video with its results drawn in.
func isAnnotated(name string) bool {
	ending, ok := strings.CutPrefix(name, "annotated")
	return ok && slices.Contains(containers, ending)
}

// sendAnnotated draws the results of a recognition into its video, as the command line
// does, and sends that. It is made anew for whoever asks, and not kept.
func (s *Server) sendAnnotated(w http.ResponseWriter, r *http.Request, p *recognition, name string) error {
	c := http.NewResponseController(w)
	_ = c.SetReadDeadline(time.Time{}) // it may take long until there is something to send
	_ = c.SetWriteDeadline(time.Time{})
	select {
	case s.drawing <- struct{}{}:
		defer func() { <-s.drawing }()
	case <-r.Context().Done():
		return context.Cause(r.Context())
	}
	dir, err := os.MkdirTemp("", "krypton-serve-")
	if err != nil {
		return failure.As(failure.Temporary, err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, name)
	if err := p.annotate(r.Context(), path, r.URL.Query().Get("regions") == "true"); err != nil {
		return said(said(err, p.film.path, p.film.name), path, name)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_ = c.SetWriteDeadline(time.Now().Add(transfer))
	w.Header().Set("Content-Disposition", "attachment")
	http.ServeContent(w, r, name, time.Time{}, f)
	return nil
}

// annotate writes the video with its results drawn in to path. It is called when all
// frames are there, and under the labels' use.
func (r *recognition) annotate(ctx context.Context, path string, regions bool) error {
	if _, err := r.film.folder.video(r.film.name); err != nil {
		return err // it may have become a link elsewhere
	}
	a, err := r.rec.Annotate(ctx, recognize.Annotation{
		Video: r.film.path, Reading: r.opt,
		Same: func(i video.Info) error {
			if !r.film.same(i) {
				return errChanged
			}
			return nil
		},
		Name: r.film.name, Geometry: &r.geometry,
		File: path, Regions: regions,
	})
	if err != nil {
		return err
	}
	_, err = framelabels.Scan(r.labels.whole(), r.header.Fingerprint, func(f *framelabels.Result) error {
		if regions && f.How != string(orv.Skip) {
			if f.Moved, err = r.mask(f.Frame); err != nil {
				return err
			}
		}
		return a.Write(f)
	})
	if err != nil {
		a.Abort()
		return recognize.Classify(err)
	}
	return a.Close()
}
