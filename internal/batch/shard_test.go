package batch

import (
	"strings"
	"testing"
)

func environ(pairs ...string) func(string) (string, bool) {
	m := map[string]string{}
	for _, p := range pairs {
		name, value, _ := strings.Cut(p, "=")
		m[name] = value
	}
	return func(name string) (string, bool) { v, ok := m[name]; return v, ok }
}

func slurm(id, first, last, step string, more ...string) []string {
	return append([]string{"SLURM_ARRAY_TASK_ID=" + id, "SLURM_ARRAY_TASK_MIN=" + first, "SLURM_ARRAY_TASK_MAX=" + last, "SLURM_ARRAY_TASK_STEP=" + step}, more...)
}

func TestParseShard(t *testing.T) {
	for _, c := range []struct {
		text string
		env  []string
		want string // or the error's fragment behind a !
		from string
	}{
		{"2/8", nil, "2/8", ""},
		{"1/1", []string{"PARALLEL_SEQ=7"}, "1/1", ""},
		{"1048576/1048576", nil, "1048576/1048576", ""},
		{"0/8", nil, "!shards count from 1 to 8", ""},
		{"9/8", nil, "!shards count from 1 to 8", ""},
		{"1/0", nil, "!number of shards is not between", ""},
		{"1/1048577", nil, "!number of shards is not between", ""},
		{"", nil, "!neither i/n", ""},
		{"3", nil, "!neither i/n", ""},
		{"/", nil, "!not a whole number", ""},
		{"+1/2", nil, "!\"+1\" is not a whole number", ""},
		{"1/2/3", nil, "!\"2/3\" is not a whole number", ""},
		{" 1/2", nil, "!not a whole number", ""},
		{"1/99999999999999999999", nil, "!99999999999999999999 is too large", ""},

		{"auto", nil, "!nothing in the environment", ""},
		{"auto", []string{"SLURM_ARRAY_TASK_ID="}, "!nothing in the environment", ""},
		{"auto", slurm("3", "0", "7", "1"), "4/8", "Slurm array, SLURM_ARRAY_TASK_ID=3"},
		{"auto", slurm("7", "1", "10", "3", "SLURM_ARRAY_TASK_COUNT=4", "KRYPTON_SHARDS=4"), "3/4", "Slurm array, SLURM_ARRAY_TASK_ID=7"},
		{"auto", slurm("5", "5", "5", "1"), "1/1", "Slurm array, SLURM_ARRAY_TASK_ID=5"},
		{"auto", slurm("5", "0", "8", "2"), "!task 5 is not one of the array 0-8:2", ""},
		{"auto", slurm("9", "0", "8", "1"), "!task 9 is not one of", ""},
		{"auto", slurm("1", "2", "8", "1"), "!task 1 is not one of", ""},
		{"auto", slurm("2", "2", "8", "0"), "!task 2 is not one of", ""},
		{"auto", slurm("0", "0", "2147483647", "1"), "!task 0 is not one of", ""},
		{"auto", slurm("3", "1", "7", "1", "SLURM_ARRAY_TASK_COUNT=3"), "!the array 1-7:1 has 7 tasks, but SLURM_ARRAY_TASK_COUNT=3", ""},
		{"auto", slurm("3", "3", "3", "1", "KRYPTON_SHARDS=8"), "!the array 3-3:1 has 1 tasks, but KRYPTON_SHARDS=8: name the shard", ""},
		{"auto", slurm("x", "0", "7", "1"), "!SLURM_ARRAY_TASK_ID: \"x\" is not a whole number", ""},
		{"auto", slurm("3", "0", "7", "1", "SLURM_ARRAY_TASK_COUNT=-8"), "!SLURM_ARRAY_TASK_COUNT: \"-8\"", ""},
		{"auto", slurm("3", "0", "7", ""), "!SLURM_ARRAY_TASK_STEP is not set", ""},
		{"auto", []string{"SLURM_ARRAY_TASK_ID=3"}, "!SLURM_ARRAY_TASK_MIN is not set", ""},

		{"auto", []string{"JOB_COMPLETION_INDEX=0", "KRYPTON_SHARDS=4"}, "1/4", "Kubernetes Indexed Job, JOB_COMPLETION_INDEX=0"},
		{"auto", []string{"JOB_COMPLETION_INDEX=3", "JOB_COMPLETIONS=4"}, "4/4", "Kubernetes Indexed Job, JOB_COMPLETION_INDEX=3"},
		{"auto", []string{"JOB_COMPLETION_INDEX=3", "JOB_COMPLETIONS=4", "KRYPTON_SHARDS=5"}, "!KRYPTON_SHARDS=5, but JOB_COMPLETIONS=4", ""},
		{"auto", []string{"JOB_COMPLETION_INDEX=4", "JOB_COMPLETIONS=4"}, "!shards count from 1 to 4", ""},
		{"auto", []string{"JOB_COMPLETION_INDEX=0"}, "!is not said: set KRYPTON_SHARDS or JOB_COMPLETIONS", ""},
		{"auto", []string{"JOB_COMPLETION_INDEX=0", "KRYPTON_SHARDS=0"}, "!number of shards is not between", ""},

		{"auto", []string{"AWS_BATCH_JOB_ARRAY_INDEX=9", "AWS_BATCH_JOB_ARRAY_SIZE=10"}, "10/10", "AWS Batch array, AWS_BATCH_JOB_ARRAY_INDEX=9"},
		{"auto", []string{"AWS_BATCH_JOB_ARRAY_INDEX=9", "AWS_BATCH_JOB_ARRAY_SIZE=9"}, "!shards count from 1 to 9", ""},
		{"auto", []string{"AWS_BATCH_JOB_ARRAY_INDEX=9"}, "!set AWS_BATCH_JOB_ARRAY_SIZE or KRYPTON_SHARDS", ""},

		{"auto", []string{"PARALLEL_SEQ=2", "KRYPTON_SHARDS=2"}, "2/2", "GNU parallel, PARALLEL_SEQ=2"},
		{"auto", []string{"PARALLEL_SEQ=0", "KRYPTON_SHARDS=2"}, "!shards count from 1 to 2", ""},
		{"auto", []string{"PARALLEL_SEQ=1"}, "!set KRYPTON_SHARDS", ""},
		{"auto", append(slurm("3", "0", "7", "1"), "PARALLEL_SEQ=1", "KRYPTON_SHARDS=8"), "!both Slurm array (SLURM_ARRAY_TASK_ID) and GNU parallel (PARALLEL_SEQ)", ""},
	} {
		s, from, err := ParseShard(c.text, "", environ(c.env...))
		if fragment, fails := strings.CutPrefix(c.want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), fragment) || !strings.HasPrefix(err.Error(), "shard ") || s != (Shard{}) || from != "" {
				t.Errorf("%q %q: got %v, %v; want an error with %q", c.text, c.env, s, err, fragment)
			}
			continue
		}
		if err != nil || s.String() != c.want || s.By != ByHash || from != c.from {
			t.Errorf("%q %q: got %v from %q, %v; want %s from %q", c.text, c.env, s, from, err, c.want, c.from)
		}
	}
}

