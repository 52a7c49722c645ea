package heatmap

import (
	"image/color"
	"math"
	"strings"
	"testing"
)

// TestListedColours holds the tables to colours of the published maps.
func TestListedColours(t *testing.T) {
	for name, want := range map[string][3]color.NRGBA{
		"viridis": {{0x44, 0x01, 0x54, 255}, {0x21, 0x91, 0x8c, 255}, {0xfd, 0xe7, 0x25, 255}},
		"inferno": {{0x00, 0x00, 0x04, 255}, {0xbc, 0x37, 0x54, 255}, {0xfc, 0xff, 0xa4, 255}},
		"cividis": {{0x00, 0x22, 0x4e, 255}, {0x7d, 0x7c, 0x78, 255}, {0xfe, 0xe8, 0x38, 255}},
	} {
		got, err := Colors(name)
		if err != nil || [3]color.NRGBA{got[0], got[128], got[255]} != want {
			t.Errorf("%s: %v %v %v, %v; want %v", name, got[0], got[128], got[255], err, want)
		}
	}
}

// TestColourMapsAreReadable: each name has a table without jumps, and the
// sequential ones rise in lightness, or fall where they are for white paper.
func TestColourMapsAreReadable(t *testing.T) {
	for _, name := range Colormaps[1:] {
		c, err := Colors(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := 1; i < len(c); i++ {
			for _, d := range []int{int(c[i].R) - int(c[i-1].R), int(c[i].G) - int(c[i-1].G), int(c[i].B) - int(c[i-1].B)} {
				if d > 20 || d < -20 {
					t.Errorf("%s jumps from %v to %v", name, c[i-1], c[i])
				}
			}
			from, to := lightness(c[i-1]), lightness(c[i])
			if name == "reds" {
				from, to = to, from
			}
			if name != "bluered" && to < from-.4 {
				t.Errorf("%s: %d of lightness %.2f follows %.2f", name, i, lightness(c[i]), lightness(c[i-1]))
			}
		}
	}
}

// lightness is CIE's L*, 0 to 100.
func lightness(c color.NRGBA) float64 {
	linear := func(v uint8) float64 {
		f := float64(v) / 255
		if f <= 0.04045 {
			return f / 12.92
		}
		return math.Pow((f+0.055)/1.055, 2.4)
	}
	y := 0.2126*linear(c.R) + 0.7152*linear(c.G) + 0.0722*linear(c.B)
	if y <= 216.0/24389 {
		return y * 24389 / 27
	}
	return 116*math.Cbrt(y) - 16
}

func TestParseListed(t *testing.T) {
	colours := strings.Repeat("0102ff\n", 256)
	got, err := parseListed("# words\na\n" + colours + "b " + colours)
	if want := (color.NRGBA{1, 2, 255, 255}); err != nil || len(got) != 2 || got["b"][255] != want {
		t.Errorf("%d maps, %v", len(got), err)
	}
	for _, text := range []string{"a", "a\n" + colours[7:], "a\n" + colours + "0102ff", "a\n" + colours[7:] + "0102", "a\n" + colours[7:] + "0102fg"} {
		if _, err := parseListed(text); err == nil {
			t.Errorf("accepted: %.20q of %d", text, len(text))
		}
	}
}
