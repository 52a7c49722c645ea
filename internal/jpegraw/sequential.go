package jpegraw

import "math"

// zigzag is where the coefficients of a block lie.
var zigzag = [64]int{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

// cosines are those of the inverse transform: of each place, by frequency.
var cosines = func() (c [8][8]float32) {
	for x := range 8 {
		for u := range 8 {
			k := .5
			if u == 0 {
				k = math.Sqrt(1. / 8)
			}
			c[x][u] = float32(k * math.Cos(float64(2*x+1)*float64(u)*math.Pi/16))
		}
	}
	return c
}()

// sequential reads a scan of whole blocks.
func (d *decoder) sequential(parts []*component) error {
	across, down := (d.info.W-1)/(8*d.maxH)+1, (d.info.H-1)/(8*d.maxV)+1
	alone := len(parts) == 1
	if alone { // without the blocks that only fill units up
		across, down = (parts[0].w-1)/8+1, (parts[0].height-1)/8+1
	}
	left := d.interval
	for y := range down {
		for x := range across {
			if d.interval > 0 && left == 0 {
				if err := d.restart(); err != nil {
					return err
				}
				for _, c := range parts {
					c.last = 0
				}
				left = d.interval
			}
			left--
			for _, c := range parts {
				h, v := c.h, c.v
				if alone {
					h, v = 1, 1
				}
				for i := range h * v {
					if err := d.block(c, x*h+i%h, y*v+i/h); err != nil {
						return err
					}
				}
			}
		}
		if d.bits.short() {
			return errShort
		}
	}
	return nil
}

// block reads one block of a component.
func (d *decoder) block(c *component, bx, by int) error {
	var b [64]float32
	q := d.quant[c.quant]
	n, err := d.bits.code(c.dc)
	if err != nil {
		return err
	}
	if n > 15 {
		return errCode
	}
	c.last += int(d.bits.signed(int(n)))
	b[0] = float32(int32(c.last) * q[0])
	for k := 1; k < 64; k++ {
		code, err := d.bits.code(c.ac)
		if err != nil {
			return err
		}
		run, size := int(code>>4), int(code&15)
		if size == 0 {
			if run != 15 {
				break
			}
			k += 15
			continue
		}
		if k += run; k > 63 {
			return errCode
		}
		b[zigzag[k]] = float32(d.bits.signed(size) * q[k])
	}
	d.store(c, &b, bx, by)
	return nil
}

// store transforms a block, and stores its numbers.
func (d *decoder) store(c *component, b *[64]float32, bx, by int) {
	var rows [64]float32
	for y := range 8 {
		for x := range 8 {
			sum := float32(0)
			for u := range 8 {
				sum += float32(cosines[x][u] * b[8*y+u])
			}
			rows[8*y+x] = sum
		}
	}
	middle, most := float32(int(1)<<(d.info.Bits-1)), float32(int(1)<<d.info.Bits-1)
	stride := 8 * c.blocksX
	at := 8*by*stride + 8*bx
	for y := range 8 {
		for x := range 8 {
			sum := middle
			for v := range 8 {
				sum += float32(cosines[y][v] * rows[8*v+x])
			}
			c.plane[at+y*stride+x] = uint16(min(max(sum, 0), most) + .5)
		}
	}
}
