// Package evaluate measures how faithful maps are: of a file that holds maps of importance,
// of any method, the curves of deletion and insertion (Petsiuk, Das and Saenko, RISE, BMVC
// 2018), with the same of random maps. It knows no flag, stream or exit code.
package evaluate

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/model"
	"krypton/internal/regular"
	"krypton/internal/target"
	"krypton/models"
)

// maxMapFile bounds a file that holds a map.
const maxMapFile = 256 << 20

// MapFile is a map of importance from a file.
type MapFile struct {
	// Name is the file's, SHA256 its digest.
	Name, SHA256 string
	// Record is what stands in the file about its maps, nil for a .npy file, which holds
	// but numbers.
	Record *explain.Record
	data   []byte // of a .npy file
}

// ReadMapFile reads a file of maps and checks what can be checked without the model:
// what obe writes as .json, or a .npy file. Errors have the kinds Missing and Data.
func ReadMapFile(name string) (*MapFile, error) {
	f, err := explain.File(name).Open()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := regular.ReadAll(f, maxMapFile)
	if err != nil {
		return nil, failure.Dataf("%s: %w", name, err)
	}
	return parseMap(name, data)
}

// parseMap reads the bytes of a file that holds a map.
func parseMap(name string, data []byte) (*MapFile, error) {
	sum := sha256.Sum256(data)
	m := &MapFile{Name: name, SHA256: hex.EncodeToString(sum[:])}
	if imagein.IsTensor(data) {
		m.data = data
		return m, nil
	}
	m.Record = new(explain.Record)
	if err := json.Unmarshal(data, m.Record); err != nil {
		return nil, failure.As(failure.Data, failure.Settingf("%s: neither a .npy file nor what obe %v NAME.json writes: %w", name, failure.Setting("scores"), err))
	}
	if err := validMap(m.Record); err != nil {
		return nil, failure.Dataf("%s: %w", name, err)
	}
	return m, nil
}

// maxSide bounds the sides of a network's input that a record may speak of.
const maxSide = 1 << 15

// validMap says where a record is none that obe writes, as far as its map goes.
func validMap(r *explain.Record) error {
	if err := r.Validate(); err != nil {
		return err
	}
	for a, at := range [][]int{r.Ys, r.Xs} {
		side := [2]string{"height", "width"}[a]
		if r.Input[a] < 1 || r.Input[a] > maxSide || r.Patch[a] < 1 || r.Patch[a] > r.Input[a] || len(at) == 0 {
			return fmt.Errorf("record: a patch of %s %d at %d offsets of an input of %s %d", side, r.Patch[a], len(at), side, r.Input[a])
		}
		if i := slices.IndexFunc(at, func(v int) bool { return v < 0 || v >= r.Input[a] }); i >= 0 {
			return fmt.Errorf("record: offset %d leaves the input of %s %d", at[i], side, r.Input[a])
		}
	}
	return nil
}

// What a map cannot be measured for without more being said.
var (
	// ErrPicture says that nobody knows the map's picture.
	ErrPicture = errors.New("its picture came from standard input")
	// ErrSize says that the map is for another size of the network's input.
	ErrSize = errors.New("is for an input")
	// ErrPreprocessing says that the picture became the network's input otherwise.
	ErrPreprocessing = errors.New("was made with other preprocessing")
)

// Picture is the picture that a map was made of, as its record has it: the built-in one,
// or a file. Without a record there is none.
func (m *MapFile) Picture() (explain.Source, error) {
	name, sample := models.Sample()
	if sum := sha256.Sum256(sample); m.Record != nil && m.Record.Image == name && m.Record.ImageSHA256 == hex.EncodeToString(sum[:]) {
		return explain.Sample(), nil
	}
	if m.Record == nil || m.Record.Image == "" || m.Record.Image == "-" {
		return explain.Source{}, failure.Usagef("%s: %w", m.Name, ErrPicture)
	}
	return explain.File(m.Record.Image), nil
}

