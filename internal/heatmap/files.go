package heatmap

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"math"
	"strconv"
	"strings"

	"krypton/internal/number"
	"krypton/internal/spreadsheet"
)

// ScoreFormats lists the endings that WriteScores knows.
var ScoreFormats = []string{".npy", ".csv", ".json"}

// WriteScores writes a record's scores in the format of a file ending.
func WriteScores(w io.Writer, ending string, r *Record) error {
	if err := r.Validate(); err != nil {
		return err
	}
	switch strings.ToLower(ending) {
	case ".npy":
		return writeNPY(w, r)
	case ".csv":
		return writeCSV(w, r)
	case ".json":
		return WriteJSON(w, r, func(bare *Record) any { return bare })
	}
	return fmt.Errorf("unknown score format %q: want one of %s", ending, strings.Join(ScoreFormats, ", "))
}

// writeNPY writes NumPy's format 1.0: float32, little-endian, C order, shape
// [rows, cols], or [classes, rows, cols] for several classes.
func writeNPY(w io.Writer, r *Record) error {
	shape := fmt.Sprintf("(%d, %d)", r.Rows, r.Cols)
	if len(r.Classes) > 1 {
		shape = fmt.Sprintf("(%d, %d, %d)", len(r.Classes), r.Rows, r.Cols)
	}
	header := fmt.Sprintf("{'descr': '<f4', 'fortran_order': False, 'shape': %s, }", shape)
	// Magic, version and length take 10 bytes; the whole is a multiple of 64
	// and ends in a newline.
	header += strings.Repeat(" ", 63-(10+len(header))%64) + "\n"
	out := bufio.NewWriter(w)
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	out.Write(append(b, header...))
	for _, c := range r.Classes {
		for _, row := range c.Scores {
			for _, v := range row {
				b = binary.LittleEndian.AppendUint32(b[:0], math.Float32bits(float32(v)))
				out.Write(b)
			}
		}
	}
	return out.Flush() // says what went wrong before, too
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
		name := class.Label
		if name == "" {
			name = fmt.Sprintf("class %d", class.Index)
		}
		line := []string{spreadsheet.Harmless(name)}
		for _, x := range r.Xs {
			line = append(line, strconv.Itoa(x))
		}
		if err := c.Write(line); err != nil {
			return err
		}
		for k, row := range class.Scores {
			line := []string{strconv.Itoa(r.Ys[k])}
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

// cell is a score in a table, empty if it is no number.
func cell(v number.Single) string {
	if !v.Finite() {
		return ""
	}
	return strconv.FormatFloat(float64(v), 'g', -1, 32)
}

// EncodePNG writes a picture with the record's summary in an iTXt chunk named
// krypton: a picture that can say how it was made.
func EncodePNG(w io.Writer, img image.Image, r *Record) error {
	var b bytes.Buffer
	// Of a batch of small pictures encoding takes as long as computing. The
	// fastest level takes a third of the default's time, for a quarter more bytes.
	e := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := e.Encode(&b, img); err != nil {
		return err
	}
	text, err := json.Marshal(r.Summary())
	if err != nil {
		return err
	}
	// Keyword, no compression, no language, no translated keyword, text.
	body := append([]byte("iTXtkrypton\x00\x00\x00\x00\x00"), text...)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)-4))
	chunk = append(chunk, body...)
	chunk = binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(body))
	const header = 8 + 25 // signature and IHDR
	for _, part := range [][]byte{b.Bytes()[:header], chunk, b.Bytes()[header:]} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}
