//go:build gpu && linux

package driver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"krypton/internal/gpu/kernels"
	"krypton/internal/gpu/standin"
	"krypton/internal/region"
)

// scratch is a folder for the library.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "libcuda"); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(scratch)
	os.Exit(code)
}

// fake is the library that stands in for the driver's, compiled by the C compiler.
type fake struct {
	path             string
	fail, said, made uintptr
}

var compiled = sync.OnceValues(func() (*fake, error) {
	path, err := standin.Build(scratch)
	if errors.Is(err, standin.ErrNoCompiler) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	f := &fake{path: path}
	handle, err := load(f.path)
	if err != nil {
		return nil, err
	}
	for name, to := range map[string]*uintptr{"fake_fail": &f.fail, "fake_said": &f.said, "fake_is": &f.made} {
		if *to, err = symbol(handle, name); err != nil {
			return nil, err
		}
	}
	return f, nil
})

// newFake gives the library as it is at first.
func newFake(t *testing.T) *fake {
	t.Helper()
	f, err := compiled()
	if err != nil {
		t.Fatal(err)
	}
	if f == nil {
		t.Skip("no gcc, which makes the library that stands in for the driver")
	}
	f.failing("", 0)
	f.is(12040, 2)
	f.log()
	return f
}

// cards opens the library, and says which cards it has.
func (f *fake) cards(t *testing.T) (*Driver, []Card) {
	t.Helper()
	d, err := open(f.path)
	if err != nil {
		t.Fatal(err)
	}
	cards, err := d.Cards()
	if err != nil {
		t.Fatal(err)
	}
	return d, cards
}

// failing has a function answer with a code.
func (f *fake) failing(function string, code int) {
	name := append([]byte(function), 0)
	invoke(f.fail, uintptr(unsafe.Pointer(&name[0])), uintptr(code))
}

// is sets the version, and how many cards there are.
func (f *fake) is(version, cards int) { invoke(f.made, uintptr(version), uintptr(cards)) }

// log is what the library was called with since the last time.
func (f *fake) log() string {
	at := invoke(f.said)
	text := *(**byte)(unsafe.Pointer(&at)) // memory of the library's, which stays
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(text), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(text, n))
}

