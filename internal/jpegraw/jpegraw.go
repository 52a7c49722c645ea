// Package jpegraw decodes the JPEG streams that medical pictures have and package
// image/jpeg does not read: lossless ones (ITU-T T.81, process 14, any predictor) of 2 to 16
// bits, and sequential ones of 8 or 12 bits. It gives components as they are coded: what
// colours they mean is the caller's.
package jpegraw

import (
	"errors"
	"fmt"
)

// Picture is a decoded stream: W by H pixels of Components numbers each, one after the
// other, of Bits bits.
type Picture struct {
	W, H, Components, Bits int
	Pix                    []uint16
}

// Info is what the head of a stream says.
type Info struct {
	W, H, Components, Bits int
	// Process is the number of the frame's marker (SOFn): 0 baseline, 1 extended, 2
	// progressive, 3 lossless, others are not read.
	Process int
	// JFIF says that there is a JFIF marker; Adobe is the colour transform of Adobe's, -1
	// without one.
	JFIF  bool
	Adobe int
}

// What a stream may be otherwise.
var (
	errShort  = errors.New("cut short")
	errMarker = errors.New("damaged: no marker where one must be")
)

// Unread names a process that is not read.
type Unread int

func (u Unread) Error() string {
	names := map[Unread]string{2: "progressive JPEG", 5: "differential JPEG", 6: "differential progressive JPEG", 7: "differential lossless JPEG",
		9: "arithmetic-coded JPEG", 10: "arithmetic-coded progressive JPEG", 11: "arithmetic-coded lossless JPEG"}
	if name := names[u]; name != "" {
		return name + " is not read"
	}
	return fmt.Sprintf("JPEG of process %d is not read", int(u))
}

// component is one of the frame's.
type component struct {
	id, h, v, quant int
	dc, ac          *huffman // of the scan
	last            int      // DC of the block before
	w, height       int      // in numbers
	blocksX         int      // of the whole plane
	plane           []uint16
}

// decoder reads one stream.
type decoder struct {
	data  []byte
	at    int
	info  Info
	parts []*component

	dc, ac   [4]*huffman
	quant    [4]*[64]int32
	interval int // units between restarts, 0 for none
	maxH     int
	maxV     int
	seen     int // components of scans so far
	bits     bits
}

// Head reads what stands before a stream's numbers.
func Head(data []byte) (Info, error) {
	d := &decoder{data: data, info: Info{Adobe: -1}}
	if err := d.head(); err != nil {
		return Info{}, err
	}
	return d.info, nil
}

// Decode decodes a stream that must have the size, the components and at most the bits
// given: nothing is allocated for another.
func Decode(data []byte, w, h, components, bits int) (*Picture, error) {
	d := &decoder{data: data, info: Info{Adobe: -1}}
	if err := d.head(); err != nil {
		return nil, err
	}
	i := d.info
	switch {
	case i.Process != 0 && i.Process != 1 && i.Process != 3:
		return nil, Unread(i.Process)
	case i.W != w || i.H != h || i.Components != components:
		return nil, fmt.Errorf("the JPEG stream has %d x %d pixels of %d components, want %d x %d of %d", i.W, i.H, i.Components, w, h, components)
	case i.Bits > bits:
		return nil, fmt.Errorf("the JPEG stream has numbers of %d bits, want %d", i.Bits, bits)
	}
	if err := d.allocate(); err != nil {
		return nil, err
	}
	if err := d.scans(); err != nil {
		return nil, err
	}
	return d.picture(), nil
}

// segment gives the next marker and what belongs to it, nil for markers that stand alone.
func (d *decoder) segment() (marker byte, body []byte, err error) {
	if d.at < len(d.data) && d.data[d.at] != 0xff {
		return 0, nil, errMarker
	}
	for d.at < len(d.data) && d.data[d.at] == 0xff {
		d.at++
	}
	if d.at >= len(d.data) {
		return 0, nil, errShort
	}
	marker = d.data[d.at]
	d.at++
	if marker == 0xd8 || marker == 0xd9 || marker == 1 || marker >= 0xd0 && marker <= 0xd7 {
		return marker, nil, nil
	}
	if len(d.data)-d.at < 2 {
		return 0, nil, errShort
	}
	n := int(d.data[d.at])<<8 | int(d.data[d.at+1])
	if n < 2 || n > len(d.data)-d.at {
		return 0, nil, errShort
	}
	body = d.data[d.at+2 : d.at+n]
	d.at += n
	return marker, body, nil
}

