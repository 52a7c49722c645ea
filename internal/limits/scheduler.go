package limits

import (
	"fmt"
	"strconv"
	"strings"
)

// processorVariables are set by schedulers for a job's processes. Slots of LSF and
// Grid Engine count those of other machines too: the system's own number is less
// then. NCPUS is a word that others use as well.
var processorVariables = []struct{ name, only string }{
	{"SLURM_CPUS_PER_TASK", ""}, // where the job asked for it
	{"SLURM_CPUS_ON_NODE", ""},  // of the job, or of the step
	{"NCPUS", "PBS_JOBID"},      // OpenPBS and PBS Professional: processors on this machine
	{"PBS_NUM_PPN", ""},         // TORQUE: processors on each machine
	{"LSB_DJOB_NUMPROC", ""},    // LSF
	{"NSLOTS", ""},              // Grid Engine
	{"GOMAXPROCS", ""},          // whoever runs Go programs
}

// schedulerProcessors is what the environment says about processors.
func (s System) schedulerProcessors() (all []Limit) {
	for _, v := range processorVariables {
		if v.only != "" && s.Getenv(v.only) == "" {
			continue
		}
		if n, err := strconv.ParseInt(s.Getenv(v.name), 10, 64); err == nil && n > 0 {
			all = append(all, Limit{min(n, MaxProcessors), "environment " + v.name})
		}
	}
	return all
}

// schedulerMemory is what the environment says about memory. Grid Engine says
// nothing there: its h_vmem is a resource limit. PBS says nothing either, but
// for sites that set PBS_RESC_MEM (in bytes); pvmem is a resource limit.
func (s System) schedulerMemory() (all []Limit) {
	add := func(n int64, from string) {
		if n > 0 && n < unlimited {
			all = append(all, Limit{n, fmt.Sprintf("environment %s, %d MiB", from, n>>20)})
		}
	}
	add(parseSize(s.Getenv("SLURM_MEM_PER_NODE"), 1<<20), "SLURM_MEM_PER_NODE")
	if each := parseSize(s.Getenv("SLURM_MEM_PER_CPU"), 1<<20); each > 0 && each < unlimited/MaxProcessors {
		n := min(s.Processors()[0].N, MaxProcessors)
		add(each*n, fmt.Sprintf("SLURM_MEM_PER_CPU for %d processors", n))
	}
	add(parseSize(s.Getenv("PBS_RESC_MEM"), 1), "PBS_RESC_MEM")
	add(parseHex(s.Getenv("LSB_CG_MEMLIMIT")), "LSB_CG_MEMLIMIT")
	return all
}

// parseSize reads a whole number of the given unit, or of the one behind it (k, m,
// g or t, with or without b): 0 if it is none. 0 means no limit to Slurm as well.
func parseSize(text string, unit int64) int64 {
	digits := strings.ToLower(strings.TrimSpace(text))
	if i := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); i >= 0 {
		power := strings.Index("bkmgt", strings.TrimSuffix(digits[i:], "b"))
		if len(digits)-i > 2 || power < 0 {
			return 0
		}
		digits, unit = digits[:i], 1<<(10*power)
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n <= 0 || n > unlimited/unit {
		return 0
	}
	return n * unit
}

// parseHex reads LSF's bytes, which are hexadecimal (0x40000000).
func parseHex(text string) int64 {
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		n, err = strconv.ParseInt(text, 16, 64)
	}
	if err != nil || n < 0 {
		return 0
	}
	return n
}
