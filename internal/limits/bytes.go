package limits

import (
	"fmt"
	"strconv"
	"strings"
)

// units are those of sizes, in small letters.
var units = map[string]float64{
	"": 1, "b": 1,
	"k": 1 << 10, "kib": 1 << 10, "kb": 1e3,
	"m": 1 << 20, "mib": 1 << 20, "mb": 1e6,
	"g": 1 << 30, "gib": 1 << 30, "gb": 1e9,
	"t": 1 << 40, "tib": 1 << 40, "tb": 1e12,
}

// ParseBytes reads a number with an optional unit: B, KiB, MiB, GiB, TiB, or
// the powers of ten KB, MB, GB, TB (k, M, G, T alone are powers of two).
func ParseBytes(s string) (int64, error) {
	i := strings.IndexFunc(s, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	number, unit := s, ""
	if i >= 0 {
		number, unit = s[:i], strings.ToLower(strings.TrimSpace(s[i:]))
	}
	f, err := strconv.ParseFloat(number, 64)
	scale, ok := units[unit]
	if err != nil || !ok || f <= 0 || f*scale > 1<<60 {
		return 0, fmt.Errorf("%q is not a size: want a number with a unit, such as 512MiB or 2GiB", s)
	}
	return int64(f * scale), nil
}
