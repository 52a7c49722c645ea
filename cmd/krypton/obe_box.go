package main

import (
	"github.com/spf13/pflag"

	"krypton/internal/detect"
	"krypton/internal/explain"
)

// boxOptions are the flags of detectors.
type boxOptions struct {
	boxes         []string
	minScore, iou float64
}

func (o *boxOptions) addFlags(f *pflag.FlagSet) {
	f.StringSliceVar(&o.boxes, "box", []string{"best"}, "detectors: `boxes` to map: best, topN, all, a number as they are listed, or a class by its label (label:NAME, index:N); false draws where boxes appear that are not there")
	f.Float64Var(&o.minScore, "min-score", detect.DefaultMinScore, "detectors: lowest score of a box (default: what the description of the head says)")
	f.Float64Var(&o.iou, "iou", detect.DefaultIoU, "detectors: overlap from which on the weaker of two boxes of a class goes, 0 for never (default: what the description of the head says; 0 where boxes come chosen)")
}

// ask puts what was given into a question.
func (o *boxOptions) ask(s *settings, q *explain.Question) {
	q.Boxes, q.MinScore, q.IoU = o.asked(s)
}

// asked is what was given, nil for what was not.
func (o *boxOptions) asked(s *settings) (boxes []string, minScore, iou *float64) {
	if s.given("box") {
		boxes = o.boxes
	}
	return boxes, given(s, "min-score", o.minScore), given(s, "iou", o.iou)
}
