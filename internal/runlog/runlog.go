// Package runlog tells programs how a run over pictures goes, by events and blocks of numbers
// (docs/output-formats.md describes them).
package runlog

import (
	"io"
	"sync"
	"time"

	"krypton/internal/explain"
	"krypton/internal/limits"
	"krypton/internal/number"
	"krypton/internal/ui"
)

// Log tells how a run goes. Begin, Item, Fail and Finish are for one goroutine, State for any.
type Log struct {
	start  time.Time
	code   func(error) int
	events *ui.Events
	blocks *ui.Blocks
	total  summaryEvent
	failed int // pictures whose errors are told

	mu  sync.Mutex
	run *ui.Run // nil until it is known what there is to do
}

// itemEvent is a picture's answer, errorEvent what went wrong; Picture is empty
// where it concerns the whole run.
type (
	itemEvent struct {
		Picture string          `json:"picture"`
		Record  *explain.Record `json:"record"`
	}
	errorEvent struct {
		Picture string `json:"picture"`
		Message string `json:"message"`
		Code    int    `json:"exit_code"`
	}
)

// summaryEvent ends a run. Counts are of the pictures that were done.
type summaryEvent struct {
	Version           string        `json:"krypton_version"`
	Model             string        `json:"model"`
	ModelSHA256       string        `json:"model_sha256"`
	Kernels           string        `json:"kernels"`
	Threads           int           `json:"threads"`
	ExitCode          int           `json:"exit_code"`
	Pictures          int           `json:"pictures"`
	Done              int           `json:"pictures_done"`
	Failed            int           `json:"pictures_failed"`
	Positions         int           `json:"positions"`
	Skipped           int           `json:"positions_unchanged"`
	MultiplyAddsWhole int64         `json:"multiply_adds_whole"`
	MultiplyAddsSpent int64         `json:"multiply_adds_spent"`
	Ratio             number.Double `json:"ratio"` // of the two, null if nothing was done
	SecondsViews      float64       `json:"seconds_views"`
	SecondsMap        float64       `json:"seconds_map"`
	Seconds           float64       `json:"seconds"`
	PeakMemory        int64         `json:"peak_memory"` // in bytes, 0 if not known
}

// New begins the log of a run of this version of the program, whose errors have codes. It
// tells nobody until Events and Blocks say whom.
func New(version string, code func(error) int) *Log {
	return &Log{start: time.Now(), code: code, total: summaryEvent{Version: version}}
}

// Events writes what happens as lines of JSON.
func (l *Log) Events(w io.Writer) { l.events = ui.NewEvents(w) }

// Blocks writes how far the run is as blocks of key=value.
func (l *Log) Blocks(w io.Writer) { l.blocks = ui.NewBlocks(w) }

// Begin says what there is to do, and gives what counts it.
func (l *Log) Begin(j *explain.Job, pictures int) *ui.Run {
	run := ui.NewRun(pictures, j.Positions())
	run.Listen(func(s ui.Status) {
		l.events.Emit("status", s)
		l.blocks.Write(s, false)
	})
	m := j.Model()
	l.total.Model, l.total.ModelSHA256, l.total.Kernels, l.total.Threads = m.File.Name, m.File.SHA256, m.Plan.Kernels(), j.Threads()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.run = run
	return run
}

// Item tells of a picture that is done.
func (l *Log) Item(picture string, rec *explain.Record) {
	t := &l.total
	t.Positions += rec.Positions
	t.Skipped += rec.Skipped
	t.MultiplyAddsWhole += rec.MultiplyAddsWhole
	t.MultiplyAddsSpent += rec.MultiplyAddsSpent
	t.SecondsViews += rec.SecondsViews
	t.SecondsMap += rec.SecondsMap
	l.events.Emit("item", itemEvent{picture, rec.Summary()})
}

// Fail tells of a picture that failed.
func (l *Log) Fail(picture string, err error) {
	l.failed++
	l.events.Emit("error", errorEvent{picture, err.Error(), l.code(err)})
}

// State says in a line how far the run is.
func (l *Log) State() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.run == nil {
		return "preparing"
	}
	return l.run.State()
}

// Finish tells how the run ended: with err, which is told of where it is not that some
// pictures failed, or where the run was broken off.
func (l *Log) Finish(err error, broken bool) {
	if err != nil && (l.failed == 0 || broken) {
		l.events.Emit("error", errorEvent{"", err.Error(), l.code(err)})
	}
	t := &l.total
	var status ui.Status
	if l.run != nil {
		status = l.run.Status()
	}
	t.Pictures, t.Done, t.Failed = status.Pictures, status.Done, status.Failed
	t.ExitCode, t.Seconds, t.PeakMemory = l.code(err), time.Since(l.start).Seconds(), limits.Peak()
	t.Ratio = number.Ratio(float64(t.MultiplyAddsWhole), float64(t.MultiplyAddsSpent))
	l.events.Emit("summary", t)
	l.blocks.Write(status, true)
}

// Errs are what went wrong when events and blocks were written.
func (l *Log) Errs() (events, blocks error) { return l.events.Err(), l.blocks.Err() }
