package imagein

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Tensor is an array from a NumPy file (.npy) that is a network's input as it
// is: neither resized nor normalized.
type Tensor struct {
	// H, W and C are height, width and channels.
	H, W, C int
	// Data holds the numbers row by row, channels last.
	Data []float32
	// Elem is the file's element type (float32, say), Shape its shape.
	Elem  string
	Shape []int
	// SHA256 is the digest of the file's bytes, in hex.
	SHA256 string
}

// npyMagic begins every .npy file.
const npyMagic = "\x93NUMPY"

// TensorMagic is the number of bytes that IsTensor needs.
const TensorMagic = len(npyMagic)

// IsTensor says whether a file that begins with head is a .npy file.
func IsTensor(head []byte) bool { return bytes.HasPrefix(head, []byte(npyMagic)) }

// maxNPYHeader bounds the header; NumPy's own of a plain array takes 128 bytes.
const maxNPYHeader = 1 << 16

// Reading is what a network reads of an array.
type Reading struct {
	// H, W and C are height, width and channels of its input.
	H, W, C int
	// Series says that it is a series, whose axes of length 1 count for nothing, and whose time
	// may lie on either of the others.
	Series bool
}

// order is one in which the axes of an array may lie: 0 is height, 1 width, 2 the channels.
type order [3]int

var (
	channelsFirst = order{2, 0, 1}
	channelsLast  = order{0, 1, 2}
	turned        = order{1, 0, 2}
)

// sizes are the lengths of the axes in an order.
func (r Reading) sizes(o order) []int {
	of := [3]int{r.H, r.W, r.C}
	return []int{of[o[0]], of[o[1]], of[o[2]]}
}

// squeezed is a shape without axes of length 1.
func squeezed(shape []int) []int {
	return slices.DeleteFunc(slices.Clone(shape), func(n int) bool { return n == 1 })
}

// order finds the one of an array's axes, by its shape. Where several fit, channels come first.
func (r Reading) order(shape []int) (order, error) {
	if r.Series {
		has := squeezed(shape)
		orders := []order{channelsFirst, channelsLast}
		if r.C == 1 {
			orders = append(orders, turned)
		}
		var fit []string
		for _, o := range orders {
			want := squeezed(r.sizes(o))
			if slices.Equal(has, want) {
				return o, nil
			}
			if text := fmt.Sprint(want); !slices.Contains(fit, text) {
				fit = append(fit, text)
			}
		}
		return order{}, fmt.Errorf("shape %v: the network reads %s, with or without axes of length 1", shape, strings.Join(fit, " or "))
	}
	has := shape
	if len(has) == 4 && has[0] == 1 {
		has = has[1:]
	}
	switch first, last := r.sizes(channelsFirst), r.sizes(channelsLast); {
	case slices.Equal(has, first):
		return channelsFirst, nil
	case slices.Equal(has, last), r.C == 1 && slices.Equal(has, last[:2]):
		return channelsLast, nil
	default:
		return order{}, fmt.Errorf("shape %v: the network reads %v (channels first) or %v", shape, first, last)
	}
}

// steps are how far the next row, column and channel lie in a file, in numbers.
func (r Reading) steps(o order, fortran bool) (of [3]int) {
	sizes, step := r.sizes(o), 1
	for i := range o {
		axis := len(o) - 1 - i // the last axis is the fastest
		if fortran {
			axis = i
		}
		of[o[axis]] = step
		step *= sizes[axis]
	}
	return of
}

// DecodeTensor reads a .npy file (format 1 to 3) that must hold exactly a network's input: of
// shape [c,h,w] or [h,w,c], with or without a batch of one in front, or [h,w] for one channel;
// of a series, channels and time in either order, with or without axes of length 1. Where both
// orders fit, it is channels first. name is for messages.
func DecodeTensor(r io.Reader, name string, want Reading) (*Tensor, error) {
	sum := sha256.New()
	t, err := decodeTensor(io.TeeReader(r, sum), want)
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrUnusable, err)
	}
	t.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return t, nil
}

func decodeTensor(r io.Reader, want Reading) (*Tensor, error) {
	head, e, err := readNPYHeader(r)
	if err != nil {
		return nil, err
	}
	o, err := want.order(head.shape)
	if err != nil {
		return nil, err
	}
	h, w, c := want.H, want.W, want.C
	// The shape is the network's, so nothing is allocated that the network
	// would not allocate as well.
	raw := make([]byte, h*w*c*e.size)
	if n, err := io.ReadFull(r, raw); err != nil {
		return nil, fmt.Errorf("%d bytes of numbers, the header says %d", n, len(raw))
	}
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n != 0:
		return nil, errors.New("more bytes than the header says")
	case err != io.EOF:
		return nil, err
	}
	t := &Tensor{H: h, W: w, C: c, Data: make([]float32, h*w*c), Elem: e.name, Shape: head.shape}
	step := want.steps(o, head.fortran)
	for y := range h {
		for x := range w {
			for k := range c {
				v := e.float32(raw[(y*step[0]+x*step[1]+k*step[2])*e.size:])
				if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
					return nil, fmt.Errorf("the number at row %d, column %d, channel %d is %g as a float32", y, x, k, f)
				}
				t.Data[(y*w+x)*c+k] = v
			}
		}
	}
	return t, nil
}

