package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"krypton/internal/environment"
)

// envOf is what `krypton env --json` says when it is run by a program with
// arguments, such as taskset; "" means directly.
func envOf(t *testing.T, by []string, env ...string) (e environment.Report, err error) {
	t.Helper()
	cmd := command("env", "--json")
	if len(by) > 0 {
		// The test binary knows by its own name, argument 0, that it is krypton.
		link := filepath.Join(t.TempDir(), "krypton")
		if err := os.Symlink(cmd.Path, link); err != nil {
			t.Fatal(err)
		}
		cmd = exec.Command(by[0], append(by[1:], link, "env", "--json")...)
	}
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &e)
	}
	return e, err
}

// TestEnvSaysItsLimits: affinity and the environment limit the process, the least
// counts, and absurd numbers are no threads.
func TestEnvSaysItsLimits(t *testing.T) {
	for name, c := range map[string]struct {
		by      []string
		env     []string
		threads int
		from    string
		memory  int64 // MiB, 0 for any
	}{
		"Slurm's number":        {nil, []string{"SLURM_CPUS_PER_TASK=1", "SLURM_MEM_PER_CPU=500"}, 1, "", 450},
		"affinity is less":      {[]string{"taskset", "-c", "0"}, []string{"SLURM_CPUS_PER_TASK=4", "SLURM_MEM_PER_CPU=400"}, 1, "lets the process run on", 360},
		"absurd":                {[]string{"taskset", "-c", "0"}, []string{"SLURM_CPUS_PER_TASK=999999999"}, 1, "lets the process run on", 0},
		"address space":         {[]string{"prlimit", "--as=8000000000"}, nil, 0, "", 0},
		"the user's word first": {nil, []string{"SLURM_CPUS_PER_TASK=1", "KRYPTON_THREADS=3", "KRYPTON_MEMORY=1GiB", "SLURM_MEM_PER_NODE=10"}, 3, "KRYPTON_THREADS", 1024},
	} {
		e, err := envOf(t, c.by, c.env...)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if c.threads != 0 && e.Threads != c.threads || !strings.Contains(e.ThreadsFrom, c.from) || c.memory != 0 && e.Memory>>20 != c.memory {
			t.Errorf("%s: %+v", name, e)
		}
		if len(e.Processors) == 0 || len(e.Memories) == 0 {
			t.Errorf("%s: no list of limits: %+v", name, e)
		}
		if name == "address space" && (!strings.Contains(e.MemoryFrom, "max address space") && e.Memory > 7200e6) {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// TestFoldersThatTakeNoFiles: that nothing can be written is noticed before the work,
// whatever rights the user has.
func TestFoldersThatTakeNoFiles(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "sample.png")
	holding(samplePicture())(t, picture)
	heat := filepath.Join(t.TempDir(), "map.npy")
	holding(npy(t, [128][128]float32{}))(t, heat)
	runBad(t, []badInput{
		{id: "C03/obe", args: []string{"obe", picture, "-q", "-o", "/proc/x.png"}, code: exitCantCreate, says: "takes no files"},
		{id: "C03/obe-scores", args: []string{"obe", picture, "-q", "-o", "DIR/x.png", "--scores", "/proc/x.npy"}, code: exitCantCreate, says: "takes no files"},
		{id: "C03/tune", args: []string{"tune", picture, "-q", "-o", "/proc/x.yaml"}, code: exitCantCreate, says: "takes no files"},
		{id: "C03/tune-points", args: []string{"tune", picture, "-q", "-o", "DIR/x.yaml", "--points", "/proc/x.csv"}, code: exitCantCreate, says: "takes no files"},
		{id: "C03/bench", args: []string{"bench", "-q", "--outputs", "/proc/x.bin"}, code: exitCantCreate, says: "takes no files"},
		{id: "C03/score", args: []string{"score", heat, "--image", picture, "-q", "--plot", "/proc/x.png"}, code: exitCantCreate, says: "takes no files"},
	})
}

// TestGroupOfAnAncestor runs krypton where /proc/self/cgroup and /sys/fs/cgroup are
// those of a step of a Slurm job whose limit stands at the job. It needs the right
// to mount, which root has; elsewhere internal/limits' own tests show the same
// files by another root.
func TestGroupOfAnAncestor(t *testing.T) {
	if os.Geteuid() != 0 || exec.Command("unshare", "-m", "true").Run() != nil {
		t.Log("no right to mount: not tried")
		return
	}
	const job = "/system.slice/slurmstepd.scope/job_7"
	dir := t.TempDir()
	for _, sub := range []string{"", "/step_0", "/step_0/user", "/step_0/user/task_0"} {
		group := filepath.Join(dir, "tree", job, sub)
		if err := os.MkdirAll(group, 0o755); err != nil {
			t.Fatal(err)
		}
		text := "max\n"
		if sub == "" {
			text = "536870912\n"
		}
		holding([]byte(text))(t, filepath.Join(group, "memory.max"))
	}
	holding([]byte("0::"+job+"/step_0/user/task_0\n"))(t, filepath.Join(dir, "cgroup"))
	script := `mount --bind "$1/tree" /sys/fs/cgroup && mount --bind "$1/cgroup" /proc/$$/cgroup && shift && exec "$@"`
	e, err := envOf(t, []string{"unshare", "-m", "sh", "-c", script, "sh", dir})
	if err != nil {
		t.Fatal(err)
	}
	if e.Memory>>20 != 460 || !strings.Contains(e.MemoryFrom, job+"/memory.max") {
		t.Errorf("%d MiB from %q, want 460 of the job's group", e.Memory>>20, e.MemoryFrom)
	}
}
