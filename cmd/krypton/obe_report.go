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
	if out := o.outputs(); len(out) == 0 && o.target == "" {
		// A window's, which is written together with the others.
	} else if o.target == "" {
		fmt.Fprintf(&b, "\n  wrote %s", listed(out))
	} else if o.target != "-" {
		fmt.Fprintf(&b, "\n  wrote %s", listed(append([]string{o.target}, o.more...)))
	}
	fmt.Fprintln(run.io.err, printable(b.String()))
	return nil
}

// listed are files in a message.
func listed(files []string) string { return strings.Join(files, ", ") }
