package tune

import (
	"fmt"
	"strconv"
	"strings"
)

// Table is everything that was measured: a head, and a row for each point.
func Table(all []Point) [][]string {
	rows := [][]string{{"tau", "epsilon", "gates", "shortlist", "steps", "checkerboard", "drill_down", "speedup", "ssim", "ssim_paper", "worst", "rank", "top_decile"}}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	for _, q := range all {
		rows = append(rows, []string{
			number(q.Tau),
			number(q.Epsilon),
			number(q.Gates),
			strconv.Itoa(q.Shortlist),
			strings.Trim(fmt.Sprint(q.Steps), "[]"),
			strconv.FormatBool(q.Checkerboard),
			number(q.DrillDown),
			number(q.Speedup),
			number(q.SSIM),
			number(q.SSIMPaper),
			number(q.Worst),
			number(q.Rank),
			number(q.TopDecile),
		})
	}
	return rows
}
