package serve

import "context"

// mapping is a map under way, or one that is there.
type mapping struct {
	*job
	ask     *ask
	picture *picture

	// What follows is under the job's lock.
	clean   *clean
	patches *patches // nil if they lie on grids
	total   int      // positions, about until clean is there
	// order lists the positions that are there, as they came; scores has so many
	// numbers for each of them as classes are mapped, winners one.
	order   []int32
	scores  []float32
	winners []int32
	count   int // that are done, also without a score of their own
	answer  *answer
}

// compute implements piece.
func (m *mapping) compute(ctx context.Context) error {
	if err := m.begin(ctx); err != nil {
		return err
	}
	in, err := m.ask.read(ctx, m.picture)
	if err != nil {
		return err
	}
	a, err := m.ask.compute(ctx, m.picture, in, events{
		clean: func(c *clean, of *patches, positions int) {
			m.change(func() { m.clean, m.patches, m.total = c, of, positions })
		},
		answered: m.answered,
		progress: func(done int) {
			m.change(func() { m.count = max(m.count, done) })
			_ = m.seat.wait(ctx) // the work itself looks whether it is to end
		},
	})
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answer = a
	return nil
}

// answered takes the scores of a position.
func (m *mapping) answered(i int, scores []float32, winner int32) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.order = append(m.order, int32(i))
	m.scores = append(m.scores, scores...)
	m.winners = append(m.winners, winner)
}

// ended implements piece.
func (m *mapping) ended() {
	if m.state == done {
		m.order, m.scores, m.winners = nil, nil, nil // the answer has them
	}
}

// stub is what work takes of which nothing came.
const stub = 4 << 10

// kept implements piece.
func (m *mapping) kept() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case !m.state.over():
		return 0
	case m.answer == nil:
		return stub
	}
	return stub + m.answer.bytes()
}

// forgotten implements piece.
func (m *mapping) forgotten() {}

// part is a piece of a growing map.
type part struct {
	far
	At    string `json:"positions"` // int32, little-endian, base64
	Score string `json:"scores"`    // float32 the same way: for each position one for each class
	Wins  string `json:"winners"`   // int32: the best class at each position
}

// look implements piece: "clean" as soon as that is known, "part" again and again, then
// "done", "failed" or "cancelled".
func (m *mapping) look(from int) look {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := part{far: m.far(m.count, m.total, m.ask.seconds())}
	l := look{next: from, changed: m.changed, over: m.state.over()}
	if m.clean != nil {
		l.head = &told{"clean", m.clean}
	}
	switch {
	case m.state == done:
		l.news = &told{"done", m.answer.answer.Record().Summary()}
		return l
	case l.over:
		l.news = &told{string(m.state), p}
		return l
	}
	p.First, l.next = min(max(0, from), len(m.order)), len(m.order)
	if n, from := l.next, p.First; n > from {
		k := len(m.scores) / n
		p.At, p.Wins = ints(m.order[from:]), ints(m.winners[from:])
		p.Score = floats(m.scores[from*k:])
	}
	l.news = &told{"part", p}
	return l
}
