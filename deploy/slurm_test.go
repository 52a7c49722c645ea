//go:build unix

package deploy

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func bash(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash here")
	}
	return path
}

func TestScriptsParse(t *testing.T) {
	scripts, err := filepath.Glob("slurm/*.sbatch")
	if err != nil || len(scripts) != 2 {
		t.Fatal(scripts, err)
	}
	more, err := filepath.Glob("../scripts/slurm/*.sh")
	if err != nil || len(more) == 0 {
		t.Fatal(more, err)
	}
	for _, s := range append(scripts, more...) {
		if out, err := exec.Command(bash(t), "-n", s).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", s, err, out)
		}
	}
}

// TestArrayTask plays a task of an array: Slurm's programs and krypton are
// scripts here. That Slurm itself means the same is for `make test-slurm`.
func TestArrayTask(t *testing.T) {
	for _, c := range []struct {
		name, krypton, state string
		env                  []string
		term                 bool
		code                 int
		requeued             bool
	}{
		{"done", "exit 0", "RUNNING", nil, false, 0, false},
		{"some failed", "exit 3", "RUNNING", nil, false, 3, false},
		{"usage", "exit 64", "RUNNING", nil, false, 64, false},
		{"killed", "kill -KILL $$", "RUNNING", nil, false, 137, false},
		{"temporary", "exit 75", "RUNNING", nil, false, 75, true},
		{"temporary, often", "exit 75", "RUNNING", []string{"SLURM_RESTART_COUNT=19"}, false, 75, true},
		{"temporary, too often", "exit 75", "RUNNING", []string{"SLURM_RESTART_COUNT=20"}, false, 75, false},
		{"own limit", "exit 75", "RUNNING", []string{"SLURM_RESTART_COUNT=1", "KRYPTON_RESTARTS=1"}, false, 75, false},
		{"time limit", waitForTerm, "RUNNING", nil, true, 143, true},
		{"cancelled", waitForTerm, "COMPLETING", nil, true, 143, false},
		{"requeued by Slurm", waitForTerm, "PENDING", nil, true, 143, false},
		{"done in spite of TERM", strings.Replace(waitForTerm, "exit 143", "sleep 0.1; exit 0", 1), "RUNNING", nil, true, 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for name, script := range map[string]string{
				"squeue":   `[ "$*" = "--noheader --jobs=7_3 --format=%T" ] && echo ` + c.state,
				"scontrol": `echo "$*" >>"$PLAY/told"`,
				"krypton":  `echo "$*" >"$PLAY/arguments"; ` + c.krypton,
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			cmd := exec.Command(bash(t), "slurm/krypton-array.sbatch", "--manifest", "a list.csv", "--out-dir", "maps")
			cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
			cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "PLAY="+dir, "KRYPTON=", "KRYPTON_COMMAND=", "KRYPTON_RESTARTS=",
				"SLURM_RESTART_COUNT=", "SLURM_ARRAY_JOB_ID=7", "SLURM_ARRAY_TASK_ID=3", "SLURM_JOB_ID=7")
			cmd.Env = append(cmd.Env, c.env...)
			var log strings.Builder
			cmd.Stderr = &log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			// A script that does not heed the signal ends with all it has started.
			late := time.AfterFunc(time.Minute, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
			defer late.Stop()
			if c.term {
				awaitFile(t, filepath.Join(dir, "started"))
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil { // the script alone
					t.Fatal(err)
				}
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); err != nil && !errors.As(err, &exit) {
				t.Fatal(err)
			}
			if got := cmd.ProcessState.ExitCode(); got != c.code {
				t.Errorf("exit code %d, want %d\n%s", got, c.code, log.String())
			}
			if got := read(t, filepath.Join(dir, "arguments")); got != "obe --manifest a list.csv --out-dir maps --shard auto --resume\n" {
				t.Errorf("krypton's arguments: %s", got)
			}
			got, _ := os.ReadFile(filepath.Join(dir, "told"))
			if want := map[bool]string{true: "requeue 7_3\n"}[c.requeued]; string(got) != want {
				t.Errorf("scontrol was told %q, want %q\n%s", got, want, log.String())
			}
		})
	}
}

// waitForTerm is a process that goes on until it is terminated.
const waitForTerm = `trap 'exit 143' TERM; touch "$PLAY/started"; while :; do sleep 0.02; done`

// awaitFile waits for what another process makes.
func awaitFile(t *testing.T, path string) {
	t.Helper()
	for range 3000 {
		if _, err := os.Stat(path); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no %s after half a minute", path)
}

func TestArrayTaskIsNoTask(t *testing.T) {
	cmd := exec.Command(bash(t), "slurm/krypton-array.sbatch")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "KRYPTON=false"}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "not started by sbatch --array") {
		t.Errorf("%v\n%s", err, out)
	}
}
