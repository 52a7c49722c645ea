//go:build gpu && linux

package main

import (
	"net"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"krypton/internal/engine/asm"
	"krypton/internal/gpu/kernels"
	"krypton/internal/gpu/ptx"
	"krypton/internal/gpu/standin"
)

// TestCards runs the scripts of testdata/gpu, where the command card puts one into the machine:
// a library that stands in for the driver's, behind which the interpreter computes.
func TestCards(t *testing.T) {
	if sets := asm.Sets(); len(sets) == 1 {
		asm.Missing(t, "avx2")
	}
	data := t.TempDir()
	scriptData(t, data)
	library, err := standin.Build(data)
	if err == standin.ErrNoCompiler {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	m, err := ptx.Parse(kernels.PTX)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(data, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // the scripts run side by side, later
	go func() {
		if err := standin.Serve(l, m); err != nil {
			t.Error(err)
		}
	}()
	commands := scriptCommands()
	commands["card"] = func(ts *testscript.TestScript, _ bool, _ []string) {
		ts.Setenv("LD_LIBRARY_PATH", filepath.Dir(library))
		ts.Setenv("STANDIN_SOCKET", l.Addr().String())
	}
	testscript.Run(t, testscript.Params{Dir: "testdata/gpu", Setup: func(e *testscript.Env) error {
		e.Setenv("DATA", data)
		return nil
	}, Cmds: commands})
}
