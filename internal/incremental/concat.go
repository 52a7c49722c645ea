package incremental

import (
	"slices"

	"krypton/internal/engine"
	"krypton/internal/graph"
	"krypton/internal/op"
)

// concat lowers the concatenation of channels.
func (c *compiler) concat(n *graph.Node, o *op.Concat) (bool, error) {
	shape := c.shape(n.Out[0])
	_, plane, ok := rowsOf(shape)
	if !ok || o.Axis != 1 && o.Axis != 1-len(shape) {
		return false, nil
	}
	if len(n.In) == 1 {
		return c.alias(n, func(r *ref) (*ref, bool) { return r, true })
	}
	if done, err := c.concatConstants(n, plane); done || err != nil {
		return done, err
	}
	for _, id := range n.In {
		r := c.refs[id]
		if r == nil || c.p.values[r.value].host {
			return false, nil
		}
		if !c.asRows(id) { // whatever moves it can put them together
			return false, nil
		}
	}
	s := step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, spec: &engine.Concat{Out: plane}}
	for _, id := range n.In {
		src, _ := c.rows(id)
		s.in = append(s.in, src)
	}
	c.define(n.Out[0], c.emit(s, c.g.Values[n.Out[0]].Name, plane))
	return true, nil
}

// concatConstants lowers the concatenation of one value and constants, as of coordinates: the
// value's channels with zeros between, and the constants added.
func (c *compiler) concatConstants(n *graph.Node, plane engine.Plane) (bool, error) {
	value := -1
	for i, id := range n.In {
		if c.constant(id) != nil {
			continue
		}
		if value >= 0 {
			return false, nil
		}
		value = i
	}
	if value < 0 || plane.C > mostChannels {
		return false, nil
	}
	if r := c.refs[n.In[value]]; r == nil || c.p.values[r.value].host || !c.asRows(n.In[value]) {
		return false, nil
	}
	pick, added, at := &engine.Channels{}, make([]float32, plane.Len()), 0
	for i, id := range n.In {
		_, of, ok := rowsOf(c.shape(id))
		if !ok {
			return false, nil
		}
		for k := range of.C {
			if i == value {
				pick.Source = append(pick.Source, k)
			} else {
				pick.Source = append(pick.Source, -1)
			}
		}
		if i != value {
			f, err := c.constant(id).Floats()
			if err != nil {
				return false, nil
			}
			for k, v := range f {
				added[k%(of.H*of.W)*plane.C+at+k/(of.H*of.W)] = v
			}
		}
		at += of.C
	}
	src, ok := c.rows(n.In[value])
	if !ok {
		return false, nil
	}
	name := c.g.Values[n.Out[0]].Name
	v := c.emit(step{node: n.Name, operator: "(channels)", kind: op.Pointwise, in: []source{src}, spec: pick}, name, plane)
	b := &engine.Binary{Out: plane, Kind: [2]engine.Operand{engine.Full, engine.Full}, Const: [2][]float32{nil, added}}
	operation(b, &op.Elementwise{Name: "Add"})
	c.define(n.Out[0], c.emit(step{node: n.Name, operator: n.Def.Name, kind: op.Pointwise, in: []source{{v, plane}}, spec: b}, name, plane))
	return true, nil
}

// grow lets concatenations of which each begins with what another one has, as the layers
// of a dense block do, lie in the memory of the longest: every part is copied once. The
// shorter ones can be read where pixels need not lie together, which is what batch
// normalizations do.
func (c *compiler) grow() {
	p := c.p
	readers := c.p.readers()
	var ends []int          // concatenations that nothing goes on from yet
	before := map[int]int{} // the step that each goes on from
	for i := range p.steps {
		if _, ok := p.steps[i].spec.(*engine.Concat); !ok || !c.plainly(i) {
			continue
		}
		for k := len(ends) - 1; k >= 0; k-- {
			if have := c.begins(ends[k], i, readers); have > 0 {
				p.steps[i].have, before[i] = have, ends[k]
				ends = slices.Delete(ends, k, k+1)
				break
			}
		}
		ends = append(ends, i)
	}
	for _, end := range ends {
		for i, ok := before[end]; ok; i, ok = before[i] {
			p.values[p.steps[i].out].partOf = p.steps[end].out
			p.steps[i].grows, p.steps[end].grows = true, true
		}
	}
}

// plainly says whether a step reads its inputs as the planes that they are.
func (c *compiler) plainly(i int) bool {
	return !slices.ContainsFunc(c.p.steps[i].in, func(s source) bool { return c.p.values[s.value].plane != s.plane })
}

// begins says with how many of its inputs concatenation j begins with all of i, which
// nobody reads but j and what can read parts of pixels; 0 if it does not.
func (c *compiler) begins(i, j int, readers [][]int) int {
	a, b := &c.p.steps[i], &c.p.steps[j]
	have := len(a.in)
	switch {
	case b.in[0].value == a.out:
		have = 1
	case len(b.in) <= have || !slices.Equal(a.in, b.in[:have]):
		return 0
	}
	for _, r := range readers[a.out] {
		_, affine := c.p.steps[max(r, 0)].spec.(*engine.Affine)
		if r < 0 || r != j && !(affine && c.plainly(r)) || r == j && have != 1 {
			return 0
		}
	}
	for _, src := range b.in[1:] {
		if src.value == a.out {
			return 0
		}
	}
	return have
}

