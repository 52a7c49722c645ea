package environment

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCards(t *testing.T) {
	closed := "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\nGCC version:  gcc version 11.4.0 (Ubuntu 11.4.0-1ubuntu1~22.04)\n"
	open := "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.82  Release Build  (root@builder)\n"
	for _, c := range []struct {
		version string
		about   map[string]string
		driver  string
		names   []string
		text    string
	}{
		{text: "graphics     no NVIDIA driver found\n"},
		{version: open, driver: "580.82", text: "graphics     NVIDIA driver 580.82, no card\n"},
		{version: "nothing known\n", driver: "of unknown version", text: "graphics     NVIDIA driver of unknown version, no card\n"},
		{closed, map[string]string{
			"0000:41:00.0": "Model: \t\t NVIDIA H200\nIRQ:   \t\t 271\nGPU UUID: \t GPU-0: Model\nBus Type: \t PCIe\n",
			"0000:01:00.0": "Model:  NVIDIA\x1b[2J A100\n", "0000:c1:00.0": strings.Repeat("x", 9<<10),
		}, "550.54.15", []string{"NVIDIA\x1b[2J A100", "NVIDIA H200", "card of unknown name"},
			"graphics     NVIDIA\uFFFD[2J A100, NVIDIA H200, card of unknown name (driver 550.54.15)\n             used by \uFFFD\n"},
	} {
		root := t.TempDir()
		put := func(text string, path ...string) {
			file := filepath.Join(append([]string{root, "proc", "driver", "nvidia"}, path...)...)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if c.version != "" {
			put(c.version, "version")
		}
		for at, about := range c.about {
			put(about, "gpus", at, "information")
		}
		driver, names := cards(root)
		e := &Report{System: "linux/amd64", Driver: driver, Cards: names}
		if len(names) > 0 {
			e.CardUse = []string{"used by \a"}
		}
		if driver != c.driver || !slices.Equal(names, c.names) || e.graphics() != c.text {
			t.Errorf("%q: driver %q, cards %q, text %q", c.version, driver, names, e.graphics())
		}
	}
	if text := (&Report{System: "windows/amd64"}).graphics(); text != "" {
		t.Error(text)
	}
	if text := (&Report{System: "windows/amd64", CardUse: []string{"one"}}).graphics(); !strings.HasPrefix(text, "graphics     ") || !strings.HasSuffix(text, "\n             one\n") {
		t.Error(text)
	}
}