func TestParseShardBy(t *testing.T) {
	for _, by := range []string{ByHash, ByOrder, ByCost} {
		if s, _, err := ParseShard("1/2", by, environ()); err != nil || s.By != by {
			t.Errorf("%s: %v, %v", by, s, err)
		}
	}
	if _, _, err := ParseShard("1/2", "size", environ()); err == nil || !strings.Contains(err.Error(), `cannot deal by "size"`) {
		t.Error(err)
	}
}

// TestAutoShardCoversAnArray plays all tasks of arrays: together they are all
// shards, each once.
func TestAutoShardCoversAnArray(t *testing.T) {
	for _, a := range []struct{ first, last, step int }{{0, 7, 1}, {1, 8, 1}, {0, 10, 3}, {5, 5, 1}, {2, 21, 10}} {
		seen := map[int]bool{}
		n := (a.last-a.first)/a.step + 1
		for id := a.first; id <= a.last; id += a.step {
			s, _, err := AutoShard(environ(slurm(itoa(id), itoa(a.first), itoa(a.last), itoa(a.step))...))
			if err != nil || s.N != n || seen[s.I] {
				t.Fatalf("%+v task %d: %v, %v", a, id, s, err)
			}
			seen[s.I] = true
		}
		if len(seen) != n {
			t.Errorf("%+v: %v", a, seen)
		}
	}
}

func FuzzParseShard(f *testing.F) {
	f.Add("2/8", "3", "0", "7", "1")
	f.Add("auto", "3", "0", "7", "1")
	f.Add("auto", "9", "1", "4294967295", "0")
	f.Fuzz(func(t *testing.T, text, id, first, last, step string) {
		s, _, err := ParseShard(text, ByOrder, environ(slurm(id, first, last, step)...))
		if err != nil {
			return
		}
		if s.I < 1 || s.I > s.N || s.N > maxShards {
			t.Fatalf("%+v", s)
		}
		again, _, err := ParseShard(s.String(), s.By, environ())
		if err != nil || again != s {
			t.Fatalf("%v, then %v, %v", s, again, err)
		}
	})
}
