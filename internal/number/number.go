// Package number holds numbers for people and other programs: JSON has no NaN and no
// infinities, and nobody wants to read them.
package number

import (
	"fmt"
	"math"
	"strconv"
)

// Single is a float32 that JSON can hold: NaN and infinities become null.
type Single float32

// Double is a float64 that JSON can hold: NaN and infinities become null.
type Double float64

// Ratio is a/b; NaN, which JSON has as null, where that is no number.
func Ratio(a, b float64) Double {
	if r := a / b; finite(r) {
		return Double(r)
	}
	return None
}

// None is the number that is not known, or means nothing.
var None = Double(math.NaN())

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

// Finite says whether there is a number.
func (n Single) Finite() bool { return finite(float64(n)) }

// Finite says whether there is a number.
func (n Double) Finite() bool { return finite(float64(n)) }

// Text is the number, times scale, by a format of package fmt; "-" if there is none.
func (n Double) Text(format string, scale float64) string {
	if !n.Finite() {
		return "-"
	}
	return fmt.Sprintf(format, scale*float64(n))
}

// Milliseconds is a number of milliseconds in three digits, never as a power of ten.
func Milliseconds(ms float64) string {
	return strconv.FormatFloat(ms, 'f', max(0, min(4, 2-int(math.Floor(math.Log10(max(ms, 1e-4)))))), 64)
}

// MarshalJSON implements json.Marshaler.
func (n Single) MarshalJSON() ([]byte, error) {
	if !n.Finite() {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', -1, 32), nil
}

// UnmarshalJSON implements json.Unmarshaler; null is NaN. On an error the number
// stays.
func (n *Single) UnmarshalJSON(b []byte) error {
	return parse(b, 32, func(v float64) { *n = Single(v) })
}

// MarshalJSON implements json.Marshaler.
func (n Double) MarshalJSON() ([]byte, error) {
	if !n.Finite() {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, float64(n), 'g', -1, 64), nil
}

// UnmarshalJSON implements json.Unmarshaler; null is NaN. On an error the number
// stays.
func (n *Double) UnmarshalJSON(b []byte) error {
	return parse(b, 64, func(v float64) { *n = Double(v) })
}

func parse(b []byte, bits int, set func(float64)) error {
	if string(b) == "null" {
		set(math.NaN())
		return nil
	}
	v, err := strconv.ParseFloat(string(b), bits)
	if err != nil || !finite(v) {
		return fmt.Errorf("%.40q is not a number of %d bits", b, bits)
	}
	set(v)
	return nil
}
