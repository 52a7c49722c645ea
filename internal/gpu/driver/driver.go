//go:build gpu

// Package driver binds NVIDIA's driver, by its library, without cgo: cards, memory and
// launches, which make a gpu.Device. It is built with the tag gpu alone, since a program that
// loads libraries cannot be static. No card has run it yet: its tests call a library in C that
// stands in for the driver's.
package driver

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"unsafe"
)

// The functions of the library, in their order in names.
const (
	initialize = iota
	driverGetVersion
	getErrorName
	getErrorString
	deviceGetCount
	deviceGet
	deviceGetName
	deviceGetAttribute
	deviceTotalMem
	primaryRetain
	primaryRelease
	setCurrent
	moduleLoadData
	moduleUnload
	moduleGetFunction
	memGetInfo
	memAlloc
	memFree
	memAllocHost
	memFreeHost
	memcpyToDevice
	memcpyToHost
	streamCreate
	streamDestroy
	streamSynchronize
	eventCreate
	eventDestroy
	eventRecord
	eventSynchronize
	eventElapsedTime
	launchKernel
	funcGetAttribute
	occupancy
	functions
)

// names are those of the functions, in the versions that cuda.h of CUDA 11 names.
var names = [functions]string{
	"cuInit", "cuDriverGetVersion", "cuGetErrorName", "cuGetErrorString", "cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetAttribute",
	"cuDeviceTotalMem_v2", "cuDevicePrimaryCtxRetain", "cuDevicePrimaryCtxRelease_v2", "cuCtxSetCurrent", "cuModuleLoadDataEx", "cuModuleUnload",
	"cuModuleGetFunction", "cuMemGetInfo_v2", "cuMemAlloc_v2", "cuMemFree_v2", "cuMemAllocHost_v2", "cuMemFreeHost", "cuMemcpyHtoDAsync_v2", "cuMemcpyDtoHAsync_v2", "cuStreamCreate",
	"cuStreamDestroy_v2", "cuStreamSynchronize", "cuEventCreate", "cuEventDestroy_v2", "cuEventRecord", "cuEventSynchronize", "cuEventElapsedTime",
	"cuLaunchKernel", "cuFuncGetAttribute", "cuOccupancyMaxActiveBlocksPerMultiprocessor",
}

// Versions, as the driver counts: 1000 for a major one, 10 for a minor one.
const (
	// needed is the first version whose compiler reads PTX ISA 7.0, which the kernels are in.
	needed = 11000
	// capability is the least that a card must have: 8.0, which the kernels are made for.
	capability = 80
)

// What the driver answers, besides 0.
const (
	codeNoMemory = 2
	codeNoDevice = 100
	codeNotFound = 500
)

// What keeps a driver from being used.
var (
	ErrNoDriver  = errors.New("no NVIDIA driver found")
	ErrOldDriver = errors.New("the NVIDIA driver is too old")
	ErrNoCard    = errors.New("no NVIDIA card found")
	ErrOldCard   = errors.New("the NVIDIA card is too old")
)

// Error is an answer of the driver that is not success.
type Error struct {
	Function string // that gave it
	Code     int32
	Name     string // of the code, empty if the driver knows none
	Text     string // what it means
}

func (e *Error) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("%s: error %d of the NVIDIA driver", e.Function, e.Code)
	}
	return fmt.Sprintf("%s: %s (%s, %d)", e.Function, e.Text, e.Name, e.Code)
}

// OutOfMemory says that the card has not got the memory that was asked for.
func (e *Error) OutOfMemory() bool { return e.Code == codeNoMemory }

// Driver is the driver's library, ready for use. It may be used by several goroutines.
type Driver struct {
	address [functions]uintptr
	version int
}

// Open finds the driver. Its errors are of one line, and wrap ErrNoDriver or ErrOldDriver
// where that is what is wrong; where there is a driver but no card, ErrNoCard.
func Open() (*Driver, error) { return open(library) }

