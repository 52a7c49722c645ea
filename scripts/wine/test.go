package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// testPackage builds a package's tests for Windows, runs them under wine, those of a
// pattern behind a colon if there is one, and prints how they went.
func testPackage(prefix, tests string) error {
	folder, pattern, _ := strings.Cut(tests, ":")
	work, err := os.MkdirTemp("", "krypton-wine")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	program := filepath.Join(work, filepath.Base(folder)+".test.exe")
	build := exec.Command("go", "test", "-c", "-vet=off", "-o", program, "./"+folder)
	build.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	if _, err := os.Stat(program); err != nil {
		return fmt.Errorf("%s has no tests for Windows", folder)
	}
	script, err := filepath.Abs("scripts/wine.sh")
	if err != nil {
		return err
	}
	prefix, err = filepath.Abs(prefix)
	if err != nil {
		return err
	}
	run := exec.Command(script, program, "-test.run", pattern)
	run.Dir, run.Env = folder, append(os.Environ(), "WINEPREFIX="+prefix)
	text, err := run.CombinedOutput()
	if err != nil && !onlyFolders(string(text)) {
		return fmt.Errorf("%s: %w\n%s", folder, err, text)
	}
	fmt.Println("ok  ", tests)
	return nil
}

// onlyFolders says whether all that tests complain of is that their temporary folders
// cannot be removed: Go does that by a call that wine lacks before version 9.
func onlyFolders(output string) bool {
	failed, complaints := 0, 0
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "--- FAIL: "):
			failed++
		case strings.Contains(line, ": TempDir RemoveAll cleanup: unlinkat ") && strings.HasSuffix(line, ": Invalid function."):
			complaints++
		case line != "" && line != "FAIL":
			return false
		}
	}
	return failed > 0 && complaints > 0
}
