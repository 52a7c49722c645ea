package asm

import "fmt"

// Few channels fill vectors badly. Pixels that are put side by side, sixteen or thirty-two of
// them, fill them whatever their channels are: each vector has one channel of sixteen pixels.

// FewestLaneChannels is the number of channels that pixels must have to be put side by side.
const FewestLaneChannels = 4

// MostLanes is the number of pixels that a row of a table of them has.
const MostLanes = 32

// lanesKernels put pixels side by side and back.
type lanesKernels struct {
	into, from func(table **float32, rows, halves, pixels, step, bytes int, dst *float32)
	fetch      func(table **float32, rows, bytes int)
}

// Lanes says whether the set has kernels for pixels side by side.
func (k *Kernels) Lanes() bool { return k.lanes.into != nil }

// IntoLanes puts rows of neighbouring pixels side by side, one row of each of so many lanes
// (MostLanes, or half of them):
//
//	dst[((r*pixels+p)*channels+c)*lanes+l] = table[r*MostLanes+l][p*step+c]
//
// for each row r, each of its pixels p, which lie step numbers apart, and each channel c.
func (k *Kernels) IntoLanes(table []*float32, rows, lanes, pixels, step, channels int, dst []float32) {
	checkLanes(table, rows, lanes, pixels, step, channels, dst)
	k.lanes.into(&table[0], rows, lanes/(MostLanes/2), pixels, 4*step, 4*channels, &dst[0])
}

// FromLanes is the way back: it writes what IntoLanes reads, from src.
func (k *Kernels) FromLanes(table []*float32, rows, lanes, pixels, step, channels int, src []float32) {
	checkLanes(table, rows, lanes, pixels, step, channels, src)
	k.lanes.from(&table[0], rows, lanes/(MostLanes/2), pixels, 4*step, 4*channels, &src[0])
}

// FetchLane fetches the rows of one lane, the first in the table, into the caches: those of so
// many numbers that IntoLanes will read, or FromLanes write.
func (k *Kernels) FetchLane(table []*float32, rows, numbers int) {
	if rows < 1 || numbers < 1 || len(table) < (rows-1)*MostLanes+1 {
		panic(fmt.Sprintf("asm: %d rows of %d numbers of a lane: %d pointers", rows, numbers, len(table)))
	}
	k.lanes.fetch(&table[0], rows, 4*numbers)
}

// LaneRows are the heights of tiles that products of so many rows by lanes are cut into: so many
// of the first height, then one of the second, which may be 0.
func (k *Kernels) LaneRows(rows int) (high, tiles, last int) {
	best := -1
	for i := range k.gemm {
		h := k.gemm[i].rows
		if k.gemm[i].columns != k.Columns || h > rows {
			continue
		}
		n, more := rows/h, 0
		if left := rows - n*h; left > 0 {
			more = k.TileRows(left)
		}
		// A call for the last rows takes about as long as two rows.
		if price := n*h + more + 2*min(1, more) + 4*n; best < 0 || price < best {
			best, high, tiles, last = price, h, n, more
		}
	}
	return high, tiles, last
}

// LaneProducts multiplies several matrices: for each bit e of taken
//
//	m[e*mStride+r*lanes+l] = sum over c < channels of table[e*rows+r][c] * v[e*vStride+c*lanes+l]
//
// from 0 on in the order of c, for r < rows, which are all that LaneRows gives. out is room for so
// many pointers, zero as many zeros as lanes.
func (k *Kernels) LaneProducts(taken uint64, table []*float32, high, tiles, last, channels, lanes int, v []float32, vStride int, m []float32, mStride int, out []*float32, zero []float32) {
	rows, elements := high*tiles+last, 0
	for taken>>elements != 0 {
		elements++
	}
	if high < 1 || tiles < 1 || channels < 1 || elements < 1 || len(table) < elements*rows || len(out) < rows || len(zero) < lanes ||
		lanes != k.Columns && lanes != k.Columns/2 || len(v) < (elements-1)*vStride+channels*lanes || len(m) < (elements-1)*mStride+rows*lanes {
		panic(fmt.Sprintf("asm: LaneProducts of %d elements, %d tiles of %d rows and %d, %d channels, %d lanes: %d pointers, %d numbers into %d",
			elements, tiles, high, last, channels, lanes, len(table), len(v), len(m)))
	}
	for r := range rows {
		out[r] = &m[r*lanes]
	}
	full, rest := k.tile(high, lanes), k.tile(last, lanes)
	for e := range elements {
		if taken>>e&1 == 0 {
			continue
		}
		t, x, column := table[e*rows:], &v[e*vStride], 4*e*mStride
		full.run(&t[0], 1, 0, 4*channels, x, &out[0], column, &zero[0], nil, nil, 4*StreamAhead, tiles, 0, 1, nil, nil, 0)
		if rest != nil {
			rest.run(&t[high*tiles], 1, 0, 4*channels, x, &out[high*tiles], column, &zero[0], nil, nil, 4*StreamAhead, 1, 0, 1, nil, nil, 0)
		}
	}
}

func checkLanes(table []*float32, rows, lanes, pixels, step, channels int, numbers []float32) {
	if rows < 1 || pixels < 1 || channels < FewestLaneChannels || step < 0 || lanes != MostLanes && lanes != MostLanes/2 ||
		len(table) < (rows-1)*MostLanes+lanes || len(numbers) < rows*pixels*channels*lanes {
		panic(fmt.Sprintf("asm: %d rows of %d pixels of %d channels in %d lanes: %d pointers, %d numbers", rows, pixels, channels, lanes, len(table), len(numbers)))
	}
}