// open is Open of a library's name.
func open(name string) (*Driver, error) {
	handle, err := load(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrNoDriver, firstLine(err.Error()))
	}
	d := &Driver{}
	missing := ""
	for i, name := range names {
		if d.address[i], err = symbol(handle, name); err != nil || d.address[i] == 0 {
			missing = cmp.Or(missing, name)
		}
	}
	if d.address[driverGetVersion] != 0 {
		var version int32
		if err := d.call(driverGetVersion, uintptr(unsafe.Pointer(&version))); err != nil {
			return nil, err
		}
		d.version = int(version)
	}
	if d.version < needed {
		return nil, fmt.Errorf("%w: it is for CUDA %s, and %s is needed", ErrOldDriver, dotted(d.version), dotted(needed))
	}
	if missing != "" {
		return nil, fmt.Errorf("%w: it has no function %s", ErrOldDriver, missing)
	}
	var e *Error
	if err := d.call(initialize, 0); errors.As(err, &e) && e.Code == codeNoDevice {
		return nil, ErrNoCard
	} else if err != nil {
		return nil, err
	}
	return d, nil
}

// Version is that of CUDA which the driver is for, as 12.4.
func (d *Driver) Version() string { return dotted(d.version) }

func dotted(version int) string { return fmt.Sprintf("%d.%d", version/1000, version%1000/10) }

func firstLine(text string) string {
	line, _, _ := bytes.Cut([]byte(text), []byte("\n"))
	return string(bytes.TrimSpace(line))
}

// call calls a function of the library, whose arguments are whole numbers and addresses.
//
//go:uintptrescapes
func (d *Driver) call(f int, args ...uintptr) error {
	code := int32(invoke(d.address[f], args...))
	if code == 0 {
		return nil
	}
	return &Error{Function: names[f], Code: code, Name: d.text(getErrorName, code), Text: d.text(getErrorString, code)}
}

// text is what a function says of an error's code, empty if nothing.
func (d *Driver) text(f int, code int32) string {
	if d.address[f] == 0 {
		return ""
	}
	var at *byte
	if invoke(d.address[f], uintptr(code), uintptr(unsafe.Pointer(&at))) != 0 || at == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(at), n)) != 0 {
		n++
	}
	return firstLine(string(unsafe.Slice(at, n)))
}

// Card is what the driver says of a card.
type Card struct {
	Name           string
	Memory         uint64 // bytes
	Major, Minor   int    // of its compute capability
	Multiprocessor int    // how many
	device         int32
}

// Attributes of cards.
const (
	attributeClock           = 13 // kHz
	attributeMultiprocessors = 16
	attributeMemoryClock     = 36 // kHz
	attributeBus             = 37 // bits
	attributeThreads         = 39 // of a multiprocessor
	attributeMajor           = 75
	attributeMinor           = 76
)

// Cards lists the cards in the driver's order; none is ErrNoCard.
func (d *Driver) Cards() ([]Card, error) {
	var n int32
	if err := d.call(deviceGetCount, uintptr(unsafe.Pointer(&n))); err != nil {
		return nil, err
	}
	if n <= 0 {
		return nil, ErrNoCard
	}
	cards := make([]Card, n)
	for i := range cards {
		if err := d.card(&cards[i], i); err != nil {
			return nil, err
		}
	}
	return cards, nil
}

func (d *Driver) card(c *Card, number int) error {
	if err := d.call(deviceGet, uintptr(unsafe.Pointer(&c.device)), uintptr(number)); err != nil {
		return err
	}
	name := make([]byte, 256)
	if err := d.call(deviceGetName, uintptr(unsafe.Pointer(&name[0])), uintptr(len(name)), uintptr(c.device)); err != nil {
		return err
	}
	end := bytes.IndexByte(name, 0)
	if end < 0 {
		end = len(name)
	}
	c.Name = string(name[:end])
	var bytes uintptr // size_t
	if err := d.call(deviceTotalMem, uintptr(unsafe.Pointer(&bytes)), uintptr(c.device)); err != nil {
		return err
	}
	c.Memory = uint64(bytes)
	var err error
	for _, a := range []struct {
		to        *int
		attribute uintptr
	}{{&c.Multiprocessor, attributeMultiprocessors}, {&c.Major, attributeMajor}, {&c.Minor, attributeMinor}} {
		if *a.to, err = d.attribute(c, a.attribute); err != nil {
			return err
		}
	}
	return nil
}

// attribute is one of a card's.
func (d *Driver) attribute(c *Card, which uintptr) (int, error) {
	var value int32
	err := d.call(deviceGetAttribute, uintptr(unsafe.Pointer(&value)), which, uintptr(c.device))
	return int(value), err
}
