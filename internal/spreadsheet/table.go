package spreadsheet

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// CSV writes rows of cells, the first of which is the head.
func CSV(w io.Writer, rows [][]string) error { return csv.NewWriter(w).WriteAll(rows) }

// Text writes rows for people, in columns.
func Text(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	return t.Flush() // a tabwriter keeps the first error
}

// Markdown writes rows, the first of which is the head, as a table in Markdown whose
// columns are straight in plain text too.
func Markdown(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 4, 1, ' ', 0)
	line := func(cells []string) {
		fmt.Fprint(t, "|")
		for _, c := range cells {
			fmt.Fprintf(t, " %s\t|", c)
		}
		fmt.Fprintln(t)
	}
	for i, r := range rows {
		line(r)
		if i == 0 {
			line(slices.Repeat([]string{"---"}, len(r)))
		}
	}
	return t.Flush()
}
