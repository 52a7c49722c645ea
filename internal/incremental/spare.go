package incremental

import (
	"sync"

	"krypton/internal/pages"
)

// spare is memory that is done with: the next map's, which asks for as much,
// need not be fetched from the system page by page. Plans made from one another
// share it.
type spare struct {
	mu      sync.Mutex
	workers []*worker
	views   [][]float32 // of one Views, by value
	bases   [][]float32 // the same
}

// worker gives one ready to run on views, with the memory of an earlier one if
// there is any.
func (p *Plan) worker(v *Views, policy Policy) *worker {
	p.spare.mu.Lock()
	defer p.spare.mu.Unlock()
	n := len(p.spare.workers)
	if n == 0 {
		return newWorker(p, v, policy)
	}
	w := p.spare.workers[n-1]
	p.spare.workers = p.spare.workers[:n-1]
	w.plan, w.views, w.policy = p, v, policy
	for i := range w.memory {
		m := &w.memory[i]
		for len(m.of) < p.slots {
			m.of = append(m.of, nil)
		}
	}
	return w
}

// release keeps a worker's memory for the next one.
func (w *worker) release() {
	s := w.plan.spare
	w.views, w.policy, w.thresholds = nil, nil, thresholds{}
	clear(w.hosts)
	clear(w.ins[:cap(w.ins)])
	clear(w.jobs[:cap(w.jobs)])
	for i := range w.outputs {
		w.outputs[i].begun = false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workers = append(s.workers, w)
}

// allocate gives memory for the views, and for the bases of steps that compute
// differences: not zeroed, and in one piece but for what earlier ones have left.
func (p *Plan) allocate(v *Views) {
	p.spare.mu.Lock()
	defer p.spare.mu.Unlock()
	each := func(f func(to *[]float32, kept [][]float32, value int)) {
		for i := range p.steps {
			s := &p.steps[i]
			if s.reference == nil && p.values[s.out].partOf == 0 {
				f(&v.data[s.out], p.spare.views, s.out)
			}
			if p.based(s) {
				f(&v.base[s.out], p.spare.bases, s.out)
			}
		}
	}
	room := func(value int) int { return wholeVectors(p.values[value].plane.Len()) }
	all := 0
	each(func(to *[]float32, kept [][]float32, value int) {
		if n := p.values[value].plane.Len(); value < len(kept) && cap(kept[value]) >= n {
			*to, kept[value] = kept[value][:n], nil
		} else {
			all += room(value)
		}
	})
	space := pages.Numbers(all)
	each(func(to *[]float32, _ [][]float32, value int) {
		if *to == nil {
			n := p.values[value].plane.Len()
			*to, space = space[:n:n], space[room(value):]
		}
	})
}

// wholeVectors is the room for n numbers where the next ones begin where the widest
// vectors do.
func wholeVectors(n int) int { return (n + 15) &^ 15 }

// Release says that the views, which p materialized, are not used any more: their
// memory is taken for the next ones. The input is not.
func (p *Plan) Release(v *Views) {
	p.spare.mu.Lock()
	defer p.spare.mu.Unlock()
	if len(p.spare.views) < len(v.data) {
		p.spare.views, p.spare.bases = make([][]float32, len(v.data)), make([][]float32, len(v.data))
	}
	for i := range p.steps {
		s := &p.steps[i]
		if s.reference == nil && p.values[s.out].partOf == 0 {
			p.spare.views[s.out], v.data[s.out] = v.data[s.out], nil
		}
		p.spare.bases[s.out], v.base[s.out] = v.base[s.out], nil
	}
}
