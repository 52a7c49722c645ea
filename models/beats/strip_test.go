package beats

import (
	"bytes"
	"encoding/csv"
	"math"
	"slices"
	"strconv"
	"testing"
)

// TestStrips: a strip depends on seed and number alone, both classes come about equally
// often, and the ectopic beat is the one thing that is broad and high where it is said to be.
func TestStrips(t *testing.T) {
	classes := [2]int{}
	for i := range uint64(200) {
		s, again := Generate(7, i), Generate(7, i)
		for k := range Leads {
			if !slices.Equal(s.Leads[k], again.Leads[k]) || len(s.Leads[k]) != Samples {
				t.Fatalf("strip %d, lead %d: %d samples, or others the second time", i, k, len(s.Leads[k]))
			}
		}
		classes[s.Class]++
		if s.Class == Normal {
			if s.From != 0 || s.To != 0 {
				t.Errorf("strip %d has an ectopic beat from %d to %d", i, s.From, s.To)
			}
			continue
		}
		if s.From < 0.2*Rate || s.To > Samples || s.To-s.From != int(math.Floor(ectopicLength*Rate)) {
			t.Errorf("strip %d: the ectopic beat lies from %d to %d", i, s.From, s.To)
		}
		lead := s.Leads[0]
		lo, hi := slices.Min(lead[s.From:s.To]), slices.Max(lead[s.From:s.To])
		if hi-lo < 0.4 {
			t.Errorf("strip %d: the ectopic beat is %.2f mV high", i, hi-lo)
		}
	}
	if classes[Normal] < 70 || classes[Ectopic] < 70 {
		t.Errorf("classes come %v times", classes)
	}
}

// TestTable: what is written is what was rendered, with even times.
func TestTable(t *testing.T) {
	s := Generate(2, 0)
	var b bytes.Buffer
	if err := s.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != Samples+1 || !slices.Equal(rows[0], append([]string{"time"}, Leads...)) {
		t.Fatalf("%d rows, %v: %v", len(rows), rows[0], err)
	}
	for i, row := range rows[1:] {
		for k, want := range []float64{float64(i) / Rate, s.Leads[0][i], s.Leads[1][i]} {
			if v, err := strconv.ParseFloat(row[k], 64); err != nil || v != want {
				t.Fatalf("row %d: %v, want %g in column %d", i, row, want, k)
			}
		}
	}
}

// TestNormalize: each lead has mean 0 and deviation 1.
func TestNormalize(t *testing.T) {
	x := make([]float32, len(Leads)*Samples)
	Generate(2, 1).Normalize(x)
	for k := range Leads {
		sum, squares := 0., 0.
		for _, v := range x[k*Samples:][:Samples] {
			sum, squares = sum+float64(v), squares+float64(v)*float64(v)
		}
		if math.Abs(sum/Samples) > 1e-6 || math.Abs(squares/Samples-1) > 1e-5 {
			t.Errorf("lead %d: mean %g, squares %g", k, sum/Samples, squares/Samples)
		}
	}
}
