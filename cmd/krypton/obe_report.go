package main

import (
	"encoding/json"
	"fmt"
	"strings"
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
	fmt.Fprintf(&b, "%s: %s", o.label, r.Text(run.job.Model().Preset))
	if out := o.outputs(); o.target == "" {
		fmt.Fprintf(&b, "\n  wrote %s", strings.Join(out, ", "))
	} else if o.target != "-" {
		fmt.Fprintf(&b, "\n  wrote %s", strings.Join(append([]string{o.target}, o.more...), ", "))
	}
	fmt.Fprintln(run.io.err, printable(b.String()))
	return nil
}
