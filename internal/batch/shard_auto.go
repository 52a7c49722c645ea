package batch

import (
	"errors"
	"fmt"
	"strings"
)

// ShardCount names the variable of the environment that says how many shards there are where the
// engine does not.
const ShardCount = "KRYPTON_SHARDS"

// engines are what can start one process for each shard. index says which
// variable shows that the engine is there, unless its value is none: what the
// engine says to processes that are in no array.
var engines = []struct {
	name, index, none string
	shard             func(*environment) (i, n int)
}{
	{"Slurm array", "SLURM_ARRAY_TASK_ID", "", func(e *environment) (int, int) {
		return e.array("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX", "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT", ShardCount)
	}},
	{"Kubernetes Indexed Job", "JOB_COMPLETION_INDEX", "", func(e *environment) (int, int) {
		return e.number("JOB_COMPLETION_INDEX") + 1, e.count(ShardCount, "JOB_COMPLETIONS")
	}},
	{"AWS Batch array", "AWS_BATCH_JOB_ARRAY_INDEX", "", func(e *environment) (int, int) {
		return e.number("AWS_BATCH_JOB_ARRAY_INDEX") + 1, e.count("AWS_BATCH_JOB_ARRAY_SIZE", ShardCount)
	}},
	{"Grid Engine array", "SGE_TASK_ID", "undefined", func(e *environment) (int, int) {
		return e.array("SGE_TASK_ID", "SGE_TASK_FIRST", "SGE_TASK_LAST", "SGE_TASK_STEPSIZE", ShardCount)
	}},
	{"PBS array", "PBS_ARRAY_INDEX", "", pbsShard("PBS_ARRAY_INDEX")},
	{"Torque array", "PBS_ARRAYID", "", pbsShard("PBS_ARRAYID")},
	{"LSF array", "LSB_JOBINDEX", "0", lsfShard},
	{"GNU parallel", "PARALLEL_SEQ", "", func(e *environment) (int, int) {
		return e.number("PARALLEL_SEQ"), e.count(ShardCount)
	}},
}

// AutoShard finds this process's shard in the environment that an engine made:
// arrays of Slurm, AWS Batch, Grid Engine, LSF, PBS and Torque, Kubernetes
// Indexed Jobs, GNU parallel. Where the engine does not say how many shards
// there are (Kubernetes, PBS, Torque, GNU parallel), KRYPTON_SHARDS must; where
// it does, KRYPTON_SHARDS must agree. lookup is os.LookupEnv or the like; an empty
// variable counts as none. No engine, more than one, a missing number and
// numbers that contradict each other are errors, for a wrong guess would leave
// items undone without a word. from names the engine and its variable.
func AutoShard(lookup func(string) (string, bool)) (s Shard, from string, err error) {
	e := &environment{lookup: lookup}
	found := -1
	for i, engine := range engines {
		if v, ok := e.get(engine.index); !ok || v == engine.none {
			continue
		}
		if found >= 0 {
			return Shard{}, "", fmt.Errorf("shard auto: both %s (%s) and %s (%s) are here: name the shard as i/n",
				engines[found].name, engines[found].index, engine.name, engine.index)
		}
		found = i
	}
	if found < 0 {
		var known []string
		for _, engine := range engines {
			known = append(known, engine.index)
		}
		return Shard{}, "", fmt.Errorf("shard auto: nothing in the environment says which shard this is (looked for %s)", strings.Join(known, ", "))
	}
	engine := engines[found]
	s.I, s.N = engine.shard(e)
	value, _ := e.get(engine.index)
	from = fmt.Sprintf("%s, %s=%s", engine.name, engine.index, value)
	if e.err == nil {
		e.err = s.check()
	}
	if e.err != nil {
		return Shard{}, "", fmt.Errorf("shard auto (%s): %w", from, e.err)
	}
	return s.complete(), from, nil
}

// pbsShard reads arrays that say nothing but the task's own number. They must
// count from 1: of 0-7 the task 0 is an error.
func pbsShard(index string) func(*environment) (int, int) {
	return func(e *environment) (int, int) { return e.number(index), e.count(ShardCount) }
}

// lsfShard reads arrays 1-END. LSF does not say where an array begins, so that
// of 5-8 merging the results finds the first four shards missing.
func lsfShard(e *environment) (int, int) {
	if _, ok := e.get("LSB_JOBINDEX_STEP"); ok {
		if step := e.number("LSB_JOBINDEX_STEP"); e.err == nil && step != 1 {
			e.fail(fmt.Errorf("the array has steps of %d: number it 1-N, or name the shard as i/n", step))
		}
	}
	return e.number("LSB_JOBINDEX"), e.count("LSB_JOBINDEX_END", ShardCount)
}

// array counts the tasks of an array FIRST-LAST:STEP. Arrays that are lists, and
// those that start some tasks of a batch again, have no such form: the numbers
// of tasks in the variables counts, if they are there, give them away.
func (e *environment) array(idName, firstName, lastName, stepName string, counts ...string) (int, int) {
	id, first := e.number(idName), e.number(firstName)
	last, step := e.number(lastName), e.number(stepName)
	if e.err != nil {
		return 0, 0
	}
	if step < 1 || first > last || id < first || id > last || (id-first)%step != 0 || last-first >= maxShards {
		e.fail(fmt.Errorf("task %d is not one of the array %d-%d:%d", id, first, last, step))
		return 0, 0
	}
	n := (last-first)/step + 1
	for _, name := range counts {
		if _, ok := e.get(name); ok {
			if told := e.number(name); e.err == nil && told != n {
				e.fail(fmt.Errorf("the array %d-%d:%d has %d tasks, but %s=%d: name the shard as i/n", first, last, step, n, name, told))
			}
		}
	}
	return (id-first)/step + 1, n
}

// environment reads numbers and keeps the first error.
type environment struct {
	lookup func(string) (string, bool)
	err    error
}

func (e *environment) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

func (e *environment) get(name string) (string, bool) {
	v, ok := e.lookup(name)
	return v, ok && v != ""
}

// number reads a variable that must be there.
func (e *environment) number(name string) int {
	v, ok := e.get(name)
	if !ok {
		e.fail(fmt.Errorf("%s is not set", name))
		return 0
	}
	n, err := parseCount(v)
	if err != nil {
		e.fail(fmt.Errorf("%s: %w", name, err))
	}
	return n
}

// count reads the number of shards from all variables that are there: at least
// one, and all the same.
func (e *environment) count(names ...string) int {
	n, from := 0, ""
	for _, name := range names {
		if _, ok := e.get(name); !ok {
			continue
		}
		switch told := e.number(name); {
		case from == "":
			n, from = told, name
		case told != n:
			e.fail(fmt.Errorf("%s=%d, but %s=%d", from, n, name, told))
		}
	}
	if from == "" {
		e.fail(errors.New("how many shards there are is not said: set " + strings.Join(names, " or ")))
	}
	return n
}
