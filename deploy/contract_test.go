package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestEnginesContract runs what the files for Kubernetes and AWS Batch tell the
// engines to run, once for each index, with the variables that they set. All
// shards together must write the bytes that one process writes.
func TestEnginesContract(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	krypton := filepath.Join(t.TempDir(), "krypton")
	if out, err := exec.Command("go", "build", "-o", krypton, "../cmd/krypton").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	array, merge := k8sJobs(t)
	var k8sEnv []string
	for _, e := range array.Spec.Template.Spec.Containers[0].Env {
		k8sEnv = append(k8sEnv, e.Name+"="+e.Value)
	}
	var aws awsJob
	decodeStrictly(t, "aws-batch/job.json", &aws)
	mergeArgs := merge.Spec.Template.Spec.Containers[0].Args

	for _, c := range []struct {
		name        string
		size        int
		args, merge []string
		env         func(index int) []string
	}{
		{"Kubernetes", array.Spec.Completions, array.Spec.Template.Spec.Containers[0].Args, mergeArgs, func(i int) []string {
			return append([]string{"JOB_COMPLETION_INDEX=" + strconv.Itoa(i)}, k8sEnv...)
		}},
		{"AWS Batch", aws.ArrayProperties.Size, aws.ContainerOverrides.Command, []string{"merge", "/data/maps"}, func(i int) []string {
			return []string{"AWS_BATCH_JOB_ARRAY_INDEX=" + strconv.Itoa(i), "AWS_BATCH_JOB_ARRAY_SIZE=" + strconv.Itoa(aws.ArrayProperties.Size)}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			volumes(t, dir)
			// run gives the exit code of the program with the paths of a container.
			run := func(args []string, env ...string) (int, string) {
				args = append([]string(nil), args...)
				for i, a := range args {
					if strings.HasPrefix(a, "/") {
						args[i] = dir + a
					}
				}
				if args[0] == "obe" {
					args = append(args, "--stride", "16", "--patch", "16", "--threads", "1")
				}
				cmd := exec.Command(krypton, args...)
				cmd.Dir, cmd.Env = filepath.Join(dir, "data"), append([]string{"HOME=" + dir}, env...)
				out, err := cmd.CombinedOutput()
				if cmd.ProcessState == nil {
					t.Fatal(err)
				}
				return cmd.ProcessState.ExitCode(), string(out)
			}
			if code, out := run(c.args); code != 64 {
				t.Errorf("without an engine's variables: exit code %d, want 64\n%s", code, out)
			}
			for i := range c.size {
				if i == c.size-1 { // all but one
					if code, out := run(c.merge); code != 3 {
						t.Errorf("merging before the last shard: exit code %d, want 3\n%s", code, out)
					}
				}
				for _, again := range []string{"", "again"} { // with nothing left to do
					if code, out := run(c.args, c.env(i)...); code != 0 {
						t.Fatalf("index %d %s: exit code %d\n%s", i, again, code, out)
					}
				}
			}
			if code, out := run(c.args, c.env(c.size)...); code != 64 {
				t.Errorf("an index too many: exit code %d, want 64\n%s", code, out)
			}
			if code, out := run(c.merge); code != 0 {
				t.Errorf("merging: exit code %d\n%s", code, out)
			}
			one := append([]string(nil), c.args...)
			outDir := ""
			for i, a := range one {
				switch a {
				case "--out-dir":
					outDir, one[i+1] = one[i+1], "/one"
				case "auto":
					one[i] = "1/1"
				}
			}
			if code, out := run(one); code != 0 {
				t.Fatalf("one process: exit code %d\n%s", code, out)
			}
			if n := sameFiles(t, dir+"/one", dir+outDir); n != pictures+1 { // and results.jsonl
				t.Errorf("%d files compared, want %d", n, pictures+1)
			}
		})
	}
}

const pictures = 16

// volumes makes what the containers find: pictures, their list and a model, and
// an empty folder for outputs.
func volumes(t *testing.T, dir string) {
	t.Helper()
	data := filepath.Join(dir, "data")
	for _, d := range []string{data, filepath.Join(dir, "out")} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	list := "item,class\n"
	for i := range pictures {
		name := fmt.Sprintf("scan%02d.png", i)
		class := ""
		if i%3 == 0 {
			class = "1"
		}
		list += name + "," + class + "\n"
		copyFile(t, "../models/sample.png", filepath.Join(data, name))
	}
	if err := os.WriteFile(filepath.Join(data, "scans.csv"), []byte(list), 0o644); err != nil {
		t.Fatal(err)
	}
	copyFile(t, "../models/shapes.onnx", filepath.Join(data, "m.onnx"))
	copyFile(t, "../models/shapes.krypton.yaml", filepath.Join(data, "m.krypton.yaml"))
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if err := os.WriteFile(to, []byte(read(t, from)), 0o644); err != nil {
		t.Fatal(err)
	}
}

// sameFiles compares two folders of outputs and counts their files. How long
// things took, and journals, may differ.
func sameFiles(t *testing.T, a, b string) int {
	t.Helper()
	list := func(dir string) map[string]bool {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, e := range entries {
			if e.Name() != ".krypton" && e.Name() != "timings.jsonl" {
				names[e.Name()] = true
			}
		}
		return names
	}
	inA, inB := list(a), list(b)
	for name := range inB {
		if !inA[name] {
			t.Errorf("%s is only in %s", name, b)
		}
	}
	for name := range inA {
		if !inB[name] {
			t.Errorf("%s is only in %s", name, a)
		} else if read(t, filepath.Join(a, name)) != read(t, filepath.Join(b, name)) {
			t.Errorf("%s differs", name)
		}
	}
	return len(inA)
}
