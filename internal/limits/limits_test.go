package limits

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tree writes a machine's files below a new folder. Of /proc/meminfo there is
// 64 GiB.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	put := func(name, text string) {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("/proc/meminfo", "MemTotal:       67108864 kB\nMemFree:         1 kB\n")
	for name, text := range files {
		put(name, text)
	}
	return root
}

func system(root string, cpus int, env ...string) System {
	return System{Root: root, CPUs: cpus, Getenv: func(name string) string {
		for _, e := range env {
			if n, v, _ := strings.Cut(e, "="); n == name {
				return v
			}
		}
		return ""
	}}
}

const (
	v2Mounts = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 22 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
	// Version 1, with cpu and cpuacct together, and a hierarchy of version 2 that
	// only systemd uses, as hybrid machines have it.
	hybridMounts = "30 22 0:27 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n" +
		"31 30 0:28 / /sys/fs/cgroup/unified rw shared:1 - cgroup2 cgroup2 rw\n" +
		"32 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:2 - cgroup cgroup rw,cpu,cpuacct\n" +
		"33 30 0:30 / /sys/fs/cgroup/cpuset rw shared:3 - cgroup cgroup rw,cpuset\n" +
		"34 30 0:31 / /sys/fs/cgroup/memory rw shared:4 - cgroup cgroup rw,memory\n"
	noLimit1 = "9223372036854771712\n"
	stats1   = "cache 1\nhierarchical_memory_limit 9223372036854771712\nhierarchical_memsw_limit 9223372036854771712\n"
	job      = "/system.slice/slurmstepd.scope/job_7"
)

// slurmTree is a step of a Slurm job whose limits stand at the job's group.
func slurmTree(more map[string]string) map[string]string {
	files := map[string]string{
		"/proc/self/cgroup": "0::" + job + "/step_0/user/task_0\n", "/proc/self/mountinfo": v2Mounts,
		"/sys/fs/cgroup" + job + "/memory.max": "536870912\n", "/sys/fs/cgroup" + job + "/cpu.max": "250000 100000\n",
		"/sys/fs/cgroup/system.slice/memory.max": "max\n", "/sys/fs/cgroup/system.slice/cpu.max": "max 100000\n",
	}
	for _, sub := range []string{"/step_0", "/step_0/user", "/step_0/user/task_0"} {
		files["/sys/fs/cgroup"+job+sub+"/memory.max"] = "max\n"
	}
	for name, text := range more {
		files[name] = text
	}
	return files
}

