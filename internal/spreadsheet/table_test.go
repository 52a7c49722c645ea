package spreadsheet

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestTables(t *testing.T) {
	rows := [][]string{{"name", "n"}, {"a,b", "1"}, {"", "22"}}
	for _, c := range []struct {
		write func(io.Writer, [][]string) error
		want  string
	}{
		{CSV, "name,n\n\"a,b\",1\n,22\n"},
		{Text, "name  n\na,b   1\n      22\n"},
		{Markdown, "| name | n   |\n| ---  | --- |\n| a,b  | 1   |\n|      | 22  |\n"},
	} {
		var b strings.Builder
		if err := c.write(&b, rows); err != nil || b.String() != c.want {
			t.Errorf("%v: %q, want %q", err, b.String(), c.want)
		}
		if err := c.write(broken{}, rows); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%v", err)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
