package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMemoryIsKept: the process that makes a map under --memory never holds more
// than that and a tenth, by what the kernel saw; where the limit is too small for
// one position, it says so and holds little.
func TestMemoryIsKept(t *testing.T) {
	data := os.Getenv("KRYPTON_DATA")
	if data == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	if raceDetector {
		t.Skip("the race detector's own memory counts several times as much")
	}
	if peakMemory() == 0 {
		t.Skip("this system does not tell how much memory a process holds")
	}
	for limit, want := range map[string]int{"200MiB": exitOK, "120MiB": exitOK, "96MiB": exitOK, "30MiB": exitTemporary} {
		events := filepath.Join(t.TempDir(), "events.jsonl")
		cmd := exec.Command(os.Args[0])
		cmd.Args = []string{"krypton", "obe", filepath.Join(data, "images", "dog_2.jpg"), "--model", filepath.Join(data, "models", "squeezenet1.onnx"),
			"--preset", "caffe", "--stride", "8", "--threads", "2", "--memory", limit, "--events", events, "-q", "-o", filepath.Join(t.TempDir(), "map.png")}
		out, err := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%s: exit code %d, want %d: %v\n%s", limit, got, want, err, out)
			continue
		}
		text, err := os.ReadFile(events)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		var last struct {
			Peak int64 `json:"peak_memory"`
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			t.Fatal(err)
		}
		most, err := parseBytes(limit)
		if err != nil {
			t.Fatal(err)
		}
		if want != exitOK {
			most = 96 << 20
		}
		if last.Peak == 0 || last.Peak > most+most/10 {
			t.Errorf("--memory %s: the process held %d MiB", limit, last.Peak>>20)
		}
		t.Logf("--memory %s: the process held %d MiB", limit, last.Peak>>20)
	}
}
