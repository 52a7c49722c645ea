package bench

import (
	"fmt"
	"io"
	"text/tabwriter"

	"krypton/internal/labels"
	"krypton/internal/number"
)

// Row is one model's measurement. Seconds are the best of all rounds where
// their name does not say median, and those of maps are for all positions.
type Row struct {
	Model   string `json:"model"`
	Kernels string `json:"kernels"`
	Threads int    `json:"threads"`
	// PeakGFLOPs is the measured peak of one core times the threads.
	PeakGFLOPs float64 `json:"peak_gflops"`

	// Whole is one run of the network on one picture with all threads.
	Whole        float64       `json:"seconds_whole"`
	WholeMedian  float64       `json:"seconds_whole_median"`
	WholeRuns    int           `json:"whole_runs"`
	WholeGFLOPs  number.Double `json:"gflops_whole"`
	WholePeak    number.Double `json:"share_of_peak_whole"`
	WholeMemory  int64         `json:"peak_rss_whole"` // of the process after these runs, in bytes; 0 if not known
	MultiplyAdds int64         `json:"multiply_adds_whole"`

	// Many is a picture's time where many are run, one by one on each of the threads, by the
	// plan of whole runs; only where nothing but whole runs is measured.
	Many       float64       `json:"seconds_many"`
	ManyMedian float64       `json:"seconds_many_median"`
	ManyRuns   int           `json:"many_runs"`
	ManyGFLOPs number.Double `json:"gflops_many"`
	ManyPeak   number.Double `json:"share_of_peak_many"`

	// The map by incremental runs; its clean run is part of the time. Where
	// only ExactSampled positions ran, seconds are scaled by multiply-adds.
	Positions         int           `json:"positions"`
	ExactSampled      int           `json:"exact_sampled"`
	Exact             float64       `json:"seconds_exact"`
	ExactMedian       float64       `json:"seconds_exact_median"`
	MultiplyAddsExact int64         `json:"multiply_adds_exact"`
	ExactGFLOPs       number.Double `json:"gflops_exact"`
	ExactPeak         number.Double `json:"share_of_peak_exact"`
	ExactMemory       int64         `json:"peak_rss_exact"`

	// The map by whole runs, scaled from NaiveSampled positions.
	NaiveSampled int           `json:"naive_sampled"`
	Naive        float64       `json:"seconds_naive"`
	NaiveMedian  float64       `json:"seconds_naive_median"`
	NaiveGFLOPs  number.Double `json:"gflops_naive"`
	NaivePeak    number.Double `json:"share_of_peak_naive"`

	Ratio   number.Double `json:"ratio"`         // naive to exact, in seconds
	Counted number.Double `json:"ratio_counted"` // the same in multiply-adds
}

// WriteTable writes rows for people: a line for each model.
func WriteTable(out io.Writer, rows []*Row) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "model\tone run ms\tGFLOP/s\tpositions\tnaive s\texact s\tratio\tcounted\tnaive GFLOP/s\texact GFLOP/s\tof peak: run\tnaive\texact\tMiB\t\n")
	for _, r := range rows {
		fmt.Fprintf(w, "%s\t%.2f\t%s\t%d\t%.2f\t%.2f\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d\t\n",
			r.Model, 1000*r.Whole, r.WholeGFLOPs.Text("%.0f", 1), r.Positions, r.Naive, r.Exact,
			r.Ratio.Text("%.2fx", 1), r.Counted.Text("%.2fx", 1), r.NaiveGFLOPs.Text("%.0f", 1), r.ExactGFLOPs.Text("%.0f", 1),
			r.WholePeak.Text("%.0f%%", 100), r.NaivePeak.Text("%.0f%%", 100), r.ExactPeak.Text("%.0f%%", 100), r.ExactMemory>>20)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, r := range rows {
		if r.ManyRuns > 0 {
			fmt.Fprintf(out, "\n%s: many pictures, one by one on each core: %.2f ms each, %s of peak", labels.Printable(r.Model), 1000*r.Many, r.ManyPeak.Text("%.0f%%", 100))
			continue
		}
		if r.ExactSampled < r.Positions {
			fmt.Fprintf(out, "\n%s: exact is scaled from %d of %d positions", labels.Printable(r.Model), r.ExactSampled, r.Positions)
		}
	}
	r := rows[0]
	_, err := fmt.Fprintf(out, "\npeak: %.0f GFLOP/s on %d threads (%s kernels); naive is scaled from %d positions\n", r.PeakGFLOPs, r.Threads, r.Kernels, r.NaiveSampled)
	return err
}
