package chroma

import "encoding/binary"

// Segments gives the segments in front of a JPEG file's picture: their markers, their bodies,
// and where these begin, until one is enough. picture is where the picture's own segment (SOS)
// begins, -1 if one was enough or something else comes before it.
func Segments(data []byte, more func(marker byte, at int, body []byte) bool) (picture int) {
	for i := 2; i+4 <= len(data) && data[i] == 0xff; {
		marker, n := data[i+1], int(binary.BigEndian.Uint16(data[i+2:]))
		if marker == 0xff { // what fills up
			i++
			continue
		}
		if marker == 0xda {
			return i
		}
		if n < 2 || i+2+n > len(data) || !more(marker, i+4, data[i+4:i+2+n]) {
			return -1
		}
		i += 2 + n
	}
	return -1
}
