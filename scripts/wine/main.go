// Command wine makes a prefix of wine in which Go programs run, and runs packages' tests
// there. Go takes random numbers
// from bcryptprimitives.dll, which wine lacks before version 9: there a library that hands
// its one function on to advapi32.dll stands in for it.
package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func main() {
	prefix := flag.String("prefix", "bin/wine", "folder of the prefix")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: wine [-prefix FOLDER] [FOLDER OF A PACKAGE[:TESTS]]...")
		flag.PrintDefaults()
	}
	flag.Parse()
	err := prepare(*prefix)
	for _, tests := range flag.Args() {
		if err == nil {
			err = testPackage(*prefix, tests)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "wine:", err)
		os.Exit(1)
	}
}

// prepare makes the prefix if it is not there.
func prepare(prefix string) error {
	prefix, err := filepath.Abs(prefix)
	if err != nil {
		return err
	}
	library := filepath.Join(prefix, "drive_c", "windows", "system32", "bcryptprimitives.dll")
	if _, err := os.Stat(library); err == nil {
		return nil
	}
	if err := os.MkdirAll(prefix, 0o755); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"wine", "wineboot", "-i"},
		{"wine", "reg", "add", `HKCU\Software\Wine`, "/v", "Version", "/d", "win10", "/f"}, // what Go asks for
		{"wineserver", "-w"},
	} {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "WINEPREFIX="+prefix, "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=", "DISPLAY=")
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", args, err, text)
		}
	}
	if _, err := os.Stat(library); err == nil {
		return nil
	}
	return os.WriteFile(library, forwarder("bcryptprimitives.dll", "ProcessPrng", "ADVAPI32.SystemFunction036"), 0o644)
}

// forwarder is a library for 64-bit x86 that holds no code: its one function is another
// library's.
func forwarder(name, function, to string) []byte {
	const (
		headers, page = 0x200, 0x1000 // of the file, and of memory
		directory     = 40            // bytes of the table of exports
	)
	// The section: the table, an address, a pointer to a name, an ordinal, the three texts.
	texts := uint32(page + directory + 4 + 4 + 4)
	nameAt, functionAt := texts, texts+uint32(len(name))+1
	toAt := functionAt + uint32(len(function)) + 1
	var section bytes.Buffer
	put := func(b *bytes.Buffer, values ...any) {
		for _, v := range values {
			_ = binary.Write(b, binary.LittleEndian, v) // a buffer takes all
		}
	}
	put(&section, uint32(0), uint32(0), uint32(0), nameAt, uint32(1), uint32(1), uint32(1),
		uint32(page+directory), uint32(page+directory+4), uint32(page+directory+8))
	put(&section, toAt, functionAt, uint16(0), uint16(0))
	section.WriteString(name + "\x00" + function + "\x00" + to + "\x00")
	size := uint32(section.Len())

	var f bytes.Buffer
	f.WriteString("MZ")
	f.Write(make([]byte, 58))
	put(&f, uint32(64)) // where the real head begins
	f.WriteString("PE\x00\x00")
	put(&f, uint16(0x8664), uint16(1), uint32(0), uint32(0), uint32(0), uint16(240), uint16(0x2022)) // x86-64, one section, a library
	put(&f, uint16(0x20b), uint8(14), uint8(0), uint32(0), uint32(headers), uint32(0), uint32(0), uint32(page),
		uint64(0x180000000), uint32(page), uint32(headers), uint16(6), uint16(0), uint16(0), uint16(0), uint16(6), uint16(0), uint32(0),
		uint32(2*page), uint32(headers), uint32(0), uint16(3), uint16(0x100),
		uint64(1<<20), uint64(page), uint64(1<<20), uint64(page), uint32(0), uint32(16))
	put(&f, uint32(page), size) // the exports; the other 15 tables are empty
	f.Write(make([]byte, 15*8))
	f.WriteString(".rdata\x00\x00")
	put(&f, size, uint32(page), uint32(headers), uint32(headers), uint32(0), uint32(0), uint16(0), uint16(0), uint32(0x40000040))
	f.Write(make([]byte, headers-f.Len()))
	f.Write(section.Bytes())
	f.Write(make([]byte, 2*headers-f.Len()))
	return f.Bytes()
}
