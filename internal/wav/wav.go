// Package wav reads sound in WAVE files: whole numbers of 8 to 32 bits, and floats.
package wav

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"

	"krypton/internal/recording"
)

// Magic is the number of bytes that Is needs.
const Magic = 12

// Is says whether a file that begins with head is a WAVE file, of whatever kind.
func Is(head []byte) bool {
	return len(head) >= Magic && slices.Contains([]string{"RIFF", "RF64", "RIFX"}, string(head[:4])) && string(head[8:12]) == "WAVE"
}

const maxChannels = 1 << 8

// The codes of formats.
const (
	formatWhole      = 1
	formatFloat      = 3
	formatExtensible = 0xfffe
)

// others are codes of formats that are not read.
var others = map[uint16]string{2: "ADPCM", 6: "A-law", 7: "mu-law", 0x11: "ADPCM", 0x55: "MP3"}

// format is what a file's samples are.
type format struct {
	float    bool
	channels int
	rate     float64
	bytes    int // of a sample
}

// Read reads a file: samples of whole numbers become numbers from -1 to 1.
func Read(r io.Reader, want recording.Want) (*recording.Recording, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	var head [12]byte
	if _, err := io.ReadFull(b, head[:]); err != nil || string(head[:4]) != "RIFF" || string(head[8:]) != "WAVE" {
		return nil, recording.Bad("no WAVE file (RF64 and RIFX are not read)")
	}
	var f *format
	for {
		var chunk [8]byte
		if _, err := io.ReadFull(b, chunk[:]); err != nil {
			return nil, recording.Bad("it has no samples")
		}
		size := int64(binary.LittleEndian.Uint32(chunk[4:]))
		switch string(chunk[:4]) {
		case "fmt ":
			var err error
			if f, err = readFormat(b, size); err != nil {
				return nil, err
			}
		case "data":
			if f == nil {
				return nil, recording.Bad("samples before their format")
			}
			return f.read(b, size, want)
		default:
			if _, err := io.CopyN(io.Discard, b, size+size%2); err != nil {
				return nil, recording.Bad("it has no samples")
			}
		}
	}
}

func readFormat(r io.Reader, size int64) (*format, error) {
	if size < 16 || size > 1<<10 {
		return nil, recording.Bad("a format of %d bytes", size)
	}
	b := make([]byte, size+size%2)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, recording.Bad("the format is cut off")
	}
	code := binary.LittleEndian.Uint16(b)
	bits := int(binary.LittleEndian.Uint16(b[14:]))
	if code == formatExtensible {
		if size < 40 {
			return nil, recording.Bad("an extensible format of %d bytes", size)
		}
		code = binary.LittleEndian.Uint16(b[24:])
	}
	f := &format{float: code == formatFloat, channels: int(binary.LittleEndian.Uint16(b[2:])), rate: float64(binary.LittleEndian.Uint32(b[4:])), bytes: bits / 8}
	align := int(binary.LittleEndian.Uint16(b[12:]))
	switch {
	case others[code] != "":
		return nil, recording.Bad("samples in %s: want whole numbers or floats, as 'sox IN -e signed -b 16 OUT.wav' writes them", others[code])
	case code != formatWhole && code != formatFloat:
		return nil, recording.Bad("samples of format %#x: want whole numbers or floats", code)
	case f.channels < 1 || f.channels > maxChannels || f.rate == 0:
		return nil, recording.Bad("%d channels, %g samples a second", f.channels, f.rate)
	case bits%8 != 0 || f.float && bits != 32 && bits != 64 || !f.float && (bits < 8 || bits > 32) || align != f.channels*f.bytes:
		return nil, recording.Bad("samples of %d bits, %d bytes for %d channels", bits, align, f.channels)
	}
	return f, nil
}

// sample is the number of a sample's bytes.
func (f *format) sample(b []byte) float64 {
	switch {
	case f.float && f.bytes == 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case f.float:
		return math.Float64frombits(binary.LittleEndian.Uint64(b))
	case f.bytes == 1:
		return float64(int(b[0])-128) / 128
	}
	v := uint32(0)
	for i, x := range b {
		v |= uint32(x) << (8 * (4 - len(b) + i))
	}
	return float64(int32(v)) / (1 << 31)
}

// read reads size bytes of samples: 0 and what 32 bits cannot say, all there are.
func (f *format) read(r *bufio.Reader, size int64, want recording.Want) (*recording.Recording, error) {
	budget := want.Budget()
	var all []*recording.Collector
	for i := range f.channels {
		k, err := want.Collect(i, recording.Channel{Name: fmt.Sprintf("channel %d", i+1), Rate: f.rate}, budget)
		if err != nil {
			return nil, err
		}
		all = append(all, k)
	}
	streamed := size == 0 || size == math.MaxUint32
	frame := make([]byte, f.channels*f.bytes)
	if !streamed && size%int64(len(frame)) != 0 {
		return nil, recording.Bad("%d bytes of samples, which take %d each", size, len(frame))
	}
	for at := int64(0); streamed || at < size; at += int64(len(frame)) {
		if recording.AllDone(all) {
			break
		}
		if _, err := io.ReadFull(r, frame); errors.Is(err, io.EOF) && streamed {
			break
		} else if err != nil {
			return nil, recording.Bad("it ends after %d of %d bytes of samples", at, size)
		}
		for i, k := range all {
			if !k.Wanted() {
				k.Skip(1)
				continue
			}
			v := f.sample(frame[i*f.bytes:][:f.bytes])
			if math.IsInf(v, 0) {
				return nil, recording.Bad("sample %d of channel %d is %g", at/int64(len(frame)), i+1, v)
			}
			if err := k.Add(v); err != nil {
				return nil, err
			}
		}
	}
	channels, err := recording.Finish(all)
	if err != nil {
		return nil, err
	}
	kind := "whole numbers"
	if f.float {
		kind = "floats"
	}
	return &recording.Recording{Channels: channels, Format: fmt.Sprintf("WAVE, %s of %d bits", kind, 8*f.bytes)}, nil
}
