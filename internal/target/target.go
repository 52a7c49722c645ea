// Package target says what a map is of: one number, or some, that are made of a
// network's outputs, on the clean picture and behind a patch at each position.
//
// A new kind of target is two small types and an optional third:
//
//   - a Target, a plain value that knows the model and no picture: which outputs it
//     reads, what it was asked for. Its constructor checks what can be known before a
//     picture is there;
//   - a Bound, what Bind makes of it on one clean picture: the items to map (the class
//     that wins there, the boxes that are found there) and whatever is compared with
//     later (the clean mask, the clean vector). It does not change once it is made, and
//     several goroutines share it;
//   - a Scorer, which Bound.Scorer makes for each goroutine, with the memory that it
//     needs, so that Score allocates nothing. One that is a Follower too is told what changed.
//
// Score is a function of the outputs alone, in one fixed order of arithmetic: then a map
// is bit for bit what whole runs at every position give. What the clean picture's outputs
// give is its base: Bind need not compute that.
package target

import "krypton/internal/region"

// Target is a question to some of a model's outputs. It does not change, and belongs to
// the model: it knows no picture. Outputs and a Crew put it to the outputs of a plan.
type Target interface {
	// Kind names what is mapped, for records.
	Kind() Kind
	// Reads lists the outputs that are read, as incremental.Plan.Outputs counts them.
	Reads() []int
	// Bind looks at the clean picture's outputs, one for each of Reads, in ONNX order,
	// which may be kept. It fails where what was asked for is not there.
	Bind(clean [][]float32) (Bound, error)
}

// Bound is a target on one clean picture. It does not change.
type Bound interface {
	// Items are what there is a map of, at least one.
	Items() []Item
	// Scorer makes a scorer for one goroutine.
	Scorer() Scorer
}

// Scorer makes numbers of outputs. It is for one goroutine at a time.
type Scorer interface {
	// Score writes a number for each item to dst, given outputs as Bind was, valid
	// during the call. It returns the class that is best there, or None.
	Score(dst []float32, outs [][]float32) (winner int32)
}

// Follower is a Scorer that need not look at all of the outputs to see what changed.
type Follower interface {
	Scorer
	// ScoreChanged is Score, bit for bit, of outputs that have the bits of the clean
	// picture's but for some spans of their numbers, which do not overlap: those of each
	// output.
	ScoreChanged(dst []float32, outs [][]float32, changed [][]region.Span) (winner int32)
}

// Scored is a Bound that has scores of classes on the clean picture.
type Scored interface {
	Bound
	// Scores are those of all classes.
	Scores() []float32
}

// Scores are those of all classes on the clean picture, nil where there are none.
func Scores(b Bound) []float32 {
	if s, ok := b.(Scored); ok {
		return s.Scores()
	}
	return nil
}

// None is the winner of targets that know none.
const None = -1

// Item is what one map is of.
type Item struct {
	// Index is a class, a component of a vector, a box: whatever the target counts.
	Index int
	// Name and Unit are empty if there is none.
	Name, Unit string
}

// Kind is what sort of thing is mapped.
type Kind string

// The kinds.
const (
	// ClassKind is the score of a class.
	ClassKind Kind = "class"
	// SegmentKind is how surely, or how well, pixels are a class's.
	SegmentKind Kind = "segment"
	// NumberKind is a quantity.
	NumberKind Kind = "number"
	// FeaturesKind is how like another a vector is.
	FeaturesKind Kind = "features"
)

// Narrower is a target that can be asked for a single one of its items.
type Narrower interface {
	Target
	// Narrow is the target of that item alone, on any picture.
	Narrow(Item) Target
}

// Narrow is the target of one item alone, or t where it has no others.
func Narrow(t Target, item Item) Target {
	if n, ok := t.(Narrower); ok {
		return n.Narrow(item)
	}
	return t
}
