package obe

import "time"

// SetClock makes the time that ends a map a test's.
func (t *Task) SetClock(now func() time.Time) { t.clock = now }