// TestCalls: every function is called with what cuda.h says that it takes.
func TestCalls(t *testing.T) {
	f := newFake(t)
	d, cards := f.cards(t)
	if len(cards) != 2 || d.Version() != "12.4" {
		t.Fatal(cards, d.Version())
	}
	if want := (Card{Name: "NVIDIA Imaginary 40", Memory: 150 << 30, Major: 9, Multiprocessor: 132, device: 40}); cards[0] != want {
		t.Errorf("%+v, want %+v", cards[0], want)
	}
	expect(t, f, "cuDriverGetVersion", "cuInit 0", "cuDeviceGetCount",
		"cuDeviceGet 0", "cuDeviceGetName 256 40", "cuDeviceTotalMem 40", "cuDeviceGetAttribute 16 40", "cuDeviceGetAttribute 75 40", "cuDeviceGetAttribute 76 40",
		"cuDeviceGet 1", "cuDeviceGetName 256 41", "cuDeviceTotalMem 41", "cuDeviceGetAttribute 16 41", "cuDeviceGetAttribute 75 41", "cuDeviceGetAttribute 76 41")

	dev, err := d.Open(cards[0])
	if err != nil {
		t.Fatal(err)
	}
	expect(t, f, "cuDevicePrimaryCtxRetain 40", fmt.Sprintf("cuModuleLoadDataEx // Code gene, %d bytes, log of 8192", len(kernels.PTX)), "cuStreamCreate 1")

	data, back := make([]byte, 1<<20+3), make([]byte, 1<<20+3)
	fill(data)
	at, err := dev.Alloc("data", len(data))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(dev.Write(at, data), dev.Read(back[1:], at+1), dev.Free(at)); err != nil {
		t.Fatal(err)
	}
	if string(back[1:]) != string(data[1:]) || back[0] != 0 {
		t.Error("what was read is not what was written")
	}
	expect(t, f, "cuMemAlloc 2097152", "cuMemAllocHost 4194304", "cuEventCreate 2", "cuEventSynchronize 0x7fffffff0010",
		"cuMemcpyHtoDAsync 1048579 0x7fffffff0003", "cuEventRecord 0x7fffffff0010 0x7fffffff0003",
		"cuMemcpyDtoHAsync 1048578 0x7fffffff0003", "cuStreamSynchronize 0x7fffffff0003")

	free, total, err := dev.Memory()
	if err != nil || free != 140<<30 || total != 150<<30 {
		t.Error(free, total, err)
	}
	l, err := kernels.Mean(kernels.Batch{Jobs: 0x7f00_0000_1000, First: 0x7f00_0000_2000, Count: 3, Pixels: 70}, kernels.Shape{Y: region.Whole(5), X: region.Whole(6), C: 7, OutC: 7}, 30)
	if err != nil {
		t.Fatal(err)
	}
	f.log()
	seconds, err := dev.Time(func() error {
		for range 2 { // the function is looked up once
			if err := dev.Launch(l); err != nil {
				return err
			}
			runtime.GC()
		}
		return nil
	})
	if err != nil || seconds != 1.5 {
		t.Error(seconds, err)
	}
	launch := []string{"cuLaunchKernel mean 2 1 1, 256 1 1, 0 0x7fffffff0003 (nil)", "jobs 7f0000001000, first 7f0000002000, count 30, shape 5 6 7 ... 3 70"}
	expect(t, f, "cuEventCreate 0", "cuEventRecord 0x7fffffff0011 0x7fffffff0003", "cuModuleGetFunction 0x7fffffff0002 mean", launch[0], launch[1], launch[0], launch[1],
		"cuEventCreate 0", "cuEventRecord 0x7fffffff0012 0x7fffffff0003", "cuEventSynchronize 0x7fffffff0012", "cuEventElapsedTime 0x7fffffff0011 0x7fffffff0012",
		"cuEventDestroy 0x7fffffff0011", "cuEventDestroy 0x7fffffff0012")
	if fit, err := dev.Fit("mean", 256); err != nil || fit != (Fit{Registers: 80, Local: 16, Shared: 12288, Blocks: 6}) {
		t.Error(fit, err)
	}
	if rates, err := dev.Rates(); err != nil || rates != (Rates{Clock: 1.98e9, Bandwidth: 2.619e9 * 2 * 640, Threads: 2048}) {
		t.Error(rates, err)
	}
	expect(t, f, "cuFuncGetAttribute 1 mean", "cuFuncGetAttribute 3 mean", "cuFuncGetAttribute 4 mean", "cuOccupancyMaxActiveBlocksPerMultiprocessor mean 256 0",
		"cuDeviceGetAttribute 13 40", "cuDeviceGetAttribute 36 40", "cuDeviceGetAttribute 37 40", "cuDeviceGetAttribute 39 40")
	if err := dev.Close(); err != nil {
		t.Error(err)
	}
	expect(t, f, "cuStreamSynchronize 0x7fffffff0003", "cuStreamDestroy 0x7fffffff0003", "cuEventDestroy 0x7fffffff0010", "cuMemFreeHost", "cuMemFree", "cuModuleUnload 0x7fffffff0002", "cuDevicePrimaryCtxRelease 40")
	if err := dev.Launch(kernels.Launch{Kernel: "mean", Arguments: []any{"text"}}); err == nil {
		t.Error("an argument that is text was taken")
	}
}

// fill makes bytes of which no stretch is another.
func fill(data []byte) {
	for i := range data {
		data[i] = byte(i*i>>3 + i)
	}
}

// TestWrite: what is written is what the caller had when it called, though copies are made later,
// and however long it is.
func TestWrite(t *testing.T) {
	f := newFake(t)
	d, cards := f.cards(t)
	dev, err := d.Open(cards[0])
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	for _, bytes := range []int{1, 1000, 3*lockedBytes + 5, lockedBytes} {
		at, err := dev.Alloc("data", 3*bytes)
		if err != nil {
			t.Fatal(err)
		}
		data, want, got := make([]byte, bytes), make([]byte, 3*bytes), make([]byte, 3*bytes)
		fill(want)
		for i := range 3 {
			copy(data, want[i*bytes:])
			if err := dev.Write(at+uint64(i*bytes), data); err != nil {
				t.Fatal(err)
			}
			clear(data)
		}
		if err := dev.Read(got, at); err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%d bytes three times: something else was written", bytes)
		}
	}
}

func expect(t *testing.T, f *fake, lines ...string) {
	t.Helper()
	if got, want := strings.TrimSuffix(f.log(), "\n"), strings.Join(lines, "\n"); got != want {
		t.Errorf("called:\n%s\nwant:\n%s", got, want)
	}
}

