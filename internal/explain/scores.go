package explain

import (
	"bufio"
	"encoding/binary"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"krypton/internal/number"
	"krypton/internal/spreadsheet"
)

// ScoreFormats lists the endings that WriteScores knows.
var ScoreFormats = []string{".npy", ".csv", ".json"}

// SegmentsEnding is that of files of what segment each pixel of the network's input is of.
const SegmentsEnding = ".segments.npy"

// ScoreEnding is what WriteScores tells the format of a file by.
func ScoreEnding(name string) string {
	for _, ending := range []string{SegmentsEnding, IntervalsCSV, IntervalsJSON} {
		if strings.HasSuffix(strings.ToLower(name), ending) {
			return ending
		}
	}
	return filepath.Ext(name)
}

// WriteScores writes a record's scores in the format of a file ending.
func WriteScores(w io.Writer, ending string, r *Record) error {
	if err := r.Validate(); err != nil {
		return err
	}
	switch strings.ToLower(ending) {
	case IntervalsCSV, IntervalsJSON:
		return writeOwnIntervals(w, r, strings.ToLower(ending) == IntervalsJSON)
	case SegmentsEnding:
		return writeSegments(w, r)
	case ".npy":
		return writeNPY(w, r)
	case ".csv":
		return writeCSV(w, r)
	case ".json":
		return writeJSON(w, r)
	}
	return fmt.Errorf("unknown score format %q: want one of %s", ending, strings.Join(ScoreFormats, ", "))
}

// writeNPY writes NumPy's format 1.0: float32, little-endian, C order, shape
// [rows, cols], or [classes, rows, cols] for several classes. Maps that each hide a group of
// channels have the rows of a group one behind the other.
func writeNPY(w io.Writer, r *Record) error {
	rows := r.Rows * max(1, len(r.byChannels()))
	shape := fmt.Sprintf("(%d, %d)", rows, r.Cols)
	if len(r.Classes) > 1 {
		shape = fmt.Sprintf("(%d, %d, %d)", len(r.Classes), rows, r.Cols)
	}
	return writeArray(w, shape, func(row func([]Number)) {
		for k := range r.Classes {
			for _, numbers := range r.table(k) {
				row(numbers)
			}
		}
	})
}

// writeArray writes an array of float32 whose rows come from rows, one after the other.
func writeArray(w io.Writer, shape string, rows func(row func([]Number))) error {
	out := bufio.NewWriter(w)
	out.Write(npyHeader("<f4", shape))
	rows(func(row []Number) { writeRow(out, row) })
	return out.Flush() // says what went wrong before, too
}

func writeRow(out *bufio.Writer, row []Number) {
	var b [4]byte
	for _, v := range row {
		binary.LittleEndian.PutUint32(b[:], math.Float32bits(float32(v)))
		out.Write(b[:])
	}
}

// npyHeader begins a file of numbers of a type and a shape.
func npyHeader(kind, shape string) []byte {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }", kind, shape)
	// Magic, version and length take 10 bytes; the whole is a multiple of 64
	// and ends in a newline.
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	return append(b, header...)
}

// writeSegments writes the number of each pixel's segment as int32, shape [height, width]; -1
// of pixels outside of the region.
func writeSegments(w io.Writer, r *Record) error {
	if !r.Shape.Segmented() {
		return fmt.Errorf("no segments: the map was made with another patch than slic:COUNT")
	}
	b := npyHeader("<i4", fmt.Sprintf("(%d, %d)", r.Input[0], r.Input[1]))
	for _, l := range r.Shape.labels {
		b = binary.LittleEndian.AppendUint32(b, uint32(l))
	}
	_, err := w.Write(b)
	return err
}

// writeCSV writes a grid for each class: a header of x offsets, then rows that
// begin with their y offset. Text that a spreadsheet would take for a formula
// gets an apostrophe.
func writeCSV(w io.Writer, r *Record) error {
	c := csv.NewWriter(w)
	for i, class := range r.Classes {
		if i > 0 {
			c.Flush()
			if _, err := io.WriteString(w, "\n"); err != nil {
				return err
			}
		}
		line := []string{spreadsheet.Harmless(class.Name())}
		for _, x := range r.Xs {
			line = append(line, strconv.Itoa(x))
		}
		if err := c.Write(line); err != nil {
			return err
		}
		for k, row := range r.table(i) {
			line := []string{r.rowName(k)}
			for _, v := range row {
				line = append(line, cell(v))
			}
			if err := c.Write(line); err != nil {
				return err
			}
		}
	}
	c.Flush()
	return c.Error()
}

// table has the rows of a class's scores; of maps that each hide a group of channels those of
// one group after the other.
func (r *Record) table(class int) (rows [][]Number) {
	groups := r.byChannels()
	if groups == nil {
		return r.Classes[class].Scores
	}
	for _, g := range groups {
		rows = append(rows, g.Classes[class].Scores...)
	}
	return rows
}

// rowName is what row k of table is of: its y offset, or the channels that were hidden.
func (r *Record) rowName(k int) string {
	if groups := r.byChannels(); groups != nil {
		return spreadsheet.Harmless(groups[k/r.Rows].Occluded)
	}
	return strconv.Itoa(r.Ys[k])
}

// cell is a score in a table, empty if it is no number.
func cell(v number.Single) string {
	if !v.Finite() {
		return ""
	}
	return strconv.FormatFloat(float64(v), 'g', -1, 32)
}