// producers are the steps that make values; inputs have none.
func (p *Plan) producers() map[int]int {
	steps := make(map[int]int, len(p.steps))
	for i := range p.steps {
		steps[p.steps[i].out] = i
	}
	return steps
}

// readers lists the steps that read each value, -1 for the model's outputs.
func (p *Plan) readers() [][]int {
	readers := make([][]int, len(p.values))
	for i := range p.steps {
		for _, src := range p.steps[i].in {
			readers[src.value] = append(readers[src.value], i)
		}
	}
	for _, o := range p.outputs {
		for _, v := range o.reads() {
			readers[v] = append(readers[v], -1)
		}
	}
	return readers
}

// concatInPlace lets convolutions whose only reader is a concatenation write
// where it wants their channels.
func (c *compiler) concatInPlace() {
	p := c.p
	readers := p.readers()
	convolved := map[int]bool{}
	for _, v := range c.pending {
		if !v.Depthwise() {
			convolved[p.steps[v.step].out] = true
		}
	}
	for i := range p.steps {
		s := &p.steps[i]
		if _, ok := s.spec.(*engine.Concat); !ok {
			continue
		}
		s.inPlace = make([]bool, len(s.in))
		if s.grows {
			continue
		}
		first := 0
		for k, src := range s.in {
			if v := &p.values[src.value]; convolved[src.value] && len(readers[src.value]) == 1 && v.plane == src.plane {
				v.partOf, v.offset, s.inPlace[k] = s.out, first, true
			}
			first += src.plane.C
		}
	}
}

// part says that a value of whole runs lies in the memory of a concatenation, from channel
// offset on; of is 0 if it does not.
type part struct{ of, offset int }

// inConcats finds what concatenations of whole runs need not copy: values that a convolution can
// write where the concatenation wants them though others read them too, all of whom can read
// parts of pixels. (In updates a value's region would become that of the concatenation.)
func (p *Plan) inConcats() []part {
	parts := make([]part, len(p.values))
	readers, producer := p.readers(), p.producers()
	for i := range p.steps {
		s := &p.steps[i]
		if _, ok := s.prim.(*engine.Concat); !ok || s.grows || p.values[s.out].partOf != 0 {
			continue
		}
		first := 0
		for _, src := range s.in {
			v := &p.values[src.value]
			of := parts[src.value].of
			made, ok := producer[src.value]
			if ok && of == 0 && v.partOf == 0 && !v.inner && v.plane == src.plane && p.steps[made].writesParts() &&
				p.readInParts(src.value, i, readers[src.value]) {
				parts[src.value] = part{s.out, first}
			}
			first += src.plane.C
		}
	}
	return parts
}

// readInParts says whether all readers of a value can read parts of pixels, but for
// concatenation i, which reads it once.
func (p *Plan) readInParts(value, i int, readers []int) bool {
	times := 0
	for _, r := range readers {
		if r == i {
			times++
			continue
		}
		if r < 0 || !p.steps[r].readsParts() || p.steps[r].in[0].plane != p.values[value].plane {
			return false
		}
	}
	return times == 1
}

// writesParts says whether a step can write its output's pixels apart.
func (s *step) writesParts() bool {
	if s.joined {
		return false
	}
	switch s.prim.(type) {
	case *engine.Conv, *engine.Winograd, *engine.Depthwise:
		return true
	}
	return false
}

// readsParts says whether a step can read its only input's pixels apart.
func (s *step) readsParts() bool {
	if len(s.in) != 1 {
		return false
	}
	switch prim := s.prim.(type) {
	case *engine.Depthwise:
		return true
	case *engine.Conv:
		return prim.Group == 1 && prim.X.Kernel == 1
	}
	return false
}

// gatherParts moves the parts of a concatenation right before it, where all that
// they read is known: so the region of the whole can be found before any part is
// computed, even if regions depend on values.
func (c *compiler) gatherParts() {
	p := c.p
	parts := map[int][]int{} // steps, by the concatenation's value
	for i := range p.steps {
		if of := p.values[p.steps[i].out].partOf; of != 0 {
			parts[of] = append(parts[of], i)
		}
	}
	var order []int
	for i := range p.steps {
		if p.values[p.steps[i].out].partOf == 0 {
			order = append(append(order, parts[p.steps[i].out]...), i)
		}
	}
	steps, at := make([]step, 0, len(order)), make([]int, len(order))
	for _, i := range order {
		at[i] = len(steps)
		steps = append(steps, p.steps[i])
	}
	for of, group := range parts {
		first := at[group[0]]
		steps[first].group = len(group) + 1
		if steps[first+len(group)].out != of {
			panic("parts of a concatenation that does not follow them")
		}
	}
	p.steps = steps
	for _, v := range c.pending {
		v.step = at[v.step]
	}
}
