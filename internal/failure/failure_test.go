package failure

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"testing"
)

// TestKinds: the first kind that an error gets is its kind, through whatever wraps it
// later, and what was wrapped is found as before.
func TestKinds(t *testing.T) {
	for name, c := range map[string]struct {
		err        error
		kind       Kind
		classified bool
	}{
		"none":                {nil, Other, false},
		"nobody's":            {io.EOF, Other, false},
		"nil stays":           {As(Data, nil), Other, false},
		"classified":          {As(Missing, io.EOF), Missing, true},
		"wrapped later":       {fmt.Errorf("a: %w", Usagef("b")), Usage, true},
		"the first counts":    {As(Temporary, fmt.Errorf("a: %w", Dataf("b"))), Data, true},
		"formatted around it": {CantCreatef("a: %w", As(Partial, io.EOF)), Partial, true},
		"joined":              {errors.Join(io.EOF, Temporaryf("b")), Temporary, true},
		"made":                {Missingf("%d", 1), Missing, true},
		"a file not there":    {Unread(fmt.Errorf("a: %w", fs.ErrNotExist)), Missing, true},
		"a file unreadable":   {Unread(io.EOF), Data, true},
		"a file of a kind":    {Unread(Usagef("a: %w", fs.ErrNotExist)), Usage, true},
		"a file read":         {Unread(nil), Other, false},
	} {
		if kind, classified := Of(c.err); kind != c.kind || classified != c.classified {
			t.Errorf("%s: %v, %v, want %v, %v", name, kind, classified, c.kind, c.classified)
		}
	}
	if err := CantCreatef("a: %w", As(Partial, io.EOF)); !errors.Is(err, io.EOF) || err.Error() != "a: EOF" {
		t.Errorf("%v does not wrap what it was made of", err)
	}
}

func TestSettings(t *testing.T) {
	cause := errors.New("a cause")
	err := fmt.Errorf("film: %w", Settingf("%v is %d and %v %g: %w", Setting("min-score"), 2, Setting("iou"), 0.5, cause))
	var s *SettingError
	if !errors.As(err, &s) || !errors.Is(err, cause) || err.Error() != "film: min-score is 2 and iou 0.5: a cause" || s.Spell(func(name Setting) string { return "--" + string(name) }) != "--min-score is 2 and --iou 0.5: a cause" {
		t.Error(err)
	}
	if _, classified := Of(err); classified {
		t.Error("a kind that nobody gave")
	}
}
