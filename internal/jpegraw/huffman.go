package jpegraw

import "errors"

var errCode = errors.New("damaged: a code that no table has")

// lookBits is how many bits a code has that is found in one step.
const lookBits = 9

// huffman is a table of codes.
type huffman struct {
	look   [1 << lookBits]uint16 // length<<8 | value, 0 for longer codes
	least  [17]int32             // the first code of each length
	most   [17]int32             // the last, -1 for none
	first  [17]int32             // index of the value of the first
	values []byte
}

// huffmans reads tables of codes.
func (d *decoder) huffmans(b []byte) error {
	for len(b) > 0 {
		if len(b) < 17 {
			return errShort
		}
		kind, to := b[0]>>4, b[0]&15
		n := 0
		for _, c := range b[1:17] {
			n += int(c)
		}
		if kind > 1 || to > 3 || n < 1 || n > 256 || len(b) < 17+n {
			return errors.New("damaged: a table of codes")
		}
		h, err := newHuffman(b[1:17], b[17:17+n])
		if err != nil {
			return err
		}
		if kind == 0 {
			d.dc[to] = h
		} else {
			d.ac[to] = h
		}
		b = b[17+n:]
	}
	return nil
}

func newHuffman(counts, values []byte) (*huffman, error) {
	h := &huffman{values: values}
	code, at := int32(0), int32(0)
	for n := 1; n <= 16; n++ {
		h.least[n], h.first[n], h.most[n] = code, at, -1
		for range counts[n-1] {
			if code >= 1<<n {
				return nil, errors.New("damaged: more codes than there can be")
			}
			if n <= lookBits {
				for i := range int32(1) << (lookBits - n) {
					h.look[code<<(lookBits-n)|i] = uint16(n)<<8 | uint16(values[at])
				}
			}
			h.most[n] = code
			code++
			at++
		}
		code <<= 1
	}
	return h, nil
}

// bits reads the numbers of a scan: bytes behind 0xff that are 0 mean nothing, others
// are markers, at which the numbers end.
type bits struct {
	data  []byte
	at    int
	store uint64
	n     int
	stop  bool // a marker or the end: what follows is 0
	over  int  // bits that were read behind it
}

// fill makes sure that there are at least 32 bits.
func (b *bits) fill() {
	for b.n <= 56 {
		v := uint64(0)
		switch {
		case b.stop || b.at >= len(b.data):
			b.stop = true
			b.over += 8
		case b.data[b.at] != 0xff:
			v = uint64(b.data[b.at])
			b.at++
		case b.at+1 < len(b.data) && b.data[b.at+1] == 0:
			v = 0xff
			b.at += 2
		default:
			b.stop = true
			b.over += 8
		}
		b.store = b.store<<8 | v
		b.n += 8
	}
}

// short says whether bits were taken that the data do not have.
func (b *bits) short() bool { return b.over > b.n }

// take reads n bits, up to 16.
func (b *bits) take(n int) int32 {
	if b.n < n {
		b.fill()
	}
	b.n -= n
	return int32(b.store >> b.n & (1<<n - 1))
}

// code reads one of a table.
func (b *bits) code(h *huffman) (byte, error) {
	if b.n < 16 {
		b.fill()
	}
	if v := h.look[b.store>>(b.n-lookBits)&(1<<lookBits-1)]; v != 0 {
		b.n -= int(v >> 8)
		return byte(v), nil
	}
	for n := lookBits + 1; n <= 16; n++ {
		c := int32(b.store >> (b.n - n) & (1<<n - 1))
		if c <= h.most[n] && c >= h.least[n] {
			b.n -= n
			return h.values[h.first[n]+c-h.least[n]], nil
		}
	}
	return 0, errCode
}

// signed reads a number of n bits whose first says whether it is less than 0.
func (b *bits) signed(n int) int32 {
	if n == 0 {
		return 0
	}
	v := b.take(n)
	if v < 1<<(n-1) {
		v -= 1<<n - 1
	}
	return v
}

// end is where the data go on behind the scan: at a marker.
func (b *bits) end() int {
	at := b.at // markers lie behind what is in store
	for at+1 < len(b.data) && (b.data[at] != 0xff || b.data[at+1] == 0 || b.data[at+1] >= 0xd0 && b.data[at+1] <= 0xd7) {
		at++
	}
	return at
}

// restart goes on behind the next restart marker.
func (b *bits) restart() error {
	b.store, b.n, b.stop, b.over = 0, 0, false, 0
	for b.at+1 < len(b.data) {
		if b.data[b.at] == 0xff && b.data[b.at+1] >= 0xd0 && b.data[b.at+1] <= 0xd7 {
			b.at += 2
			return nil
		}
		if b.data[b.at] == 0xff && b.data[b.at+1] != 0 && b.data[b.at+1] != 0xff {
			break
		}
		b.at++
	}
	return errors.New("damaged: no restart marker where one must be")
}
