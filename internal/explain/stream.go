package explain

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
)

// placed stands where a class's scores go in the JSON of a record without them: no
// text holds it, whose quotes have a backslash in front.
var placed = regexp.MustCompile(`"scores": \[\n( +)\[\]\n *\]`)

// writeJSON writes a record as indented JSON, as package json would, but score by score:
// the text of them all takes many times their memory.
func writeJSON(w io.Writer, r *Record) error {
	bare := *r
	var scores [][][]Number
	take := func(classes []ClassRecord) []ClassRecord {
		var out []ClassRecord
		for _, c := range classes {
			if len(c.Scores) > 0 {
				scores = append(scores, c.Scores)
				c.Scores = [][]Number{{}}
			}
			out = append(out, c)
		}
		return out
	}
	bare.Classes = take(r.Classes)
	bare.Scales = append([]ScaleRecord(nil), r.Scales...)
	for i := range bare.Scales {
		bare.Scales[i].Classes = take(bare.Scales[i].Classes)
	}
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetIndent("", " ")
	if err := e.Encode(&bare); err != nil {
		return err
	}
	out, rest := bufio.NewWriter(w), text.Bytes()
	for _, grid := range scores {
		at := placed.FindSubmatchIndex(rest)
		if at == nil {
			return errors.New("a record of fewer maps than it has")
		}
		out.Write(rest[:at[0]])
		if err := writeGrid(out, grid, string(rest[at[2]:at[3]])); err != nil {
			return err
		}
		rest = rest[at[1]:]
	}
	out.Write(rest)
	return out.Flush() // says what went wrong before, too
}

// writeGrid writes a class's scores, rows indented so.
func writeGrid(out *bufio.Writer, grid [][]Number, indent string) error {
	out.WriteString(`"scores": [`)
	for i, row := range grid {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString("\n" + indent + "[")
		for k, v := range row {
			if k > 0 {
				out.WriteByte(',')
			}
			number, err := v.MarshalJSON()
			if err != nil {
				return err
			}
			out.WriteString("\n" + indent + " ")
			out.Write(number)
		}
		if len(row) > 0 {
			out.WriteString("\n" + indent)
		}
		out.WriteByte(']')
	}
	_, err := out.WriteString("\n" + indent[1:] + "]")
	return err
}
