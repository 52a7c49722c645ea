package flagvalue

import (
	"errors"
	"io"
	"strconv"
	"testing"

	"github.com/spf13/pflag"
)

// TestAdd: a text that does not parse leaves the value, is kept as it was said, and is
// forgotten once another is set.
func TestAdd(t *testing.T) {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	var n, none int
	Add(f, &n, "n", "3", strconv.Atoi, "")
	Add(f, &none, "none", "", Optional(strconv.Atoi), "")
	v := f.Lookup("n").Value
	if n != 3 || v.String() != "3" || Wrong(v) != nil {
		t.Errorf("default: %d, %q, %v", n, v, Wrong(v))
	}
	if err := f.Parse([]string{"--n=x"}); err != nil {
		t.Errorf("what is wrong is said at once: %v", err)
	}
	if n != 3 || v.String() != "x" || !errors.As(Wrong(v), new(*Error)) || !errors.Is(Wrong(v), strconv.ErrSyntax) {
		t.Errorf("a wrong text: %d, %q, %v", n, v, Wrong(v))
	}
	if err := f.Parse([]string{"--n=4", "--none=5", "--none="}); err != nil || n != 4 || none != 0 || Wrong(v) != nil {
		t.Errorf("right ones: %d, %d, %v, %v", n, none, err, Wrong(v))
	}
}

// TestCheck: all texts of a flag are checked whenever some are set.
func TestCheck(t *testing.T) {
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	all := f.StringSlice("all", nil, "")
	Check(f, "all", func(texts []string) error {
		if len(texts) > 2 {
			return io.ErrShortBuffer
		}
		return nil
	})
	v := f.Lookup("all").Value
	if err := f.Parse([]string{"--all=a,b"}); err != nil || Wrong(v) != nil || len(*all) != 2 {
		t.Errorf("%v, %v, %q", err, Wrong(v), *all)
	}
	if err := f.Parse([]string{"--all=c"}); err != nil || !errors.Is(Wrong(v), io.ErrShortBuffer) {
		t.Errorf("%v, %v", err, Wrong(v))
	}
	if err := v.(pflag.SliceValue).Replace(nil); err != nil || Wrong(v) != nil || len(v.(pflag.SliceValue).GetSlice()) != 0 {
		t.Errorf("%v, %v", err, Wrong(v))
	}
}