// head reads up to the frame's marker.
func (d *decoder) head() error {
	if m, _, err := d.segment(); err != nil || m != 0xd8 {
		return errors.New("no JPEG stream")
	}
	for {
		m, body, err := d.segment()
		if err != nil {
			return err
		}
		switch {
		case beginsFrame(m):
			return d.frame(int(m-0xc0), body)
		case m == 0xd9 || m == 0xda:
			return errors.New("a JPEG stream without a frame")
		default:
			if err := d.other(m, body); err != nil {
				return err
			}
		}
	}
}

// beginsFrame says whether a marker is one of SOFn.
func beginsFrame(m byte) bool { return m >= 0xc0 && m <= 0xcf && m != 0xc4 && m != 0xc8 && m != 0xcc }

// frame reads the frame's marker.
func (d *decoder) frame(process int, b []byte) error {
	if d.parts != nil {
		return errors.New("a JPEG stream of several frames")
	}
	if len(b) < 6 || len(b) != 6+3*int(b[5]) {
		return errShort
	}
	d.info.Process, d.info.Bits, d.info.H, d.info.W, d.info.Components = process, int(b[0]), int(b[1])<<8|int(b[2]), int(b[3])<<8|int(b[4]), int(b[5])
	if d.info.Components < 1 || d.info.Components > 4 || d.info.W < 1 || d.info.H < 1 || d.info.Bits < 2 || d.info.Bits > 16 {
		return fmt.Errorf("a JPEG stream of %d x %d pixels of %d components of %d bits", d.info.W, d.info.H, d.info.Components, d.info.Bits)
	}
	if process != 3 && d.info.Bits != 8 && d.info.Bits != 12 {
		return fmt.Errorf("a sequential JPEG stream of %d bits: want 8 or 12", d.info.Bits)
	}
	for b = b[6:]; len(b) > 0; b = b[3:] {
		c := &component{id: int(b[0]), h: int(b[1] >> 4), v: int(b[1] & 15), quant: int(b[2])}
		if c.h < 1 || c.h > 4 || c.v < 1 || c.v > 4 || c.quant > 3 {
			return fmt.Errorf("a JPEG component of %d x %d samples", c.h, c.v)
		}
		d.maxH, d.maxV = max(d.maxH, c.h), max(d.maxV, c.v)
		d.parts = append(d.parts, c)
	}
	return nil
}

// allocate makes room for the components.
func (d *decoder) allocate() error {
	if len(d.parts) == 1 { // its sampling means nothing
		d.parts[0].h, d.parts[0].v, d.maxH, d.maxV = 1, 1, 1, 1
	}
	across, down := (d.info.W-1)/(8*d.maxH)+1, (d.info.H-1)/(8*d.maxV)+1 // units
	for _, c := range d.parts {
		if d.maxH%c.h != 0 || d.maxV%c.v != 0 {
			return fmt.Errorf("JPEG components of %d and %d samples in a row", c.h, d.maxH)
		}
		c.w, c.height = (d.info.W*c.h-1)/d.maxH+1, (d.info.H*c.v-1)/d.maxV+1
		c.blocksX = across * c.h
		if d.info.Process == 3 {
			if c.h != d.maxH || c.v != d.maxV {
				return errors.New("lossless JPEG whose components have different sizes is not read")
			}
			c.h, c.v = 1, 1
			c.plane = make([]uint16, d.info.W*d.info.H)
			continue
		}
		c.plane = make([]uint16, 64*across*c.h*down*c.v)
	}
	return nil
}