func TestLimits(t *testing.T) {
	const mib = 1 << 20
	rlimit := func(name, soft string) string {
		return "Limit                     Soft Limit           Hard Limit           Units     \n" +
			"Max cpu time              unlimited            unlimited            seconds   \n" +
			name + strings.Repeat(" ", 26-len(name)) + soft + strings.Repeat(" ", 21-len(soft)) + "unlimited            bytes     \n"
	}
	for name, c := range map[string]struct {
		files      map[string]string
		cpus       int
		env        []string
		memory     float64 // MiB
		memoryFrom string
		cpu        int64
		cpuFrom    string
	}{
		"nothing": {nil, 4, nil, 32768, "half of the machine", 4, "lets the process run on"},
		"an ancestor's group, version 2": {slurmTree(nil), 8, nil, 512 * .9, "/sys/fs/cgroup" + job + "/memory.max, 512 MiB",
			3, "/sys/fs/cgroup" + job + "/cpu.max"},
		"the own group is tighter": {slurmTree(map[string]string{"/sys/fs/cgroup" + job + "/step_0/user/task_0/memory.max": "104857600\n",
			"/sys/fs/cgroup" + job + "/step_0/user/cpu.max": "50000 100000\n"}), 8, nil, 100 * .9, "/task_0/memory.max", 1, "/user/cpu.max"},
		"memory.high": {slurmTree(map[string]string{"/sys/fs/cgroup" + job + "/step_0/memory.high": "209715200\n"}), 8, nil, 200 * .9, "/step_0/memory.high", 3, "cpu.max"},
		"a set of processors": {slurmTree(map[string]string{"/sys/fs/cgroup" + job + "/cpuset.cpus.effective": "3,5\n",
			"/sys/fs/cgroup" + job + "/step_0/cpuset.cpus.effective": "\n"}), 8, nil, 512 * .9, "memory.max", 2, "cpuset.cpus.effective"},
		"a container of version 2": {map[string]string{"/proc/self/cgroup": "0::/\n", "/proc/self/mountinfo": v2Mounts,
			"/sys/fs/cgroup/memory.max": "1073741824\n", "/sys/fs/cgroup/cpu.max": "150000 100000"}, 8, nil, 1024 * .9, "memory.max", 2, "cpu.max"},
		"a group outside the namespace": {map[string]string{"/proc/self/cgroup": "0::/../../other\n", "/proc/self/mountinfo": v2Mounts,
			"/sys/fs/cgroup/memory.max": "1073741824\n", "/sys/fs/cgroup/other/memory.max": "1048576\n"}, 8, nil, 1024 * .9, "memory.max", 8, "run on"},
		"a deleted group": {map[string]string{"/proc/self/cgroup": "0::/a/b (deleted)\n", "/proc/self/mountinfo": v2Mounts,
			"/sys/fs/cgroup/a/memory.max": "1073741824\n"}, 8, nil, 1024 * .9, "/a/memory.max", 8, "run on"},
		"a name with a space": {map[string]string{"/proc/self/cgroup": "0::/my job:1\n",
			"/proc/self/mountinfo":                "30 22 0:27 / /sys/fs/c\\040group rw - cgroup2 cgroup2 rw\n",
			"/sys/fs/c group/my job:1/memory.max": "1073741824\n"}, 8, nil, 1024 * .9, "/my job:1/memory.max", 8, "run on"},
		"version 1, hybrid": {map[string]string{
			"/proc/self/cgroup":                                             "9:name=systemd:/x\n4:memory:/slurm/uid_0/job_7\n3:cpu,cpuacct:/slurm\n2:cpuset:/slurm/uid_0\n0::/x\n",
			"/proc/self/mountinfo":                                          hybridMounts,
			"/sys/fs/cgroup/unified/x/cgroup.procs":                         "",
			"/sys/fs/cgroup/memory/slurm/uid_0/job_7/memory.limit_in_bytes": noLimit1, "/sys/fs/cgroup/memory/slurm/uid_0/job_7/memory.stat": stats1,
			"/sys/fs/cgroup/memory/slurm/uid_0/memory.limit_in_bytes": "1073741824\n", "/sys/fs/cgroup/memory/slurm/memory.limit_in_bytes": "2147483648\n",
			"/sys/fs/cgroup/memory/memory.limit_in_bytes":             noLimit1,
			"/sys/fs/cgroup/cpu,cpuacct/slurm/cpu.cfs_quota_us":       "400000\n",
			"/sys/fs/cgroup/cpu,cpuacct/slurm/cpu.cfs_period_us":      "100000\n",
			"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us":             "-1\n",
			"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us":            "100000\n",
			"/sys/fs/cgroup/cpuset/slurm/uid_0/cpuset.cpus":           "0-2\n",
			"/sys/fs/cgroup/cpuset/slurm/uid_0/cpuset.effective_cpus": "0-2\n",
		}, 8, nil, 1024 * .9, "uid_0/memory.limit_in_bytes", 3, "cpuset.effective_cpus"},
		"version 1 in a container that sees only its own": {map[string]string{
			"/proc/self/cgroup":                           "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n",
			"/proc/self/mountinfo":                        strings.ReplaceAll(hybridMounts, " / /sys/fs/cgroup/", " /docker/abc /sys/fs/cgroup/"),
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": noLimit1,
			"/sys/fs/cgroup/memory/memory.stat":           "cache 1\nhierarchical_memory_limit 209715200\n",
			"/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "100000\n", "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
		}, 8, nil, 200 * .9, "memory.stat", 1, "cfs_quota"},
		"another container's folder of the same beginning": {map[string]string{
			"/proc/self/cgroup": "4:memory:/docker/abcd\n", "/proc/self/mountinfo": strings.ReplaceAll(hybridMounts, " / /sys/fs/cgroup/", " /docker/abc /sys/fs/cgroup/"),
			"/sys/fs/cgroup/memory/memory.limit_in_bytes": "209715200\n", "/sys/fs/cgroup/memory/d/memory.limit_in_bytes": "1048576\n",
		}, 8, nil, 200 * .9, "memory.limit_in_bytes", 8, "run on"},
		"mounts that say nothing": {map[string]string{"/proc/self/cgroup": "0::/a/b\n", "/proc/self/mountinfo": "30 22 0:27 / /sys/fs/cgroup rw - ext4 /dev/sda1 rw\n",
			"/sys/fs/cgroup/a/memory.max": "1073741824\n"}, 8, nil, 1024 * .9, "/a/memory.max", 8, "run on"},
		"no /proc/self/cgroup":      {map[string]string{"/sys/fs/cgroup/memory.max": "1073741824\n"}, 8, nil, 1024 * .9, "memory.max", 8, "run on"},
		"rubbish":                   {map[string]string{"/proc/self/cgroup": "0::/\n\n:::\nx\n0::rel\n", "/proc/self/mountinfo": "- - -\n" + v2Mounts + "1 2 3\n", "/sys/fs/cgroup/memory.max": "much\n", "/sys/fs/cgroup/cpu.max": "-5 0\n", "/proc/meminfo": "MemTotal: x kB\n"}, 2, nil, 4096, "default", 2, "run on"},
		"address space":             {map[string]string{"/proc/self/limits": rlimit("Max address space", "1073741824")}, 2, nil, 1024 * .9, "max address space", 2, "run on"},
		"address space in use":      {map[string]string{"/proc/self/limits": rlimit("Max address space", "1073741824"), "/proc/self/status": "VmSize:\t 614400 kB\nVmRSS:\t 102400 kB\n"}, 2, nil, 524 * .9, "max address space", 2, "run on"},
		"address space all used":    {map[string]string{"/proc/self/limits": rlimit("Max address space", "1048576"), "/proc/self/status": "VmSize:\t 614400 kB\nVmRSS:\t 102400 kB\n"}, 2, nil, 0, "max address space", 2, "run on"},
		"data":                      {map[string]string{"/proc/self/limits": rlimit("Max data size", "209715200")}, 2, nil, 200 * .9, "max data size", 2, "run on"},
		"resident":                  {map[string]string{"/proc/self/limits": rlimit("Max resident set", "209715200")}, 2, nil, 200 * .9, "max resident set", 2, "run on"},
		"no resource limits":        {map[string]string{"/proc/self/limits": rlimit("Max address space", "unlimited")}, 2, nil, 32768, "half", 2, "run on"},
		"Slurm by node":             {nil, 64, []string{"SLURM_MEM_PER_NODE=2048", "SLURM_CPUS_PER_TASK=4"}, 2048 * .9, "SLURM_MEM_PER_NODE", 4, "SLURM_CPUS_PER_TASK"},
		"Slurm by processor":        {nil, 64, []string{"SLURM_MEM_PER_CPU=500", "SLURM_CPUS_PER_TASK=2"}, 1000 * .9, "SLURM_MEM_PER_CPU for 2 processors", 2, "SLURM_CPUS_PER_TASK"},
		"Slurm by processor, no -c": {nil, 64, []string{"SLURM_MEM_PER_CPU=1G", "SLURM_CPUS_ON_NODE=3"}, 3072 * .9, "SLURM_MEM_PER_CPU for 3", 3, "SLURM_CPUS_ON_NODE"},
		"a step of one processor":   {nil, 1, []string{"SLURM_MEM_PER_CPU=500", "SLURM_CPUS_PER_TASK=4"}, 500 * .9, "SLURM_MEM_PER_CPU for 1", 1, "run on"},
		"absurd Slurm":              {nil, 2, []string{"SLURM_CPUS_PER_TASK=999999999", "SLURM_MEM_PER_CPU=9223372036854775807", "SLURM_MEM_PER_NODE=99999999999999999"}, 32768, "half", 2, "run on"},
		"absurd, many processors":   {nil, 1 << 20, []string{"SLURM_CPUS_PER_TASK=999999999"}, 32768, "half", MaxProcessors, "SLURM_CPUS_PER_TASK"},
		"Slurm's all":               {nil, 2, []string{"SLURM_MEM_PER_NODE=0", "SLURM_CPUS_PER_TASK=0", "SLURM_CPUS_ON_NODE=-1"}, 32768, "half", 2, "run on"},
		"words":                     {nil, 2, []string{"SLURM_MEM_PER_NODE=much", "SLURM_CPUS_PER_TASK=2(x3)", "NSLOTS=undefined", "LSB_CG_MEMLIMIT=0xyz"}, 32768, "half", 2, "run on"},
		"PBS":                       {nil, 64, []string{"PBS_JOBID=1.x", "NCPUS=6", "PBS_RESC_MEM=1073741824"}, 1024 * .9, "PBS_RESC_MEM", 6, "NCPUS"},
		"NCPUS of somebody else":    {nil, 64, []string{"NCPUS=6"}, 32768, "half", 64, "run on"},
		"TORQUE":                    {nil, 64, []string{"PBS_NUM_PPN=5", "PBS_RESC_MEM=2gb"}, 2048 * .9, "PBS_RESC_MEM", 5, "PBS_NUM_PPN"},
		"LSF":                       {nil, 64, []string{"LSB_DJOB_NUMPROC=7", "LSB_CG_MEMLIMIT=0x40000000"}, 1024 * .9, "LSB_CG_MEMLIMIT", 7, "LSB_DJOB_NUMPROC"},
		"Grid Engine":               {map[string]string{"/proc/self/limits": rlimit("Max address space", "1073741824")}, 64, []string{"NSLOTS=3"}, 1024 * .9, "address space", 3, "NSLOTS"},
		"GOMAXPROCS":                {nil, 64, []string{"GOMAXPROCS=9"}, 32768, "half", 9, "GOMAXPROCS"},
		"the least of all": {slurmTree(map[string]string{"/proc/self/limits": rlimit("Max data size", "419430400")}), 8,
			[]string{"SLURM_MEM_PER_NODE=1024", "SLURM_CPUS_PER_TASK=4", "GOMAXPROCS=2"}, 400 * .9, "max data size", 2, "GOMAXPROCS"},
	} {
		s := system(tree(t, c.files), c.cpus, c.env...)
		m, p := s.Memory(), s.Processors()
		if got := float64(m[0].N) / mib; math.Abs(got-c.memory) > .01 || !strings.Contains(m[0].From, c.memoryFrom) {
			t.Errorf("%s: memory %+v, want %v MiB of %q", name, m, c.memory, c.memoryFrom)
		}
		if p[0].N != c.cpu || !strings.Contains(p[0].From, c.cpuFrom) {
			t.Errorf("%s: processors %+v, want %d of %q", name, p, c.cpu, c.cpuFrom)
		}
	}
}

