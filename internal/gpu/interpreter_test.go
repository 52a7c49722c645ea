package gpu

import (
	"os"
	"sync"
	"testing"

	"krypton/internal/gpu/kernels"
	"krypton/internal/gpu/ptx"
	"krypton/internal/gpu/standin"
)

var module = sync.OnceValues(func() (*ptx.Module, error) { return ptx.Parse(kernels.PTX) })

// second is OpenCL's opinion on all launches, if somebody asks for it.
var second *standin.OpenCL

func TestMain(m *testing.M) {
	os.Exit(standin.WithOpenCL("kernels/kernels.cl", func(o *standin.OpenCL) int {
		second = o
		return m.Run()
	}))
}

// interpreter is a device in Go.
type interpreter struct {
	module *ptx.Module
	memory ptx.Memory
	cores  ptx.Cores
}

func newInterpreter(t *testing.T) *interpreter {
	t.Helper()
	m, err := module()
	if err != nil {
		t.Fatal(err)
	}
	return &interpreter{module: m}
}

func (d *interpreter) Alloc(what string, bytes int) (uint64, error) {
	return d.memory.Alloc(what, bytes), nil
}

func (d *interpreter) Free(address uint64) error { return d.memory.Free(address) }

func (d *interpreter) Write(address uint64, data []byte) error { return d.memory.Write(address, data) }

func (d *interpreter) Read(data []byte, address uint64) error {
	from, err := d.memory.Read(address, len(data))
	copy(data, from)
	return err
}

func (d *interpreter) Launch(l kernels.Launch) error {
	k, err := d.module.Kernel(l.Kernel)
	if err != nil {
		return err
	}
	launch := ptx.Launch{Grid: l.Grid, Threads: l.Threads, Arguments: l.Arguments, Cores: d.cores}
	return second.Compare(&d.memory, l.Kernel, launch, func() error { return k.Launch(&d.memory, launch) })
}
