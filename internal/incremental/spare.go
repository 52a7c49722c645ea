package incremental

import "sync"

// spare is memory that is done with: the next map's, which asks for as much,
// need not be fetched from the system page by page. Plans made from one another
// share it.
type spare struct {
	mu      sync.Mutex
	workers []*worker
	views   [][]float32 // of one Views, by value
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

// buffer gives memory for the view of value v: not zeroed.
func (p *Plan) buffer(v int) []float32 {
	n := p.values[v].plane.Len()
	p.spare.mu.Lock()
	defer p.spare.mu.Unlock()
	if v < len(p.spare.views) {
		if b := p.spare.views[v]; cap(b) >= n {
			p.spare.views[v] = nil
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
		p.spare.views = make([][]float32, len(v.data))
	}
	for i := range p.steps {
		if s := &p.steps[i]; s.reference == nil && p.values[s.out].partOf == 0 {
			p.spare.views[s.out], v.data[s.out] = v.data[s.out], nil
		}
	}
}
