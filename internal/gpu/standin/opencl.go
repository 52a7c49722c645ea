package standin

import (
	"bufio"
	_ "embed" // of the program
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"

	"krypton/internal/gpu/ptx"
)

//go:embed library/opencl.c
var openclSource []byte

// OpenCL is a second opinion on the interpreter: it has an OpenCL platform of this machine, which
// compiles the kernels' source for the processors (pocl), run what the interpreter runs, and
// compares what both leave in memory. Neither knows anything of the other: faults of the compiler
// that made the PTX, or of the interpreter, show. A nil one has no opinion.
type OpenCL struct {
	mu       sync.Mutex
	launches map[string]int // that were compared of each kernel
	command  *exec.Cmd
	in       io.WriteCloser
	out      *bufio.Reader
}

// tensor are the kernels that are made of instructions of the cards, which OpenCL has not.
var tensor = []string{"convolve_tf32", "convolve_bf16"}

// WithOpenCL runs tests, and gives what they give: with an opinion if KRYPTON_OPENCL is set, else
// with nil. kernels is the path of the kernels' source. It prints which were compared.
func WithOpenCL(kernels string, tests func(*OpenCL) int) (code int) {
	if os.Getenv("KRYPTON_OPENCL") == "" {
		return tests(nil)
	}
	code, err := withOpenCL(kernels, tests)
	if err != nil {
		fmt.Fprintln(os.Stderr, "OpenCL:", err)
		return 1
	}
	return code
}

func withOpenCL(kernels string, tests func(*OpenCL) int) (code int, err error) {
	folder, err := os.MkdirTemp("", "opencl")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(folder)
	o, err := StartOpenCL(folder, kernels)
	if err != nil {
		return 1, err
	}
	code = tests(o)
	for _, name := range slices.Sorted(maps.Keys(o.launches)) {
		fmt.Printf("OpenCL: %s: %d launches compared\n", name, o.launches[name])
	}
	return code, o.Close()
}

// StartOpenCL compiles the program that runs kernels into a folder, and starts it with the source
// of all kernels, by its path.
func StartOpenCL(folder, kernels string) (*OpenCL, error) {
	code, program := filepath.Join(folder, "opencl.c"), filepath.Join(folder, "opencl")
	if err := os.WriteFile(code, openclSource, 0o600); err != nil {
		return nil, err
	}
	if out, err := exec.Command("gcc", "-O1", "-Wall", "-o", program, code, "-lOpenCL").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("gcc: %w: %s", err, out)
	}
	o := &OpenCL{launches: map[string]int{}, command: exec.Command(program, kernels)}
	o.command.Stderr = os.Stderr
	var err error
	if o.in, err = o.command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := o.command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	o.out = bufio.NewReaderSize(out, 1<<16)
	return o, o.command.Start()
}

// Close ends the program.
func (o *OpenCL) Close() error { return errors.Join(o.in.Close(), o.command.Wait()) }

// buffer is what lies at an address.
type buffer struct {
	address uint64
	bytes   []byte
}

// Compare runs a launch by run, which is the interpreter's, and again by OpenCL from the memory
// that there was before. An error says where what they leave differs in a bit, NaN apart.
func (o *OpenCL) Compare(m *ptx.Memory, kernel string, l ptx.Launch, run func() error) error {
	if o == nil || slices.Contains(tensor, kernel) {
		return run()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var before []buffer
	m.Each(func(address uint64, bytes []byte) {
		if len(bytes) > 0 {
			before = append(before, buffer{address, slices.Clone(bytes)})
		}
	})
	if err := run(); err != nil {
		return err
	}
	if err := o.launch(kernel, l, before); err != nil {
		return fmt.Errorf("OpenCL: %s: %w", kernel, err)
	}
	o.launches[kernel]++
	for _, b := range before {
		want, err := m.Read(b.address, len(b.bytes))
		if err != nil {
			return err
		}
		for at := 0; at+4 <= len(want); at += 4 {
			x, y := binary.LittleEndian.Uint32(want[at:]), binary.LittleEndian.Uint32(b.bytes[at:])
			p, q := math.Float32frombits(x), math.Float32frombits(y)
			if x != y && (p == p || q == q) {
				return fmt.Errorf("%s: the interpreter leaves %g (%x) at byte %d of the buffer at %#x, OpenCL %g (%x)", kernel, p, x, at, b.address, q, y)
			}
		}
	}
	return nil
}

// launch has OpenCL run a kernel, whose buffers then hold what it leaves there.
func (o *OpenCL) launch(kernel string, l ptx.Launch, buffers []buffer) error {
	var to []byte
	number := func(n uint64) { to = binary.LittleEndian.AppendUint64(to, n) }
	data := func(b []byte) {
		number(uint64(len(b)))
		to = append(to, b...)
	}
	data([]byte(kernel))
	for _, n := range []int{l.Grid[0], l.Grid[1], l.Grid[2], l.Threads, len(l.Arguments)} {
		number(uint64(n))
	}
	for _, a := range l.Arguments {
		switch v := a.(type) {
		case uint64:
			number(1)
			data(binary.LittleEndian.AppendUint64(nil, v))
		case int32:
			number(0)
			data(binary.LittleEndian.AppendUint32(nil, uint32(v)))
		case []byte:
			number(0)
			data(v)
		default:
			return fmt.Errorf("an argument is a %T", a)
		}
	}
	number(uint64(len(buffers)))
	for _, b := range buffers {
		number(b.address)
		data(b.bytes)
	}
	if _, err := o.in.Write(to); err != nil {
		return err
	}
	well, err := o.number()
	if err == nil && well == 0 {
		n, err := o.number()
		if err != nil || n > 1<<10 {
			return errors.Join(err, errors.New("it fails"))
		}
		why := make([]byte, n)
		if _, err := io.ReadFull(o.out, why); err != nil {
			return err
		}
		return errors.New(string(why))
	}
	for i := 0; i < len(buffers) && err == nil; i++ {
		_, err = io.ReadFull(o.out, buffers[i].bytes)
	}
	return err
}

func (o *OpenCL) number() (uint64, error) {
	var b [8]byte
	_, err := io.ReadFull(o.out, b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}
