package obe

import (
	"fmt"

	"krypton/internal/incremental"
	"krypton/internal/target"
)

// asker answers positions: by whose plan and views, and who makes scores of the outputs.
// It is made once for a map, for all classes or for those of a shortlist.
type asker struct {
	*target.Crew
	plan  *incremental.Plan
	views *incremental.Views
}

// newAsker is that of all that the target reads. clean are the clean image's outputs.
func (t *Task) newAsker(views *incremental.Views, moved target.Mover, bound target.Bound, clean [][]float32) *asker {
	crew := target.NewCrew(t.Target, t.Plan, bound, clean, moved, t.Workers)
	crew.Follow(t.Plan)
	return &asker{crew, t.Plan, views}
}

// outputs are the numbers of a run that the target reads, one slice for each.
func (t *Task) outputs(p *incremental.Plan, v *incremental.Views) ([][]float32, error) {
	outs, err := target.Outputs(t.Target, p, v)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrTask, err)
	}
	return outs, nil
}
