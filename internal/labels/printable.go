package labels

import "strings"

// Printable replaces what a terminal would act on: control characters but line feeds
// and tabs.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (r < 0x20 || r >= 0x7f && r < 0xa0) {
			return '\uFFFD'
		}
		return r
	}, s)
}

// OneLine is a name as it goes into messages, tables and subtitles.
func OneLine(name string) string { return strings.ReplaceAll(Printable(name), "\n", " ") }

// Shortened makes one line, of 100 characters at most, of text that may be long, such as
// metadata, which may be whole lists of names.
func Shortened(text string) string {
	const most = 100
	text = strings.Join(strings.Fields(text), " ")
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "…"
	}
	return text
}