// TestFailures: whatever is wrong is told in a line.
func TestFailures(t *testing.T) {
	f := newFake(t)
	use := func() error {
		d, err := open(f.path)
		if err != nil {
			return err
		}
		cards, err := d.Cards()
		if err != nil {
			return err
		}
		dev, err := d.Open(cards[0])
		if err != nil {
			return err
		}
		at, err := dev.Alloc("numbers", 64)
		if err == nil {
			err = dev.Write(at, make([]byte, 64))
		}
		if err == nil {
			_, err = dev.Time(func() error {
				l, err := kernels.Mean(kernels.Batch{Count: 1, Pixels: 1}, kernels.Shape{Y: region.Whole(1), X: region.Whole(1), C: 1, OutC: 1}, 1)
				if err != nil {
					return err
				}
				return dev.Launch(l)
			})
		}
		if err == nil {
			err = dev.Read(make([]byte, 64), at)
		}
		if err == nil {
			_, _, err = dev.Memory()
		}
		if err == nil {
			_, err = dev.Fit("mean", 256)
		}
		if err == nil {
			_, err = dev.Rates()
		}
		if err == nil {
			err = dev.Free(at)
		}
		return errors.Join(err, dev.Close())
	}
	if err := use(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		fails          string
		code           int
		version, cards int
		is             error
		says           string
	}{
		{"", 0, 10020, 2, ErrOldDriver, "the NVIDIA driver is too old: it is for CUDA 10.2, and 11.0 is needed"},
		{"", 0, 12040, 0, ErrNoCard, "no NVIDIA card found"},
		{"cuInit", 100, 12040, 2, ErrNoCard, "no NVIDIA card found"},
		{"cuInit", 803, 12040, 2, nil, "cuInit: error 803 of the NVIDIA driver"},
		{"cuModuleLoadDataEx", 218, 12040, 2, nil, "the NVIDIA driver cannot compile the kernels: cuModuleLoadDataEx: a PTX JIT compilation failed (CUDA_ERROR_INVALID_PTX, 218): ptxas application ptx input, line 9; error: Unknown symbol"},
		{"cuMemAlloc_v2", 2, 12040, 2, nil, "cuMemAlloc_v2: out of memory (CUDA_ERROR_OUT_OF_MEMORY, 2)"},
	} {
		f.failing(c.fails, c.code)
		f.is(c.version, c.cards)
		if err := use(); err == nil || err.Error() != c.says || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%+v: %v", c, err)
		}
	}
	f.is(12040, 2)
	for _, name := range names {
		f.failing("", 0)
		if name == "cuGetErrorName" || name == "cuGetErrorString" {
			continue
		}
		f.failing(name, 719)
		err := use()
		var e *Error
		if !errors.As(err, &e) || e.Function != name || e.Name != "CUDA_ERROR_LAUNCH_FAILED" || e.Text != "unspecified launch failure" {
			t.Errorf("%s fails: %v", name, err)
		}
		f.failing("", 0)
		log := f.log()
		got, given := strings.Count(log, "PrimaryCtxRetain"), strings.Count(log, "PrimaryCtxRelease")
		if name == "cuDevicePrimaryCtxRetain" {
			got = 0 // it was not
		}
		if got != given {
			t.Errorf("%s fails: taken %d times, given back %d times", name, got, given)
		}
	}
}

// TestMemory: what is given back is taken again for as much, and given back to the card where
// this has no more, or at the end; nothing is given back twice.
func TestMemory(t *testing.T) {
	f := newFake(t)
	d, cards := f.cards(t)
	dev, err := d.Open(cards[0])
	if err != nil {
		t.Fatal(err)
	}
	f.log()
	alloc := func(bytes int) uint64 {
		t.Helper()
		at, err := dev.Alloc("numbers", bytes)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	a, b := alloc(5000), alloc(4)
	if err := errors.Join(dev.Free(a), dev.Free(b)); err != nil {
		t.Fatal(err)
	}
	if err := dev.Free(a); err == nil {
		t.Error("memory was given back twice")
	}
	if c := alloc(8192); c != a {
		t.Errorf("memory at %x, not what was given back at %x", c, a)
	}
	if c := alloc(8192); c == a || c == b {
		t.Error("memory that is in use")
	}
	expect(t, f, "cuMemAlloc 8192", "cuMemAlloc 256", "cuMemAlloc 8192")
	f.failing("cuMemAlloc_v2", 2)
	if _, err := dev.Alloc("numbers", 3<<20); err == nil {
		t.Error("memory that the card has not got")
	}
	expect(t, f, "cuMemAlloc 3145728", "cuMemFree", "cuMemAlloc 3145728")
	f.failing("", 0)
	if err := dev.Free(b); err == nil {
		t.Error("memory was given back that the card has again")
	}
	if err := dev.Close(); err != nil {
		t.Error(err)
	}
	if log := f.log(); strings.Count(log, "cuMemFree") != 2 {
		t.Errorf("at the end: %s", log)
	}
}

func TestNoDriver(t *testing.T) {
	_, err := open(filepath.Join(t.TempDir(), "libcuda.so.1"))
	if !errors.Is(err, ErrNoDriver) || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
	if _, err := open("libc.so.6"); !errors.Is(err, ErrOldDriver) {
		t.Error(err)
	}
}

func TestOldCard(t *testing.T) {
	f := newFake(t)
	d, cards := f.cards(t)
	if _, err := d.Open(cards[1]); !errors.Is(err, ErrOldCard) || err.Error() != "the NVIDIA card is too old: NVIDIA Imaginary 41 has compute capability 7.5, and 8.0 is needed" {
		t.Error(err)
	}
}
