package heatmap

import (
	_ "embed"
	"encoding/hex"
	"fmt"
	"image/color"
	"strings"
	"sync"
)

// listedText holds the colour maps that are published as lists of colours.
//
//go:embed listed.txt
var listedText string

// listed gives these colour maps by name. Libraries draw curves through a few of
// their colours and miss the others by several percent of the range.
var listed = sync.OnceValues(func() (map[string][256]color.NRGBA, error) { return parseListed(listedText) })

// parseListed reads names, each on a line of its own, followed by 256 colours as
// hex; lines with # in front do not count.
func parseListed(text string) (map[string][256]color.NRGBA, error) {
	maps := map[string][256]color.NRGBA{}
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	words := strings.Fields(strings.Join(lines, " "))
	for len(words) > 0 {
		name := words[0]
		if len(words) < 257 {
			return nil, fmt.Errorf("colour map %q has %d colours, want 256", name, len(words)-1)
		}
		var table [256]color.NRGBA
		for i, w := range words[1:257] {
			b, err := hex.DecodeString(w)
			if err != nil || len(b) != 3 {
				return nil, fmt.Errorf("colour map %q: %q is no colour", name, w)
			}
			table[i] = color.NRGBA{b[0], b[1], b[2], 255}
		}
		maps[name], words = table, words[257:]
	}
	return maps, nil
}
