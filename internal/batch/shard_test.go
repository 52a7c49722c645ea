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

func sge(id, first, last, step string, more ...string) []string {
	return append([]string{"SGE_TASK_ID=" + id, "SGE_TASK_FIRST=" + first, "SGE_TASK_LAST=" + last, "SGE_TASK_STEPSIZE=" + step}, more...)
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

		{"auto", []string{"AWS_BATCH_JOB_ARRAY_INDEX=0", "AWS_BATCH_JOB_ARRAY_SIZE=9", "KRYPTON_SHARDS=8"}, "!AWS_BATCH_JOB_ARRAY_SIZE=9, but KRYPTON_SHARDS=8", ""},
		{"auto", []string{"AWS_BATCH_JOB_ARRAY_INDEX=0", "KRYPTON_SHARDS=8"}, "1/8", "AWS Batch array, AWS_BATCH_JOB_ARRAY_INDEX=0"},

		{"auto", sge("3", "1", "8", "1"), "3/8", "Grid Engine array, SGE_TASK_ID=3"},
		{"auto", sge("7", "1", "10", "3", "KRYPTON_SHARDS=4"), "3/4", "Grid Engine array, SGE_TASK_ID=7"},
		{"auto", sge("undefined", "undefined", "undefined", "undefined"), "!nothing in the environment", ""},
		{"auto", sge("undefined", "undefined", "undefined", "undefined", "PARALLEL_SEQ=2", "KRYPTON_SHARDS=2"), "2/2", "GNU parallel, PARALLEL_SEQ=2"},
		{"auto", sge("3", "undefined", "8", "1"), "!SGE_TASK_FIRST: \"undefined\" is not a whole number", ""},
		{"auto", sge("9", "1", "8", "1"), "!task 9 is not one of the array 1-8:1", ""},
		{"auto", sge("2", "2", "2", "1", "KRYPTON_SHARDS=8"), "!the array 2-2:1 has 1 tasks, but KRYPTON_SHARDS=8", ""},

		{"auto", []string{"PBS_ARRAY_INDEX=1", "KRYPTON_SHARDS=8"}, "1/8", "PBS array, PBS_ARRAY_INDEX=1"},
		{"auto", []string{"PBS_ARRAY_INDEX=0", "KRYPTON_SHARDS=8"}, "!shards count from 1 to 8", ""},
		{"auto", []string{"PBS_ARRAY_INDEX=1"}, "!set KRYPTON_SHARDS", ""},
		{"auto", []string{"PBS_ARRAYID=8", "KRYPTON_SHARDS=8"}, "8/8", "Torque array, PBS_ARRAYID=8"},
		{"auto", []string{"PBS_ARRAYID=9", "KRYPTON_SHARDS=8"}, "!shards count from 1 to 8", ""},
		{"auto", []string{"PBS_ARRAYID=1"}, "!set KRYPTON_SHARDS", ""},

		{"auto", []string{"LSB_JOBINDEX=2", "LSB_JOBINDEX_END=8", "LSB_JOBINDEX_STEP=1"}, "2/8", "LSF array, LSB_JOBINDEX=2"},
		{"auto", []string{"LSB_JOBINDEX=2", "KRYPTON_SHARDS=8"}, "2/8", "LSF array, LSB_JOBINDEX=2"},
		{"auto", []string{"LSB_JOBINDEX=2", "LSB_JOBINDEX_END=8", "KRYPTON_SHARDS=7"}, "!LSB_JOBINDEX_END=8, but KRYPTON_SHARDS=7", ""},
		{"auto", []string{"LSB_JOBINDEX=3", "LSB_JOBINDEX_END=9", "LSB_JOBINDEX_STEP=2"}, "!the array has steps of 2", ""},
		{"auto", []string{"LSB_JOBINDEX=9", "LSB_JOBINDEX_END=8"}, "!shards count from 1 to 8", ""},
		{"auto", []string{"LSB_JOBINDEX=1"}, "!set LSB_JOBINDEX_END or KRYPTON_SHARDS", ""},
		{"auto", []string{"LSB_JOBINDEX=0", "LSB_JOBINDEX_END=0"}, "!nothing in the environment", ""},
		{"auto", []string{"LSB_JOBINDEX=1", "LSB_JOBINDEX_END=8", "PBS_ARRAYID=1"}, "!both Torque array (PBS_ARRAYID) and LSF array (LSB_JOBINDEX)", ""},

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
			if other, _, err := AutoShard(environ(sge(itoa(id), itoa(a.first), itoa(a.last), itoa(a.step))...)); err != nil || other != s {
				t.Fatalf("%+v task %d: Grid Engine's %v, %v, but Slurm's %v", a, id, other, err, s)
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