// npyHeader reads up to the end of the header and gives its text.
func npyHeader(r io.Reader) (string, error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil || !IsTensor(b[:]) {
		return "", errors.New("not a .npy file")
	}
	length := 0
	switch b[6] {
	case 1:
		if _, err := io.ReadFull(r, b[:2]); err != nil {
			return "", errors.New("the header is cut off")
		}
		length = int(binary.LittleEndian.Uint16(b[:]))
	case 2, 3:
		if _, err := io.ReadFull(r, b[:4]); err != nil {
			return "", errors.New("the header is cut off")
		}
		n := binary.LittleEndian.Uint32(b[:])
		if n > maxNPYHeader {
			return "", fmt.Errorf("a header of %d bytes, the limit is %d", n, maxNPYHeader)
		}
		length = int(n)
	default:
		return "", fmt.Errorf("version %d of the .npy format", b[6])
	}
	text := make([]byte, length)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", errors.New("the header is cut off")
	}
	return string(text), nil
}

// npyInfo is what the header of a .npy file says.
type npyInfo struct {
	descr   string
	fortran bool
	shape   []int
}

// readNPYHeader reads a .npy file up to its numbers: what the header says, and
// the type that it names.
func readNPYHeader(r io.Reader) (*npyInfo, element, error) {
	text, err := npyHeader(r)
	if err != nil {
		return nil, element{}, err
	}
	head, err := parseNPYHeader(text)
	if err != nil {
		return nil, element{}, fmt.Errorf("damaged header: %w", err)
	}
	e, err := elementOf(head.descr)
	return head, e, err
}

// parseNPYHeader reads a header: a Python literal of a dictionary with the keys
// descr, fortran_order and shape, each once.
func parseNPYHeader(text string) (*npyInfo, error) {
	p := &literal{rest: text}
	info, seen := &npyInfo{}, map[string]bool{}
	if !p.take("{") {
		return nil, errors.New("no dictionary")
	}
	for !p.take("}") {
		key, err := p.str()
		if err != nil {
			return nil, err
		}
		if seen[key] || !p.take(":") {
			return nil, fmt.Errorf("key %q twice, or without a value", key)
		}
		seen[key] = true
		switch key {
		case "descr":
			info.descr, err = p.str()
		case "fortran_order":
			info.fortran = p.take("True")
			if !info.fortran && !p.take("False") {
				err = errors.New("fortran_order is neither True nor False")
			}
		case "shape":
			info.shape, err = p.tuple()
		default:
			err = fmt.Errorf("unknown key %q", key)
		}
		if err != nil {
			return nil, err
		}
		if !p.take(",") {
			if p.take("}") {
				break
			}
			return nil, errors.New("a comma is missing")
		}
	}
	if strings.TrimSpace(p.rest) != "" {
		return nil, errors.New("text behind the dictionary")
	}
	if len(seen) != 3 {
		return nil, errors.New("a key is missing")
	}
	return info, nil
}

// literal reads a Python literal piece by piece.
type literal struct{ rest string }

// take skips blanks and then token, if it is there.
func (p *literal) take(token string) bool {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	rest, ok := strings.CutPrefix(p.rest, token)
	if ok {
		p.rest = rest
	}
	return ok
}

// str reads a string of letters, without escapes.
func (p *literal) str() (string, error) {
	for _, quote := range []string{"'", `"`} {
		if p.take(quote) {
			s, rest, ok := strings.Cut(p.rest, quote)
			if !ok || len(s) > 64 || strings.ContainsAny(s, "\\\n") {
				return "", errors.New("a string without end, or too long")
			}
			p.rest = rest
			return s, nil
		}
	}
	return "", errors.New("no string where one should be (arrays of records are not read)")
}

// tuple reads a tuple of at most 32 sizes; numbers may end in L, as Python 2
// wrote them.
func (p *literal) tuple() ([]int, error) {
	if !p.take("(") {
		return nil, errors.New("shape is no tuple")
	}
	var out []int
	for !p.take(")") {
		p.take("") // blanks
		end := 0
		for end < len(p.rest) && p.rest[end] >= '0' && p.rest[end] <= '9' {
			end++
		}
		n, err := strconv.ParseInt(p.rest[:end], 10, 32)
		if err != nil || len(out) == 32 {
			return nil, errors.New("shape holds something else than sizes")
		}
		out = append(out, int(n))
		p.rest = p.rest[end:]
		p.take("L")
		if !p.take(",") {
			if p.take(")") {
				break
			}
			return nil, errors.New("shape without end")
		}
	}
	return out, nil
}

// Picture shows a tensor: its first three channels, or the first alone where
// there are fewer, each stretched from its least to its greatest number. bgr
// says that the first channel is blue.
func (t *Tensor) Picture(bgr bool) *image.NRGBA {
	shown := 3
	if t.C < 3 {
		shown = 1
	}
	out := image.NewNRGBA(image.Rect(0, 0, t.W, t.H))
	for k := range shown {
		lo, hi := t.Data[k], t.Data[k]
		for i := k; i < len(t.Data); i += t.C {
			lo, hi = min(lo, t.Data[i]), max(hi, t.Data[i])
		}
		at := k
		if bgr && shown == 3 {
			at = 2 - k
		}
		span := max(float64(hi)-float64(lo), math.SmallestNonzeroFloat64)
		for i := range t.H * t.W {
			out.Pix[4*i+at] = uint8(math.Round(255 * min(1, (float64(t.Data[i*t.C+k])-float64(lo))/span)))
		}
	}
	for i := range t.H * t.W {
		if shown == 1 {
			out.Pix[4*i+1], out.Pix[4*i+2] = out.Pix[4*i], out.Pix[4*i]
		}
		out.Pix[4*i+3] = 255
	}
	return out
}
