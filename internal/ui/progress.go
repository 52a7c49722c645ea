// Package ui shows people and scripts how far long work is: a counter with
// separate printers for a terminal, for plain lines, for a progress file, and
// for nobody.
package ui

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress counts done items of one piece of work. Its methods may be called
// from several goroutines; Set never goes backwards.
type Progress struct {
	mu      sync.Mutex
	label   string
	done    int
	total   int
	start   time.Time
	printer printer
	last    time.Time
	changed func() // told of each new count, without the lock
	aside   func(label string, total int) *Progress
	clear   func()
	resize  func(total int)
}

// printer draws one state. final is the last call.
type printer func(p *Progress, final bool)

// Style says how progress is shown.
type Style int

// The styles.
const (
	// Silent shows nothing.
	Silent Style = iota
	// Plain prints a line every few seconds.
	Plain
	// Bar draws a bar with rate and time left; it needs a terminal.
	Bar
)

// StyleFor chooses by what w is: a bar on a terminal, plain lines otherwise,
// nothing if quiet.
func StyleFor(w io.Writer, quiet bool) Style {
	if quiet {
		return Silent
	}
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return Bar
	}
	return Plain
}

// plainEvery is the time between plain lines: seldom enough for a log.
const plainEvery = 5 * time.Second

// NewProgress starts a counter of positions to total.
func NewProgress(w io.Writer, style Style, label string, total int) *Progress {
	return newProgress(w, style, label, "positions", total)
}

// NewCount starts a counter of things to total, which is negative if nobody
// knows it.
func NewCount(w io.Writer, style Style, things string, total int) *Progress {
	return newProgress(w, style, things, things, total)
}

func newProgress(w io.Writer, style Style, label, unit string, total int) *Progress {
	label = safe(label)
	p := &Progress{label: label, total: total, start: time.Now()}
	p.last = p.start
	clearBar := func() {}
	p.clear = func() { clearBar() }
	p.resize = func(int) {}
	p.aside = func(label string, total int) *Progress {
		clearBar()
		return newProgress(w, style, label, unit, total)
	}
	switch style {
	case Plain:
		p.printer = func(p *Progress, final bool) {
			if !final && time.Since(p.last) < plainEvery {
				return
			}
			p.last = time.Now()
			fmt.Fprintln(w, p.line())
		}
	case Bar:
		bar := progressbar.NewOptions(total,
			progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(label),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString(unit),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true),
			progressbar.OptionFullWidth())
		clearBar = func() { _ = bar.Clear() }
		p.resize = bar.ChangeMax
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

// Set says that done items are finished, if that is more than before.
func (p *Progress) Set(done int) {
	if p.set(done) && p.changed != nil {
		p.changed()
	}
}

// SetOf is Set that also says of how many, where that differs from what was known at first.
func (p *Progress) SetOf(done, total int) {
	p.mu.Lock()
	if p.total != total {
		p.total = total
		p.resize(total)
	}
	p.mu.Unlock()
	p.Set(done)
}

func (p *Progress) set(done int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if done <= p.done {
		return false
	}
	p.done = done
	p.printer(p, false)
	return true
}

// state gives the count, of how many, and the label.
func (p *Progress) state() (done, total int, label string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done, p.total, p.label
}

// Aside starts a counter of other work, shown in place of this one until it is
// finished.
func (p *Progress) Aside(label string, total int) *Progress {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.aside(label, total)
}

// Checking is Aside for work whose end is known once it has begun: it is told how much of
// it is done, and begins anew after the end.
func (p *Progress) Checking(label string) func(done, total int) {
	var aside *Progress
	return func(done, total int) {
		if aside == nil {
			aside = p.Aside(label, total)
		}
		aside.Set(done)
		if done == total {
			aside.Finish()
			aside = nil
		}
	}
}

// Say calls print, which writes a line of its own to where the bar is: the bar
// makes way, and comes back with the next count.
func (p *Progress) Say(print func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clear()
	print()
}

// Finish removes the bar; it does not claim that all is done.
func (p *Progress) Finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.printer(p, true)
}

// State is the counter in one line, for a signal handler.
func (p *Progress) State() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.line()
}

func (p *Progress) line() string {
	elapsed := time.Since(p.start)
	s := fmt.Sprintf("%s: %d", p.label, p.done)
	if p.total >= 0 {
		s += fmt.Sprintf(" of %d", p.total)
	}
	if p.done > 0 && elapsed > 0 {
		rate := float64(p.done) / elapsed.Seconds()
		s += fmt.Sprintf(", %.0f/s", rate)
		if left := p.total - p.done; left > 0 {
			s += fmt.Sprintf(", %s left", (time.Duration(float64(left)/rate*1e9) * time.Nanosecond).Round(time.Second))
		}
	}
	return s
}

// safe replaces control characters, which could steer a terminal: labels are
// names of files.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '\uFFFD'
		}
		return r
	}, s)
}
