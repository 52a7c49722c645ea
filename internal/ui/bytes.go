package ui

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// NewBytes starts a counter of bytes to total, shown as sizes.
func NewBytes(w io.Writer, style Style, label string, total int) *Progress {
	p := &Progress{label: label, total: total, start: time.Now()}
	p.last = p.start
	p.clear = func() {}
	p.resize = func(int) {}
	p.aside = func(label string, total int) *Progress { return NewBytes(w, style, label, total) }
	switch style {
	case Plain:
		p.printer = func(p *Progress, final bool) {
			if final || time.Since(p.last) < plainEvery {
				return
			}
			p.last = time.Now()
			fmt.Fprintf(w, "%s: %s of %s\n", p.label, Size(int64(p.done)), Size(int64(p.total)))
		}
	case Bar:
		bar := progressbar.NewOptions(total,
			progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(label), progressbar.OptionShowBytes(true), progressbar.OptionShowCount(),
			progressbar.OptionUseIECUnits(true), progressbar.OptionShowTotalBytes(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true),
			progressbar.OptionFullWidth())
		p.printer = func(p *Progress, final bool) {
			// A bar that cannot be drawn must not stop the work.
			if final {
				_ = bar.Finish()
				return
			}
			_ = bar.Set(p.done)
		}
	default:
		p.printer = func(*Progress, bool) {}
	}
	return p
}

// Size writes a number of bytes for people: 912 B, 4.7 MiB.
func Size(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	f, unit := float64(n), "B"
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"} {
		f, unit = f/1024, u
		if f < 1023.95 { // what would be written as 1024.0 is 1 of the next
			break
		}
	}
	return fmt.Sprintf("%.1f %s", f, unit)
}
