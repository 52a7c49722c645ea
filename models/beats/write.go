package beats

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strings"
)

// WriteCSV writes the strip as a table: seconds, and millivolts of each lead.
func (s *Strip) WriteCSV(to io.Writer) error {
	w := bufio.NewWriter(to)
	fmt.Fprintf(w, "time,%s\n", strings.Join(Leads, ","))
	for i := range Samples {
		fmt.Fprintf(w, "%.3f", float64(i)/Rate)
		for _, lead := range s.Leads {
			fmt.Fprintf(w, ",%.3f", lead[i])
		}
		fmt.Fprintln(w)
	}
	return w.Flush()
}

// Normalize gives each lead less its mean, by its standard deviation, as a network reads
// them: lead by lead.
func (s *Strip) Normalize(to []float32) {
	for k, lead := range s.Leads {
		mean, squares := 0., 0.
		for _, v := range lead {
			mean += v
		}
		mean /= Samples
		for _, v := range lead {
			squares += (v - mean) * (v - mean)
		}
		deviation := math.Sqrt(squares / Samples)
		for i, v := range lead {
			to[k*Samples+i] = float32((v - mean) / deviation)
		}
	}
}
