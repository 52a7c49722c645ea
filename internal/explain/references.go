package explain

import (
	"slices"
	"sync"

	"krypton/internal/incremental"
)

// References remembers the vectors that the features of the latest questions were compared
// with, so that a picture of a source that has a key is not run again for each question
// about it. Several goroutines may use it; nil remembers nothing.
type References struct {
	mu    sync.Mutex
	known []remembered // the latest last
}

// mostReferences bounds how many are remembered.
const mostReferences = 8

// comparison is what a vector is of.
type comparison struct {
	key    string
	plan   *incremental.Plan
	output int
	part   string
}

// remembered is a vector that features are compared with, not to be written.
type remembered struct {
	of     comparison
	vector []float32
	from   referred
}

func (r *References) get(of comparison) *remembered {
	if r == nil || of.key == "" {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.known, func(c remembered) bool { return c.of == of })
	if i < 0 {
		return nil
	}
	found := r.known[i]
	r.known = append(slices.Delete(r.known, i, i+1), found)
	return &found
}

func (r *References) put(c remembered) {
	if r == nil || c.of.key == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = append(r.known, c)
	r.known = r.known[max(0, len(r.known)-mostReferences):]
}
