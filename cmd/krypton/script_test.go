package main

import (
	"os"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// The scripts run the real command: testscript starts this test binary again as
// krypton.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"krypton": func() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) },
		// code runs krypton and fails unless its exit code is the first argument.
		"code": func() {
			got := run(os.Args[2:], os.Stdin, os.Stdout, os.Stderr)
			if want := os.Args[1]; want != strconv.Itoa(got) {
				os.Stderr.WriteString("exit code " + strconv.Itoa(got) + ", want " + want + "\n")
				os.Exit(1)
			}
		},
	})
}

// TestScripts runs every script of the folder.
func TestScripts(t *testing.T) { testscript.Run(t, testscript.Params{Dir: "testdata/script"}) }
