package pyliteral

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]any{
		`{0: 'person', 1: "it's"}`:            Dict{{int64(0), "person"}, {int64(1), "it's"}},
		`['a', 'b',]`:                         []any{"a", "b"},
		`(640, 640)`:                          []any{int64(640), int64(640)},
		`(640,)`:                              []any{int64(640)},
		`(640)`:                               int64(640),
		`()`:                                  []any{},
		` [ ] `:                               []any{},
		`{}`:                                  Dict{},
		`-1.5e3`:                              -1500.0,
		`True`:                                true,
		`{'nms': False, 'opset': None}`:       Dict{{"nms", false}, {"opset", nil}},
		`'a\\b\n\t\'"\x41\u00e9\U0001f600 é'`: "a\\b\n\t'\"Aé😀 é",
		`{'a': {'b': [(1, 2), {}]}}`:          Dict{{"a", Dict{{"b", []any{[]any{int64(1), int64(2)}, Dict{}}}}}},
		"{0: 'a',\n 1: 'b'}":                  Dict{{int64(0), "a"}, {int64(1), "b"}},
		`{'0': 'x', 0: 'y'}`:                  Dict{{"0", "x"}, {int64(0), "y"}},
		`''`:                                  "",
		strings.Repeat("[", 20) + "1" + strings.Repeat("]", 20): nest(20),
	} {
		got, err := Parse(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v, want %#v", text, got, err, want)
		}
	}
	for _, text := range []string{``, ` `, `{`, `{0}`, `{0:}`, `{0: 'a' 1: 'b'}`, `{0: 'a',, 1: 'b'}`, `{,}`, `[,]`, `[1 2]`, `{[1]: 2}`, `{0: 'a', 0: 'b'}`, `'a`, `'a\`, `'a\x4'`, `'\q'`, `'\ud800'`, `'\U00110000'`,
		"'a\nb'", `true`, `null`, `nan`, `0x10`, `1_000`, `1 2`, `[1]]`, `'a' 'b'`, `f'a'`, `b'a'`, `__import__('os')`, "'\xff'", strings.Repeat("[", 100), strings.Repeat("(", 1<<16), `1e999`} {
		if v, err := Parse(text); err == nil {
			t.Errorf("%.40q gives %#v", text, v)
		}
	}
}

func nest(n int) any {
	if n == 0 {
		return int64(1)
	}
	return []any{nest(n - 1)}
}

// What Python 3.11 prints, by str and by ascii, of names with all that may be in them.
func TestPython(t *testing.T) {
	want := []string{"it's", "say \"x\"", "both ' and \"", "tab\tnew\nline\\", "\u00e9\u4e2d\U0001f600", "\x00\x7f\u0085\u200b", ""}
	for _, text := range []string{
		`{0: "it's", 1: 'say "x"', 2: 'both \' and "', 3: 'tab\tnew\nline\\', 4: 'é中😀', 5: '\x00\x7f\x85\u200b', 6: ''}`,
		`{0: "it's", 1: 'say "x"', 2: 'both \' and "', 3: 'tab\tnew\nline\\', 4: '\xe9\u4e2d\U0001f600', 5: '\x00\x7f\x85\u200b', 6: ''}`,
	} {
		v, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range v.(Dict) {
			if p.Key != int64(i) || p.Value != want[i] {
				t.Errorf("%d: %q, want %q", i, p.Value, want[i])
			}
		}
	}
}

// FuzzParse: any text gives a value or an error; a value printed again gives itself.
func FuzzParse(f *testing.F) {
	for _, s := range []string{`{0: 'person', 1: "it's"}`, `[('a', 1.5), None, True]`, `'\x41\u00e9'`, `(((1)))`, `{'a': {}}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(printed(v))
		if err != nil || !reflect.DeepEqual(v, again) {
			t.Fatalf("%q gives %#v, printed %q, then %#v, %v", text, v, printed(v), again, err)
		}
	})
}

// printed writes a value as Python would.
func printed(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case string:
		var b strings.Builder
		for _, r := range v {
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		return "'" + b.String() + "'"
	case float64:
		return fmt.Sprintf("%.17e", v)
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = printed(x)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case Dict:
		parts := make([]string, len(v))
		for i, p := range v {
			parts[i] = printed(p.Key) + ": " + printed(p.Value)
		}
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(v)
}
