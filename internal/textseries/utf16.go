package textseries

import (
	"encoding/binary"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

// wide reads text of 16-bit units, as Excel's "Unicode text" is, as UTF-8. What is no
// character becomes U+FFFD.
type wide struct {
	from  io.Reader
	order binary.ByteOrder
	kept  []byte // bytes that were not wanted yet
	high  rune   // the first half of a pair, 0 if there is none
	err   error
}

func (w *wide) Read(p []byte) (int, error) {
	for len(w.kept) == 0 {
		if w.err != nil {
			return 0, w.err
		}
		raw := make([]byte, 4096)
		var n int
		n, w.err = io.ReadFull(w.from, raw)
		if w.err == io.ErrUnexpectedEOF {
			w.err = io.EOF
		}
		for i := 0; i+1 < n; i += 2 {
			w.take(rune(w.order.Uint16(raw[i:])))
		}
	}
	n := copy(p, w.kept)
	w.kept = w.kept[n:]
	return n, nil
}

// take takes a unit: half of a pair alone is no character.
func (w *wide) take(r rune) {
	if w.high != 0 {
		pair := utf16.DecodeRune(w.high, r)
		w.high, w.kept = 0, utf8.AppendRune(w.kept, pair)
		if pair != utf8.RuneError {
			return
		}
	}
	if r >= 0xd800 && r < 0xdc00 {
		w.high = r
		return
	}
	w.kept = utf8.AppendRune(w.kept, r)
}
