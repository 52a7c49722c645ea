package deploy

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// awsJob is as much of a job's request as the file uses.
type awsJob struct {
	JobName, JobQueue, JobDefinition string
	ArrayProperties                  struct{ Size int }
	ContainerOverrides               struct{ Command []string }
	RetryStrategy                    struct {
		Attempts       int
		EvaluateOnExit []awsRule
	}
}

type awsRule struct{ OnExitCode, OnReason, Action string }

// decodeStrictly reads JSON whose fields must all be known.
func decodeStrictly(t *testing.T, path string, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(read(t, path)))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if d.More() {
		t.Fatalf("%s: more than one value", path)
	}
}

// matches follows AWS Batch's patterns: equal, or the beginning before a *.
func matches(pattern, value string) bool {
	if head, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(value, head)
	}
	return pattern == "" || pattern == value
}

func TestAWSBatchJob(t *testing.T) {
	var job awsJob
	decodeStrictly(t, "aws-batch/job.json", &job)
	// AWS Batch's own bounds.
	if n := job.ArrayProperties.Size; n < 2 || n > 10000 {
		t.Errorf("an array of %d", n)
	}
	retry := job.RetryStrategy
	if retry.Attempts < 2 || retry.Attempts > 10 || len(retry.EvaluateOnExit) > 5 {
		t.Errorf("%d attempts by %d rules", retry.Attempts, len(retry.EvaluateOnExit))
	}
	codes := exitCodes(t)
	for _, r := range retry.EvaluateOnExit {
		if r.OnExitCode == "" {
			continue
		}
		if code, err := strconv.Atoi(r.OnExitCode); err != nil || !slices.Contains(codes, code) {
			t.Errorf("the program never exits with %q", r.OnExitCode)
		}
	}
	for code, want := range again {
		got := "RETRY" // where no rule fits
		for _, r := range retry.EvaluateOnExit {
			if matches(r.OnExitCode, strconv.Itoa(code)) && matches(r.OnReason, "Essential container exited") {
				got = r.Action
				break
			}
		}
		if (got == "RETRY") != want || got != "RETRY" && got != "EXIT" {
			t.Errorf("after %d: %s", code, got)
		}
	}
}

func TestAWSBatchJobDefinition(t *testing.T) {
	var job awsJob
	decodeStrictly(t, "aws-batch/job.json", &job)
	var def struct {
		JobDefinitionName, Type string
		PlatformCapabilities    []string
		ContainerProperties     struct {
			Image, User            string
			ReadonlyRootFilesystem bool
			ResourceRequirements   []struct{ Type, Value string }
			Volumes                []struct {
				Name                   string
				EFSVolumeConfiguration struct{ FileSystemID, TransitEncryption string }
			}
			MountPoints []struct{ SourceVolume, ContainerPath string }
		}
		Timeout struct{ AttemptDurationSeconds int }
	}
	decodeStrictly(t, "aws-batch/job-definition.json", &def)
	if def.JobDefinitionName != job.JobDefinition {
		t.Errorf("the job is of %q, the definition is %q", job.JobDefinition, def.JobDefinitionName)
	}
	c := def.ContainerProperties
	if len(c.Volumes) != 1 || len(c.MountPoints) != 1 || c.Volumes[0].Name != c.MountPoints[0].SourceVolume {
		t.Errorf("volumes %v, mounted %v", c.Volumes, c.MountPoints)
	}
	for i, a := range job.ContainerOverrides.Command {
		if i > 0 && strings.HasPrefix(a, "/") && !strings.HasPrefix(a, c.MountPoints[0].ContainerPath+"/") {
			t.Errorf("%s is on no volume", a)
		}
	}
}
