package main

import (
	"fmt"

	"krypton/internal/incremental"
)

// checkMemory fails before any work if a map is known to need more than --memory: its
// views, its scores, and updates of one position for each worker.
func (j *job) checkMemory() error {
	p := j.model.Plan
	updates := int64(0)
	for _, g := range j.grids {
		updates = max(updates, p.PositionBytes(g.Rect(g.Len()/2))*int64(j.threads))
	}
	views, scores := j.views(), j.scoreBytes()
	if left := workingMemory(j.memory, views+scores); left < updates && !j.dryRun {
		return fmt.Errorf("%w: beside %d MiB for the program and its weights, views take %d MiB, scores of %d classes at %d positions %d MiB, and one position on each of %d threads %d KiB: --memory is %d MiB",
			incremental.ErrMemory, residentMemory()>>20, views>>20, j.classes.count(j.numbers()), j.positions(), scores>>20, j.threads, updates>>10, j.memory>>20)
	}
	return nil
}

// numbers is how many the output has; 1 where that depends on data.
func (j *job) numbers() int {
	n := 1
	for _, d := range j.model.Plan.OutputShape(j.output) {
		n *= d
	}
	return n
}

// scoreBytes is what the scores of a picture's maps take: as they are computed, in the
// record, and for each class what names it there and in summaries, as JSON.
func (j *job) scoreBytes() int64 {
	const forClass, forRow, forPosition = 512, 24, 8
	each := int64(0)
	for _, v := range j.variants() {
		each += forClass + forRow*int64(len(v.grid.Ys)) + forPosition*int64(v.grid.Len())
	}
	if len(j.grids) > 1 { // their mean is of pixels
		plane := j.model.Plan.InputPlane()
		each += forPosition * int64(plane.H) * int64(plane.W)
	}
	return each * int64(j.classes.count(j.numbers()))
}
