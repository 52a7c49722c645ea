// Package spreadsheet writes tables, for programs and for people, and makes text safe for
// programs that take it for formulas.
package spreadsheet

import (
	"regexp"
	"strings"
	"unicode"
)

// number is what a spreadsheet reads as one.
var number = regexp.MustCompile(`^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$`)

// Harmless makes text that is no formula for a spreadsheet, which may skip
// blanks and what cannot be seen, and take a wide = for a narrow one.
func Harmless(s string) string {
	blank := func(r rune) bool { return unicode.IsSpace(r) || unicode.Is(unicode.C, r) }
	if t := strings.TrimLeftFunc(s, blank); t != "" && strings.ContainsRune("=+-@＝＋－＠", []rune(t)[0]) && !number.MatchString(strings.TrimSpace(t)) ||
		strings.HasPrefix(s, "\t") || strings.HasPrefix(s, "\r") {
		return "'" + s
	}
	return s
}
