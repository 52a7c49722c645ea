package jpegraw

import "fmt"

// lossless reads a scan of differences from what neighbours predict, low bits of which may
// be left out (T.81, annex H).
func (d *decoder) lossless(parts []*component, predictor, low int) error {
	if predictor < 1 || predictor > 7 || low >= d.info.Bits {
		return fmt.Errorf("damaged: predictor %d, %d bits of %d left out", predictor, low, d.info.Bits)
	}
	w, h := d.info.W, d.info.H
	start := int32(1) << (d.info.Bits - low - 1)
	left := d.interval
	first := true // row of the picture, or of what follows a restart
	for y := range h {
		for x := range w {
			if d.interval > 0 && left == 0 {
				if err := d.restart(); err != nil {
					return err
				}
				if x != 0 {
					return fmt.Errorf("lossless JPEG that restarts within rows is not read")
				}
				left, first = d.interval, true
			}
			left--
			for _, c := range parts {
				p := start
				at := y*w + x
				switch {
				case first && x > 0:
					p = int32(c.plane[at-1])
				case !first && x == 0:
					p = int32(c.plane[at-w])
				case !first:
					p = predict(predictor, int32(c.plane[at-1]), int32(c.plane[at-w]), int32(c.plane[at-w-1]))
				}
				n, err := d.bits.code(c.dc)
				if err != nil {
					return err
				}
				switch {
				case n > 16:
					return errCode
				case n == 16:
					p += 32768
				default:
					p += d.bits.signed(int(n))
				}
				c.plane[at] = uint16(p)
			}
		}
		first = false
		if d.bits.short() {
			return errShort
		}
	}
	if low > 0 {
		for _, c := range parts {
			for i, v := range c.plane {
				c.plane[i] = v << low
			}
		}
	}
	return nil
}

// restart goes on behind a restart marker.
func (d *decoder) restart() error {
	if d.bits.short() {
		return errShort
	}
	return d.bits.restart()
}

// predict is what a number is expected to be by those to the left, above, and above that
// to the left.
func predict(predictor int, left, above, corner int32) int32 {
	switch predictor {
	case 1:
		return left
	case 2:
		return above
	case 3:
		return corner
	case 4:
		return left + above - corner
	case 5:
		return left + (above-corner)>>1
	case 6:
		return above + (left-corner)>>1
	}
	return (left + above) >> 1
}
