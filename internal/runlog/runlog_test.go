package runlog

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"krypton/internal/explain"
	"krypton/internal/model"
)

func job(t testing.TB) *explain.Job {
	t.Helper()
	f, err := model.Open("", model.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := f.Load(model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	q := explain.Default()
	need := q.Need(n)
	p, err := n.Plan(need)
	if err != nil {
		t.Fatal(err)
	}
	m, err := n.Prepare(p, model.Preparation{Activation: true, Pad: 128})
	if err != nil {
		t.Fatal(err)
	}
	j, err := explain.Prepare(context.Background(), m, q, explain.Host{Threads: 3})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// TestLog: a program that reads the events learns what was done, what failed and with what
// code, once.
func TestLog(t *testing.T) {
	j := job(t)
	code := func(err error) int {
		if err == nil {
			return 0
		}
		return 65
	}
	fault := errors.New("no picture")
	for _, c := range []struct {
		failed, broken bool
		errors         int
	}{{false, false, 1}, {true, false, 1}, {true, true, 2}} {
		var events, blocks bytes.Buffer
		l := New("v1", code)
		l.Events(&events)
		l.Blocks(&blocks)
		if l.State() != "preparing" {
			t.Error(l.State())
		}
		run := l.Begin(j, 2)
		l.Item("a", &explain.Record{Positions: 7, MultiplyAddsWhole: 20, MultiplyAddsSpent: 5, FlipMap: [][]int32{{1}}})
		run.End(false)
		if c.failed {
			l.Fail("b", fault)
		}
		run.End(true)
		l.Finish(fault, c.broken)
		kinds := map[string]int{}
		var last map[string]any
		for s := bufio.NewScanner(&events); s.Scan(); {
			last = nil
			if err := json.Unmarshal(s.Bytes(), &last); err != nil {
				t.Fatal(err)
			}
			kinds[last["message_type"].(string)]++
		}
		if kinds["item"] != 1 || kinds["error"] != c.errors || kinds["summary"] != 1 {
			t.Errorf("%+v: %v", c, kinds)
		}
		if last["message_type"] != "summary" || last["exit_code"] != 65. || last["ratio"] != 4. || last["pictures_failed"] != 1. || last["positions"] != 7. || last["threads"] != 3. {
			t.Errorf("%v", last)
		}
		if e, b := l.Errs(); e != nil || b != nil || !strings.Contains(blocks.String(), "progress=end") {
			t.Errorf("%v, %v: %s", e, b, blocks.String())
		}
	}
}
