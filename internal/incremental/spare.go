package incremental

import "sync"

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
	for len(w.slots) < p.slots {
		w.slots = append(w.slots, nil)
	}
	return w
}

// release keeps a worker's memory for the next one.
func (w *worker) release() {
	s := w.plan.spare
	w.views, w.policy, w.energy = nil, nil, nil
	clear(w.hosts)
	clear(w.ins[:cap(w.ins)])
	clear(w.jobs[:cap(w.jobs)])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.workers = append(s.workers, w)
}

// buffer gives memory for the view of value v, or for its base: not zeroed.
func (p *Plan) buffer(v int, base bool) []float32 {
	n := p.values[v].plane.Len()
	p.spare.mu.Lock()
	defer p.spare.mu.Unlock()
	kept := p.spare.views
	if base {
		kept = p.spare.bases
	}
	if v < len(kept) {
		if b := kept[v]; cap(b) >= n {
			kept[v] = nil
			return b[:n]
		}
	}
	return make([]float32, n)
}

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