func TestParse(t *testing.T) {
	for text, want := range map[string]int64{"": 0, "max 100000": 0, "-1 100000": 0, "100000 100000": 1, "100001 100000": 2, "1 100000": 1, "5": 0, "1 0": 0, "9223372036854775807 1": math.MaxInt64, "1 2 3": 0} {
		if got := parseQuota(text); got != want {
			t.Errorf("quota %q: %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]int64{"": 0, "0": 1, "0-3": 4, "0-1,4,6-7\n": 5, "3-1": 0, "x": 0, "0,": 0, "0-99999999999": 0} {
		if got := parseSet(text); got != want {
			t.Errorf("set %q: %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]int64{"": 0, "5": 5000, "5b": 5, "5k": 5 << 10, "5KB": 5 << 10, " 5Mb ": 5 << 20, "5g": 5 << 30, "5T": 5 << 40, "5x": 0, "5kk": 0, "-5": 0, "0": 0, "b": 0, "99999999t": 0} {
		if got := parseSize(text, 1000); got != want {
			t.Errorf("size %q: %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]int64{"0x10": 16, "16": 16, "ff": 255, "": 0, "-1": 0, "x": 0} {
		if got := parseHex(text); got != want {
			t.Errorf("hex %q: %d, want %d", text, got, want)
		}
	}
}

// FuzzParsers: whatever the files and the environment say, no number is negative,
// and no folder lies outside its mount.
func FuzzParsers(f *testing.F) {
	f.Add("0::"+job+"\n", v2Mounts, "250000 100000", "0-3", "2048", "4")
	f.Add("4:memory:/a\n3:cpu,cpuacct:/a\n", hybridMounts, "-1", "", "1g", "0x10")
	f.Add("0::/..\n", "1 2 3 /\\04 \\ - cgroup2 a b\n", "max 1", "1-", "0", "-")
	f.Fuzz(func(t *testing.T, groups, mounts, quota, set, size, count string) {
		for _, g := range parseGroups(groups) {
			for _, m := range append(parseMounts(mounts), usualMounts(g, "memory")...) {
				for _, folder := range m.folders(g) {
					if rel, err := filepath.Rel(filepath.Clean("/"+m.point), filepath.Clean("/"+folder)); err != nil || rel == ".." || strings.HasPrefix(rel, "../") {
						t.Fatalf("mount %+v, group %+v: folder %q", m, g, folder)
					}
				}
			}
		}
		for _, n := range []int64{parseQuota(quota), parseSet(set), parseSize(size, 1<<20), parseSize(size, 1), parseHex(count)} {
			if n < 0 {
				t.Fatal(n)
			}
		}
		s := system(os.DevNull, 8, "SLURM_MEM_PER_NODE="+size, "SLURM_MEM_PER_CPU="+count, "SLURM_CPUS_PER_TASK="+count, "LSB_CG_MEMLIMIT="+count, "PBS_RESC_MEM="+size)
		if m := s.Memory()[0]; m.N < 1 {
			t.Fatalf("%+v", m)
		}
		if p := s.Processors()[0]; p.N < 1 || p.N > 8 {
			t.Fatalf("%+v", p)
		}
	})
}

func TestParseBytes(t *testing.T) {
	for text, want := range map[string]int64{"1": 1, "1.5k": 1536, "2 GiB": 2 << 30, "3MB": 3e6, "4g": 4 << 30, "1TiB": 1 << 40, "7B": 7} {
		if n, err := ParseBytes(text); err != nil || n != want {
			t.Errorf("%q: %d, %v, want %d", text, n, err, want)
		}
	}
	for _, text := range []string{"", "GiB", "0", "-1", "1e9", "1XB", "99999999TiB", "nan"} {
		if n, err := ParseBytes(text); err == nil {
			t.Errorf("%q became %d", text, n)
		}
	}
}

// TestProcess: what the process holds is something, and its peak no less where the system
// tells it.
func TestProcess(t *testing.T) {
	if held, peak := Resident(), Peak(); held <= 0 || peak != 0 && peak < held/2 {
		t.Errorf("%d bytes held, %d at most", held, peak)
	}
}

// TestMachine: what the system tells beside files is a limit where files say nothing.
func TestMachine(t *testing.T) {
	const gib = 1 << 30
	for name, c := range map[string]struct {
		s          System
		memory     int64
		processors int64
		from       string
	}{
		"Apple, 4 fast cores of 8": {System{Physical: 16 * gib, CPUs: 8, Fast: 4}, 8 * gib, 4, "performance cores"},
		"one kind of cores":        {System{Physical: 32 * gib, CPUs: 8}, 16 * gib, 8, "lets the process run on"},
		"fewer allowed than fast":  {System{Physical: 32 * gib, CPUs: 2, Fast: 4}, 16 * gib, 2, "lets the process run on"},
		"nothing told":             {System{CPUs: 3}, fallbackMemory, 3, "lets the process run on"},
	} {
		c.s.Root, c.s.Getenv = t.TempDir(), func(string) string { return "" }
		if m := c.s.Memory()[0]; m.N != c.memory {
			t.Errorf("%s: memory %+v, want %d", name, m, c.memory)
		}
		if p := c.s.Processors()[0]; p.N != c.processors || !strings.Contains(p.From, c.from) {
			t.Errorf("%s: processors %+v, want %d: %s", name, p, c.processors, c.from)
		}
	}
}
