//go:build gpu

package driver

import (
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"slices"
	"unsafe"

	"krypton/internal/gpu/kernels"
)

// Device is a card with the kernels loaded, as gpu.Device has it. What is asked of it goes
// into one stream, in order.
type Device struct {
	driver  *Driver
	card    Card
	context uintptr
	module  uintptr
	stream  uintptr
	kernels map[string]uintptr
	// held are the sizes of all memory that was allocated, spare is what of it Free has given
	// back, by size: it is taken again, since to allocate and to free take a card longer than a
	// small kernel does. What is asked in one stream happens in order, so that no kernel
	// still uses it.
	held  map[uint64]int
	spare map[int][]uint64
	// What is written goes through pages that stay where they are, in turn: turns counts.
	pages [2]locked
	turns int
}

// Open takes a card into use: the driver's compiler makes the kernels ready for it. Close
// gives it back.
func (d *Driver) Open(c Card) (*Device, error) { return d.open(c, kernels.PTX) }

func (d *Driver) open(c Card, ptx string) (*Device, error) {
	if 10*c.Major+c.Minor < capability {
		return nil, fmt.Errorf("%w: %s has compute capability %d.%d, and %d.%d is needed", ErrOldCard, c.Name, c.Major, c.Minor, capability/10, capability%10)
	}
	dev := &Device{driver: d, card: c, kernels: map[string]uintptr{}, held: map[uint64]int{}, spare: map[int][]uint64{}}
	if err := d.call(primaryRetain, uintptr(unsafe.Pointer(&dev.context)), uintptr(c.device)); err != nil {
		return nil, err
	}
	err := dev.within(func() error {
		if err := dev.load(ptx); err != nil {
			return err
		}
		return d.call(streamCreate, uintptr(unsafe.Pointer(&dev.stream)), streamNonBlocking)
	})
	if err != nil {
		return nil, errors.Join(err, dev.Close())
	}
	return dev, nil
}

// streamNonBlocking is the flag of a stream that does not wait for the default one.
const streamNonBlocking = 1

// Options of the driver's compiler.
const (
	optionErrorLog     = 5
	optionErrorLogSize = 6
)

// load has the driver compile the kernels; what its compiler says of an error is the error's
// text.
func (d *Device) load(ptx string) error {
	image, log := append([]byte(ptx), 0), make([]byte, 8192)
	options := []int32{optionErrorLog, optionErrorLogSize}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&log[0])
	values := []uintptr{uintptr(unsafe.Pointer(&log[0])), uintptr(len(log))}
	err := d.driver.call(moduleLoadData, uintptr(unsafe.Pointer(&d.module)), uintptr(unsafe.Pointer(&image[0])),
		uintptr(len(options)), uintptr(unsafe.Pointer(&options[0])), uintptr(unsafe.Pointer(&values[0])))
	if err == nil {
		return nil
	}
	d.module = 0
	end := 0
	for end < len(log) && log[end] != 0 {
		end++
	}
	if said := firstLine(string(log[:end])); said != "" {
		return fmt.Errorf("the NVIDIA driver cannot compile the kernels: %w: %s", err, said)
	}
	return fmt.Errorf("the NVIDIA driver cannot compile the kernels: %w", err)
}

// within calls f on a thread whose current context is the device's.
func (d *Device) within(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := d.driver.call(setCurrent, d.context); err != nil {
		return err
	}
	return f()
}

// Card is the device's card.
func (d *Device) Card() Card { return d.card }

// Close waits for the card and gives it back, with all memory.
func (d *Device) Close() error {
	err := d.within(func() error {
		var all error
		if d.stream != 0 {
			all = errors.Join(d.driver.call(streamSynchronize, d.stream), d.driver.call(streamDestroy, d.stream))
		}
		for i := range d.pages {
			all = errors.Join(all, d.unlock(&d.pages[i]))
		}
		clear(d.spare)
		for at, n := range d.held {
			d.spare[n] = append(d.spare[n], at)
		}
		all = errors.Join(all, d.drop())
		if d.module != 0 {
			all = errors.Join(all, d.driver.call(moduleUnload, d.module))
		}
		return all
	})
	return errors.Join(err, d.driver.call(primaryRelease, uintptr(d.card.device)))
}

// largeBytes is from where on memory comes in multiples of that; less comes in powers of two.
const largeBytes = 1 << 20

// rounded is how many bytes are allocated for so many.
func rounded(bytes int) int {
	if bytes >= largeBytes {
		return (bytes + largeBytes - 1) / largeBytes * largeBytes
	}
	return 1 << bits.Len(uint(max(bytes, 256)-1))
}