// other reads tables and what else may stand between scans.
func (d *decoder) other(marker byte, b []byte) error {
	switch marker {
	case 0xc4:
		return d.huffmans(b)
	case 0xdb:
		return d.quantizers(b)
	case 0xdd:
		if len(b) != 2 {
			return errShort
		}
		d.interval = int(b[0])<<8 | int(b[1])
	case 0xdc:
		return errors.New("a JPEG stream that says its height behind its numbers is not read")
	case 0xe0:
		d.info.JFIF = d.info.JFIF || len(b) >= 5 && string(b[:5]) == "JFIF\x00"
	case 0xee:
		if len(b) >= 12 && string(b[:5]) == "Adobe" {
			d.info.Adobe = int(b[11])
		}
	}
	return nil
}

// quantizers reads tables of quantization.
func (d *decoder) quantizers(b []byte) error {
	for len(b) > 0 {
		wide, to := int(b[0]>>4), b[0]&15
		if wide > 1 || to > 3 || len(b) < 1+64*(1+wide) {
			return errShort
		}
		var q [64]int32
		for i := range q {
			if wide == 1 {
				q[i] = int32(b[1+2*i])<<8 | int32(b[2+2*i])
			} else {
				q[i] = int32(b[1+i])
			}
		}
		d.quant[to] = &q
		b = b[1+64*(1+wide):]
	}
	return nil
}

// scans reads all of them, up to the end of the picture or of the data.
func (d *decoder) scans() error {
	for d.seen < len(d.parts) {
		m, body, err := d.segment()
		if err != nil {
			return err
		}
		switch {
		case m == 0xda:
			if err := d.scan(body); err != nil {
				return err
			}
		case m == 0xd9:
			return errShort
		case beginsFrame(m):
			return errors.New("a JPEG stream of several frames")
		default:
			if err := d.other(m, body); err != nil {
				return err
			}
		}
	}
	return nil
}

// scan reads one.
func (d *decoder) scan(b []byte) error {
	if len(b) < 1 || len(b) != 4+2*int(b[0]) || b[0] < 1 || b[0] > 4 {
		return errShort
	}
	n := int(b[0])
	var parts []*component
	for i := range n {
		var c *component
		for _, p := range d.parts {
			if p.id == int(b[1+2*i]) && p.dc == nil {
				c = p
				break
			}
		}
		tables := b[2+2*i]
		if c == nil || tables>>4 > 3 || tables&15 > 3 {
			return errors.New("a JPEG scan of no component, or of one twice")
		}
		c.dc, c.ac = d.dc[tables>>4], d.ac[tables&15]
		if c.dc == nil || d.info.Process != 3 && (c.ac == nil || d.quant[c.quant] == nil) {
			return errors.New("a JPEG scan without its tables")
		}
		parts = append(parts, c)
	}
	d.seen += n
	predictor, low := int(b[1+2*n]), int(b[3+2*n]&15)
	d.bits = bits{data: d.data, at: d.at}
	var err error
	if d.info.Process == 3 {
		err = d.lossless(parts, predictor, low)
	} else { // of whole blocks, whatever their bounds say: some encoders leave these out
		err = d.sequential(parts)
	}
	d.at = d.bits.end()
	return err
}

// picture puts components together. Those of fewer samples are repeated, as package
// image does.
func (d *decoder) picture() *Picture {
	i := d.info
	p := &Picture{W: i.W, H: i.H, Components: i.Components, Bits: i.Bits}
	lossless := i.Process == 3
	if lossless && i.Components == 1 {
		p.Pix = d.parts[0].plane
		return p
	}
	p.Pix = make([]uint16, i.W*i.H*i.Components)
	for k, c := range d.parts {
		stride := 8 * c.blocksX
		if lossless {
			stride = i.W
		}
		for y := range i.H {
			row := c.plane[y*c.v/d.maxV*stride:]
			if lossless {
				row = c.plane[y*stride:]
			}
			to := p.Pix[y*i.W*i.Components:]
			for x := range i.W {
				from := x
				if !lossless {
					from = x * c.h / d.maxH
				}
				to[x*i.Components+k] = row[from]
			}
		}
	}
	return p
}
