// Package standin stands in for a graphics card: a library in C, which has the functions of
// NVIDIA's driver that package driver binds, and a server that the library asks for memory and
// launches, by the interpreter of package ptx. So the whole program runs as it would with a
// card, but for the card. It is for tests, and for trying scripts out.
package standin

import (
	"bufio"
	_ "embed" // of the library
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"krypton/internal/gpu/ptx"
)

//go:embed library/libcuda.c
var source []byte

// ErrNoCompiler says that there is no C compiler.
var ErrNoCompiler = errors.New("no gcc, which makes the library that stands in for the driver")

// Build compiles the library into a folder, and gives its path.
func Build(folder string) (path string, err error) {
	compiler, err := exec.LookPath("gcc")
	if err != nil {
		return "", ErrNoCompiler
	}
	code := filepath.Join(folder, "libcuda.c")
	if err := os.WriteFile(code, source, 0o600); err != nil {
		return "", err
	}
	path = filepath.Join(folder, "libcuda.so.1")
	if out, err := exec.Command(compiler, "-shared", "-fPIC", "-Wall", "-Werror", "-o", path, code).CombinedOutput(); err != nil {
		return "", fmt.Errorf("gcc: %w: %s", err, out)
	}
	return path, nil
}

// Serve answers the library in processes that connect to a socket, each with memory of its
// own, until the listener is closed.
func Serve(l net.Listener, m *ptx.Module) error {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		} else if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			s := server{module: m, in: bufio.NewReaderSize(c, 1<<16), out: bufio.NewWriterSize(c, 1<<16)}
			for s.one() == nil {
			}
		}()
	}
}

// server answers one process.
type server struct {
	module *ptx.Module
	memory ptx.Memory
	in     *bufio.Reader
	out    *bufio.Writer
}

// What the driver answers where something fails: any code will do that it has no name for.
const (
	ok     = 0
	failed = 999
)

// mostBytes bounds what is taken at once.
const mostBytes = 1 << 32

// one answers one question: a letter, and numbers that are as many as it wants.
func (s *server) one() error {
	what, err := s.number()
	if err != nil {
		return err
	}
	var numbers [4]uint64
	for i := range map[byte]int{'A': 1, 'F': 1, 'W': 1, 'R': 2, 'L': 4}[byte(what)] {
		if numbers[i], err = s.number(); err != nil {
			return err
		}
	}
	data, err := s.bytes()
	if err != nil {
		return err
	}
	switch what {
	case 'A':
		err = s.put(s.memory.Alloc("of the driver", int(numbers[0])))
	case 'F':
		err = s.status(s.memory.Free(numbers[0]))
	case 'W':
		err = s.status(s.memory.Write(numbers[0], data))
	case 'R':
		got, bad := s.memory.Read(numbers[0], int(numbers[1]))
		if err = s.status(bad); err == nil && bad == nil {
			_, err = s.out.Write(got)
		}
	case 'K':
		k, bad := s.module.Kernel(string(data))
		if bad != nil {
			err = s.put(1 << 20) // more than any has
			break
		}
		sizes := k.Parameters()
		err = s.put(uint64(len(sizes)))
		for _, n := range sizes {
			err = errors.Join(err, s.put(uint64(n)))
		}
	case 'L':
		params, e := s.bytes()
		if e != nil {
			return e
		}
		err = s.status(s.launch(string(data), [3]int{int(numbers[0]), int(numbers[1]), int(numbers[2])}, int(numbers[3]), params))
	default:
		return fmt.Errorf("unknown question %d", what)
	}
	if err != nil {
		return err
	}
	return s.out.Flush()
}

func (s *server) launch(name string, grid [3]int, threads int, params []byte) error {
	k, err := s.module.Kernel(name)
	if err != nil {
		return err
	}
	l := ptx.Launch{Grid: grid, Threads: threads}
	for _, n := range k.Parameters() {
		if n > len(params) {
			return fmt.Errorf("%s: %d bytes of parameters are missing", name, n-len(params))
		}
		l.Arguments = append(l.Arguments, params[:n])
		params = params[n:]
	}
	return k.Launch(&s.memory, l)
}

func (s *server) number() (uint64, error) {
	var b [8]byte
	_, err := io.ReadFull(s.in, b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

func (s *server) bytes() ([]byte, error) {
	n, err := s.number()
	if err != nil || n > mostBytes {
		return nil, errors.Join(err, errors.New("too much"))
	}
	data := make([]byte, n)
	_, err = io.ReadFull(s.in, data)
	return data, err
}

func (s *server) put(n uint64) error {
	_, err := s.out.Write(binary.LittleEndian.AppendUint64(nil, n))
	return err
}

// status answers with a code; what failed is told where the server runs.
func (s *server) status(err error) error {
	if err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		return s.put(failed)
	}
	return s.put(ok)
}