// Free gives memory back, for the next Alloc of as much.
func (d *Device) Free(address uint64) error {
	n, ok := d.held[address]
	if !ok || slices.Contains(d.spare[n], address) {
		return fmt.Errorf("memory at %#x is not allocated", address)
	}
	d.spare[n] = append(d.spare[n], address)
	return nil
}

// Alloc allocates memory.
func (d *Device) Alloc(_ string, bytes int) (uint64, error) {
	n := rounded(bytes)
	if spare := d.spare[n]; len(spare) > 0 {
		d.spare[n] = spare[:len(spare)-1]
		return spare[len(spare)-1], nil
	}
	var at uint64
	alloc := func() error { return d.driver.call(memAlloc, uintptr(unsafe.Pointer(&at)), uintptr(n)) }
	err := d.within(func() error {
		err := alloc()
		var e *Error
		if !errors.As(err, &e) || e.Code != codeNoMemory {
			return err
		}
		if err := d.drop(); err != nil { // of other sizes
			return err
		}
		return alloc()
	})
	if err != nil {
		return 0, err
	}
	d.held[at] = n
	return at, nil
}

// drop gives the card back what is spare.
func (d *Device) drop() error {
	var all error
	for n, spare := range d.spare {
		for _, at := range spare {
			delete(d.held, at)
			all = errors.Join(all, d.driver.call(memFree, uintptr(at)))
		}
		delete(d.spare, n)
	}
	return all
}

// Memory says how many bytes are free, and how many there are.
func (d *Device) Memory() (free, total uint64, err error) {
	var sizes [2]uintptr
	err = d.within(func() error {
		return d.driver.call(memGetInfo, uintptr(unsafe.Pointer(&sizes[0])), uintptr(unsafe.Pointer(&sizes[1])))
	})
	return uint64(sizes[0]), uint64(sizes[1]), err
}

// lockedBytes is how much is written at once.
const lockedBytes = 4 << 20

// locked is page-locked memory. The library may still read memory that it is given to copy from
// when it returns, of pageable memory too (CUDA's "API synchronization behavior"), and what callers
// of Write have is theirs again then.
type locked struct {
	at   *byte
	done uintptr // the event behind the last copy from there
}

// lock allocates page-locked memory, if that was not done before.
func (d *Device) lock(p *locked) error {
	if p.at == nil {
		if err := d.driver.call(memAllocHost, uintptr(unsafe.Pointer(&p.at)), lockedBytes); err != nil {
			p.at = nil
			return err
		}
	}
	if p.done == 0 {
		return d.driver.call(eventCreate, uintptr(unsafe.Pointer(&p.done)), eventUntimed)
	}
	return nil
}

// unlock gives it back.
func (d *Device) unlock(p *locked) (all error) {
	if p.done != 0 {
		all = d.driver.call(eventDestroy, p.done)
	}
	if p.at != nil {
		all = errors.Join(all, d.driver.call(memFreeHost, uintptr(unsafe.Pointer(p.at))))
	}
	*p = locked{}
	return all
}

// eventUntimed is the flag of an event that only tells when something is done.
const eventUntimed = 2

// Write copies data to the device.
func (d *Device) Write(address uint64, data []byte) error {
	if len(data) == 0 {
		return nil
	}
	return d.within(func() error {
		for len(data) > 0 {
			p := &d.pages[d.turns%len(d.pages)]
			if err := d.lock(p); err != nil {
				return err
			}
			// An event that nothing was recorded in is over.
			if err := d.driver.call(eventSynchronize, p.done); err != nil {
				return err
			}
			n := copy(unsafe.Slice(p.at, lockedBytes), data)
			if err := d.driver.call(memcpyToDevice, uintptr(address), uintptr(unsafe.Pointer(p.at)), uintptr(n), d.stream); err != nil {
				return err
			}
			if err := d.driver.call(eventRecord, p.done, d.stream); err != nil {
				return err
			}
			data, address = data[n:], address+uint64(n)
			d.turns++
		}
		return nil
	})
}

// Read copies data from the device, once all that was asked before is done.
func (d *Device) Read(data []byte, address uint64) error {
	if len(data) == 0 {
		return nil
	}
	var pin runtime.Pinner
	defer pin.Unpin()
	pin.Pin(&data[0])
	return d.within(func() error {
		if err := d.driver.call(memcpyToHost, uintptr(unsafe.Pointer(&data[0])), uintptr(address), uintptr(len(data)), d.stream); err != nil {
			return err
		}
		return d.driver.call(streamSynchronize, d.stream)
	})
}