// fits says where a record was made of another picture, by another model or with
// other preprocessing than those at hand.
func (m *MapFile) fits(model *model.Model, in *explain.Input, from explain.Source) error {
	r, plane := m.Record, model.Plan.InputPlane()
	if r == nil {
		return nil
	}
	same := func(a, b any) bool {
		x, e1 := plain(a)
		y, e2 := plain(b)
		return e1 == nil && e2 == nil && reflect.DeepEqual(x, y)
	}
	switch {
	case r.ModelSHA256 != model.File.SHA256:
		return failure.Dataf("%s: was made by another model (%s) than %s: the digests of the files differ", m.Name, r.Model, model.File.Name)
	case r.ImageSHA256 != in.SHA256:
		return failure.Dataf("%s: was made of another picture (%s) than %s: the digests of the files differ", m.Name, r.Image, from.Called)
	case r.Input != [2]int{plane.H, plane.W}:
		return failure.Dataf("%s: %w of %v, the network reads %dx%d", m.Name, ErrSize, r.Input, plane.H, plane.W)
	case !same(r.Preprocess, in.Preprocessed()):
		return failure.Usagef("%s: %w", m.Name, ErrPreprocessing)
	}
	return m.fitsWith(in)
}

// plain is a value as a record's reader has it, of maps and lists.
func plain(v any) (out any, err error) {
	b, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	return out, err
}

// fitsWith says where a record was made with other pictures beside its own.
func (m *MapFile) fitsWith(in *explain.Input) error {
	of := func(with []explain.WithRecord) (sums []string) {
		for _, w := range with {
			sums = append(sums, w.Input+" "+w.SHA256)
		}
		return sums
	}
	if !slices.Equal(of(m.Record.With), of(in.With(nil))) {
		return failure.As(failure.Data, failure.Settingf("%s: was made with other pictures of other inputs (%v)", m.Name, failure.Setting("with")))
	}
	return nil
}

// mapOf is one class's map. class is -1 for the best one.
type mapOf struct {
	class int
	item  int // what the meter counts it as
	// asked says that it is the first of its record, which somebody asked for.
	asked bool
	// rises says that what matters makes the number larger.
	rises bool
	// grid is the map on obe's grid, nil if pixels has a number for each pixel
	// of the network's input.
	grid   *heatmap.Map
	pixels []float64
}

// maps are the maps that a file holds, for a network that reads h by w pixels.
func (m *MapFile) maps(h, w int) ([]mapOf, error) {
	if m.Record == nil {
		t, err := imagein.DecodeTensor(bytes.NewReader(m.data), m.Name, imagein.Reading{H: h, W: w, C: 1})
		if err != nil {
			return nil, failure.Dataf("a .npy map must have a number for each pixel of the network's input: %w", err)
		}
		pixels := make([]float64, len(t.Data))
		for i, v := range t.Data {
			pixels[i] = float64(v)
		}
		return []mapOf{{class: -1, pixels: pixels}}, nil
	}
	var all []mapOf
	r := m.Record
	for k, c := range r.Classes {
		class := r.Item(c)
		if class < 0 {
			return nil, failure.Dataf("%s: record: class %d", m.Name, c.Index)
		}
		rises := r.Score == string(target.Euclidean) || r.Boxes != nil && class == target.OthersItem
		all = append(all, mapOf{class: class, asked: k == 0, rises: rises, grid: r.Map(c)})
	}
	return all, nil
}

// importance gives a number for each pixel; with rng the map's numbers are laid
// out at random first, in the grain that the map has.
func (m *mapOf) importance(combine string, rng *rand.Rand) ([]float64, error) {
	if m.grid == nil {
		if rng == nil {
			return m.pixels, nil
		}
		p := slices.Clone(m.pixels)
		rng.Shuffle(len(p), func(a, b int) { p[a], p[b] = p[b], p[a] })
		return p, nil
	}
	g := *m.grid
	if rng != nil {
		g.Scores = slices.Clone(g.Scores)
		rng.Shuffle(len(g.Scores), func(a, b int) { g.Scores[a], g.Scores[b] = g.Scores[b], g.Scores[a] })
	}
	numbers, err := g.Importance(combine)
	if m.rises {
		for i := range numbers {
			numbers[i] = -numbers[i]
		}
	}
	return numbers, err
}
