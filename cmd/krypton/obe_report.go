package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"krypton/internal/number"
)

// report says in words, or as JSON, what was done.
func (run *obeRun) report(o *outcome) error {
	r := o.answer.Printed(o.imprint)
	if run.asJSON {
		if o.target == "-" {
			return nil // stdout carries the picture
		}
		return json.NewEncoder(run.io.out).Encode(r.Summary())
	}
	if run.quiet {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", o.label, r.Title())
	fmt.Fprintf(&b, "; %d positions in %.2f s", r.Positions, r.SecondsMap)
	if fewer := number.Ratio(float64(r.MultiplyAddsWhole), float64(r.MultiplyAddsSpent)); fewer.Finite() {
		fmt.Fprintf(&b, ", %.1f times fewer multiply-adds than running the network each time", fewer)
	}
	fmt.Fprintf(&b, " (activation %s: %s; preprocessing %s/%s)", r.Activation, r.ActivationReason, run.job.Model().Preset, r.Preprocess["resize"])
	if r.Flips > 0 {
		fmt.Fprintf(&b, "; another class wins at %d positions", r.Flips)
	}
	if r.Verified > 0 {
		fmt.Fprintf(&b, "; %d positions verified bit for bit", r.Verified)
	}
	if r.Approximated != nil {
		fmt.Fprintf(&b, "\n  approximate: %s", r.Approximated.Text())
	}
	if r.Compare != nil {
		fmt.Fprintf(&b, "\n  %s", r.Compare.Text())
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\n  note: %s", n)
	}
	if out := o.outputs(); o.target == "" {
		fmt.Fprintf(&b, "\n  wrote %s", strings.Join(out, ", "))
	} else if o.target != "-" {
		fmt.Fprintf(&b, "\n  wrote %s", o.target)
	}
	fmt.Fprintln(run.io.err, printable(b.String()))
	return nil
}