// Launch has a kernel run.
func (d *Device) Launch(l kernels.Launch) error {
	return d.within(func() error {
		k, err := d.kernel(l.Kernel)
		if err != nil {
			return err
		}
		// The library reads each argument from an address of its own before it returns.
		var pin runtime.Pinner
		defer pin.Unpin()
		at := make([]unsafe.Pointer, len(l.Arguments))
		for i, argument := range l.Arguments {
			switch v := argument.(type) {
			case uint64:
				at[i] = unsafe.Pointer(&v)
			case int32:
				at[i] = unsafe.Pointer(&v)
			case []byte:
				at[i] = unsafe.Pointer(unsafe.SliceData(v))
			default:
				return fmt.Errorf("argument %d of kernel %s is a %T", i, l.Kernel, argument)
			}
			pin.Pin(at[i])
		}
		return d.driver.call(launchKernel, k, uintptr(l.Grid[0]), uintptr(l.Grid[1]), uintptr(l.Grid[2]), uintptr(l.Threads), 1, 1,
			0, d.stream, uintptr(unsafe.Pointer(unsafe.SliceData(at))), 0)
	})
}

// kernel finds a function of the module.
func (d *Device) kernel(name string) (uintptr, error) {
	if k := d.kernels[name]; k != 0 {
		return k, nil
	}
	var k uintptr
	c := append([]byte(name), 0)
	if err := d.driver.call(moduleGetFunction, uintptr(unsafe.Pointer(&k)), d.module, uintptr(unsafe.Pointer(&c[0]))); err != nil {
		return 0, fmt.Errorf("kernel %s: %w", name, err)
	}
	d.kernels[name] = k
	return k, nil
}

// Rates are what a card's clocks allow at their highest.
type Rates struct {
	Clock     float64 // of multiprocessors, Hz
	Bandwidth float64 // of memory, bytes a second
	Threads   int     // that a multiprocessor holds at once
}

// Rates are those of the card; what the driver does not know of it is 0.
func (d *Device) Rates() (Rates, error) {
	var of [4]int
	for i, which := range []uintptr{attributeClock, attributeMemoryClock, attributeBus, attributeThreads} {
		var err error
		if of[i], err = d.driver.attribute(&d.card, which); err != nil {
			return Rates{}, err
		}
		of[i] = max(0, of[i])
	}
	// Memory moves two bits a line and cycle.
	return Rates{Clock: 1e3 * float64(of[0]), Bandwidth: 1e3 * float64(of[1]) * 2 * float64(of[2]) / 8, Threads: of[3]}, nil
}

// Fit is how a kernel lies on a multiprocessor, as the driver's compiler has made it.
type Fit struct {
	// Registers is how many a thread has, Local how many bytes of a thread found no place in them,
	// Shared how many bytes of shared memory a block has.
	Registers, Local, Shared int
	// Blocks is how many are on a multiprocessor at once.
	Blocks int
}

// Attributes of functions.
const (
	functionShared    = 1
	functionLocal     = 3
	functionRegisters = 4
)

// Fit is that of a kernel with so many threads in a block.
func (d *Device) Fit(kernel string, threads int) (f Fit, err error) {
	return f, d.within(func() error {
		k, err := d.kernel(kernel)
		if err != nil {
			return err
		}
		var value int32
		for _, a := range []struct {
			to        *int
			attribute uintptr
		}{{&f.Shared, functionShared}, {&f.Local, functionLocal}, {&f.Registers, functionRegisters}} {
			if err := d.driver.call(funcGetAttribute, uintptr(unsafe.Pointer(&value)), a.attribute, k); err != nil {
				return err
			}
			*a.to = int(value)
		}
		err = d.driver.call(occupancy, uintptr(unsafe.Pointer(&value)), k, uintptr(threads), 0)
		f.Blocks = int(value)
		return err
	})
}

// Time is how many seconds the card works on what f asks of it.
func (d *Device) Time(f func() error) (seconds float64, err error) {
	var events [2]uintptr
	record := func(i int) error {
		return d.within(func() error {
			if err := d.driver.call(eventCreate, uintptr(unsafe.Pointer(&events[i])), 0); err != nil {
				return err
			}
			return d.driver.call(eventRecord, events[i], d.stream)
		})
	}
	defer func() {
		err = errors.Join(err, d.within(func() error {
			var all error
			for _, e := range events {
				if e != 0 {
					all = errors.Join(all, d.driver.call(eventDestroy, e))
				}
			}
			return all
		}))
	}()
	if err := record(0); err != nil {
		return 0, err
	}
	if err := f(); err != nil {
		return 0, err
	}
	if err := record(1); err != nil {
		return 0, err
	}
	var milliseconds float32
	err = d.within(func() error {
		if err := d.driver.call(eventSynchronize, events[1]); err != nil {
			return err
		}
		return d.driver.call(eventElapsedTime, uintptr(unsafe.Pointer(&milliseconds)), events[0], events[1])
	})
	return float64(milliseconds) / 1000, err
}
