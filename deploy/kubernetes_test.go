package deploy

import (
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// k8sJob is as much of a Job as the files use.
type k8sJob struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name   string
		Labels struct{ App string }
	}
	Spec struct {
		Completions, Parallelism int
		CompletionMode           string                    `yaml:"completionMode"`
		BackoffLimit             *int                      `yaml:"backoffLimit"`
		BackoffLimitPerIndex     *int                      `yaml:"backoffLimitPerIndex"`
		PodFailurePolicy         struct{ Rules []k8sRule } `yaml:"podFailurePolicy"`
		Template                 struct{ Spec k8sPod }
	}
}

type k8sRule struct {
	Action          string
	OnPodConditions []struct{ Type string } `yaml:"onPodConditions"`
	OnExitCodes     *struct {
		ContainerName string `yaml:"containerName"`
		Operator      string
		Values        []int
	} `yaml:"onExitCodes"`
}

type k8sPod struct {
	RestartPolicy                 string         `yaml:"restartPolicy"`
	TerminationGracePeriodSeconds int            `yaml:"terminationGracePeriodSeconds"`
	SecurityContext               map[string]any `yaml:"securityContext"`
	Containers                    []struct {
		Name, Image     string
		Args            []string
		Env             []struct{ Name, Value string }
		Resources       struct{ Requests, Limits map[string]string }
		SecurityContext map[string]any `yaml:"securityContext"`
		VolumeMounts    []struct {
			Name      string
			MountPath string `yaml:"mountPath"`
			ReadOnly  bool   `yaml:"readOnly"`
		} `yaml:"volumeMounts"`
	}
	Volumes []k8sVolume
}

type k8sVolume struct {
	Name                  string
	PersistentVolumeClaim struct {
		ClaimName string `yaml:"claimName"`
		ReadOnly  bool   `yaml:"readOnly"`
	} `yaml:"persistentVolumeClaim"`
}

// k8sJobs reads the two Jobs: that of the shards, and the merging one.
func k8sJobs(t *testing.T) (array, merge k8sJob) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(read(t, "kubernetes/indexed-job.yaml")))
	d.KnownFields(true)
	var jobs []k8sJob
	for {
		var j k8sJob
		err := d.Decode(&j)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		jobs = append(jobs, j)
	}
	if len(jobs) != 2 {
		t.Fatalf("%d documents", len(jobs))
	}
	return jobs[0], jobs[1]
}

// action is what Kubernetes does after an exit code: the first rule that fits.
// Without one it counts the failure, and tries again.
func action(rules []k8sRule, code int) string {
	for _, r := range rules {
		if on := r.OnExitCodes; on != nil && slices.Contains(on.Values, code) {
			return r.Action
		}
	}
	return "Count"
}

func TestKubernetesJob(t *testing.T) {
	array, merge := k8sJobs(t)
	for _, j := range []k8sJob{array, merge} {
		pod := j.Spec.Template.Spec
		if j.APIVersion != "batch/v1" || j.Kind != "Job" || pod.RestartPolicy != "Never" || len(pod.Containers) != 1 {
			t.Fatalf("%s: %+v", j.Metadata.Name, j)
		}
		for _, m := range pod.Containers[0].VolumeMounts {
			if !slices.ContainsFunc(pod.Volumes, func(v k8sVolume) bool { return v.Name == m.Name }) {
				t.Errorf("%s: no volume %s", j.Metadata.Name, m.Name)
			}
		}
	}
	if array.Metadata.Labels.App == merge.Metadata.Labels.App {
		t.Error("labels do not tell the two jobs apart")
	}
	s, c := array.Spec, array.Spec.Template.Spec.Containers[0]
	if s.CompletionMode != "Indexed" || s.BackoffLimitPerIndex == nil || *s.BackoffLimitPerIndex < 1 {
		t.Errorf("not an Indexed Job that tries again: %+v", s)
	}
	shards := ""
	for _, e := range c.Env {
		if e.Name == "KRYPTON_SHARDS" {
			shards = e.Value
		}
	}
	if shards != strconv.Itoa(s.Completions) {
		t.Errorf("%d completions, but KRYPTON_SHARDS=%q", s.Completions, shards)
	}
	codes := exitCodes(t)
	for _, r := range s.PodFailurePolicy.Rules {
		if (r.OnExitCodes == nil) == (r.OnPodConditions == nil) {
			t.Errorf("a rule is about exit codes or conditions: %+v", r)
		}
		if r.OnExitCodes == nil {
			continue
		}
		if r.OnExitCodes.ContainerName != c.Name || r.OnExitCodes.Operator != "In" {
			t.Errorf("rule %+v", r)
		}
		for _, v := range r.OnExitCodes.Values {
			if !slices.Contains(codes, v) {
				t.Errorf("the program never exits with %d", v)
			}
		}
	}
	for code, retry := range again {
		want := "FailIndex"
		if retry {
			want = "Count"
		}
		if got := action(s.PodFailurePolicy.Rules, code); got != want {
			t.Errorf("after %d: %s, want %s", code, got, want)
		}
	}
}
