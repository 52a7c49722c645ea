package explain

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/sbinet/npyio"
)

func record() *Record {
	r := &Record{Version: "test", Rows: 2, Cols: 3, Ys: []int{0, 4}, Xs: []int{0, 4, 8}}
	for k := range 2 {
		c := ClassRecord{Index: k, Label: "=cmd()", BaseScore: .5}
		for y := range 2 {
			c.Scores = append(c.Scores, []Number{Number(y), Number(float32(k) + .1), Number(math.NaN())})
		}
		r.Classes = append(r.Classes, c)
	}
	return r
}

func TestScoreFiles(t *testing.T) {
	r := record()
	var b bytes.Buffer
	if err := WriteScores(&b, ".NPY", r); err != nil {
		t.Fatal(err)
	}
	n, err := npyio.NewReader(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	var got []float32
	if err := n.Read(&got); err != nil {
		t.Fatal(err)
	}
	if s := n.Header.Descr.Shape; len(s) != 3 || s[0] != 2 || s[1] != 2 || s[2] != 3 || n.Header.Descr.Fortran || len(got) != 12 || got[7] != 1.1 || got[2] == got[2] {
		t.Errorf("npy: %+v %v", n.Header, got)
	}
	if i := bytes.IndexByte(b.Bytes(), '\n'); (i+1)%64 != 0 {
		t.Errorf("npy: header ends at %d", i+1)
	}
	b.Reset()
	if err := WriteScores(&b, ".csv", r); err != nil {
		t.Fatal(err)
	}
	if want := "'=cmd(),0,4,8\n0,0,0.1,\n4,1,0.1,\n\n'=cmd(),0,4,8\n0,0,1.1,\n4,1,1.1,\n"; b.String() != want {
		t.Errorf("csv:\n%s", b.String())
	}
	b.Reset()
	if err := WriteScores(&b, ".json", r); err != nil {
		t.Fatal(err)
	}
	var back Record
	if err := json.Unmarshal(b.Bytes(), &back); err != nil {
		t.Fatal(err)
	}
	if v := back.Classes[1].Scores[1]; v[1] != 1.1 || v[2] == v[2] || !strings.Contains(b.String(), "null") {
		t.Errorf("json: %v", v)
	}
	if WriteScores(&b, ".xls", r) == nil {
		t.Error(".xls is accepted")
	}
}
