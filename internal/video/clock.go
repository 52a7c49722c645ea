package video

import "fmt"

// clock has ffmpeg hand over frames with the times that the container gives them.
// Left to itself ffmpeg rounds times to frames of the rate that it guesses, which
// moves them, and refuses those that fall together.
//
// Frames of the same time, which containers with coarse times have, are told apart
// within a tick of the container's: ffmpeg's writers refuse equal times. Those that
// go back are left as they are, to be refused.
type clock struct {
	base  ratio // the container's ticks
	fine  ratio // those that are handed over: parts of base
	parts int64 // of a tick of base
}

// unknownBase is taken where the container's ticks are not known: those of MPEG-TS,
// of milliseconds and of microseconds are multiples of it.
var unknownBase = ratio{1, 9e6}

// finest bounds what a second is divided into.
const finest = 1 << 30

func newClock(s *streamInfo) clock {
	c := clock{base: unknownBase, parts: 1}
	if s != nil && s.base.valid() {
		c.base = s.base
	}
	for c.base.den*c.parts*2 <= finest && c.parts < 1<<16 {
		c.parts *= 2
	}
	c.fine = ratio{c.base.num, c.base.den * c.parts}
	return c
}

// filter is what stands in front of other filters. Comparing with the time of a frame
// that was never there gives 0.
func (c *clock) filter() string {
	text := fmt.Sprintf("settb=%d/%d,", c.fine.num, c.fine.den)
	if c.parts > 1 {
		text += fmt.Sprintf("setpts='if(gte(PREV_OUTPTS,PTS)*lt(PREV_OUTPTS-PTS,%d),PREV_OUTPTS+1,PTS)',", c.parts-1)
	}
	return text
}
