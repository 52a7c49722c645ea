package main

import (
	"fmt"

	"krypton/internal/incremental"
	"krypton/internal/orv"
)

// checkMemory fails before any frame is answered if a run is known to need more than
// --memory: the layers' outputs of each session, and frames on their way from the
// decoder and to the annotated video.
func (j *orvJob) checkMemory(limit int64) error {
	sessions := int64(orv.SessionsFor(j.threads, orv.SegmentOf(j.options.Mode, j.refresh)))
	views := sessions * j.model.Plan.ViewBytes()
	frames := int64(framesAhead) * 3 * int64(j.geometry.Scaled.X) * int64(j.geometry.Scaled.Y)
	if j.annotate != "" {
		frames += (framesAhead + 2) * 3 * int64(j.info.Width) * int64(j.info.Height)
	}
	if held := residentMemory(); held+views+frames > limit {
		return fmt.Errorf("%w: beside %d MiB for the program and its weights, layers' outputs of %d sessions take %d MiB, and frames on their way %d MiB: --memory is %d MiB",
			incremental.ErrMemory, held>>20, sessions, views>>20, frames>>20, limit>>20)
	}
	return nil
}
