package gpu

import (
	"sync"
	"testing"

	"krypton/internal/gpu/kernels"
	"krypton/internal/gpu/ptx"
)

var module = sync.OnceValues(func() (*ptx.Module, error) { return ptx.Parse(kernels.PTX) })

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
	return k.Launch(&d.memory, ptx.Launch{Grid: l.Grid, Threads: l.Threads, Arguments: l.Arguments, Cores: d.cores})
}
