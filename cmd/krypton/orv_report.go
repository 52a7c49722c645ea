package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"krypton/internal/framelabels"
	"krypton/internal/recognize"
)

// report says in words, or as JSON, what was done.
func (j *orvJob) report(r *recognize.Recognition, h framelabels.Header, s *recognize.Summary) error {
	sum := r.Report(h, s)
	if j.asJSON {
		to := j.io.out
		if j.out == "-" {
			to = j.io.err // standard output has the frames
		}
		return json.NewEncoder(to).Encode(sum)
	}
	if j.quiet {
		return nil
	}
	var b strings.Builder
	b.WriteString(sum.Text())
	if base := j.base(); base != "-" {
		for _, f := range strings.Split(j.formats, ",") {
			fmt.Fprintf(&b, "\n  wrote %s", base+framelabels.Ending(strings.TrimSpace(f)))
		}
		if j.annotate != "" {
			fmt.Fprintf(&b, "\n  wrote %s", j.annotate)
		}
	}
	fmt.Fprintln(j.io.err, printable(b.String()))
	return nil
}
