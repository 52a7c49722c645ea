package imagein

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
)

// npz is an archive of files.
func npz(t testing.TB, method uint16, members ...any) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(members); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: members[i].(string), Method: method})
		if err == nil {
			_, err = w.Write(members[i+1].([]byte))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestArchives: arrays of an archive are found by name, packed or not; one needs no name; what
// is wrong is named.
func TestArchives(t *testing.T) {
	array := func(numbers ...float32) []byte {
		return npyFile(1, npyHead("<f4", "False", "(1, 3)"), binary.LittleEndian, numbers)
	}
	a, b := array(1, 2, 3), array(4, 5, 6)
	several := npz(t, zip.Deflate, "a.npy", a, "b.npy", b, "readme.txt", []byte("x"))
	broken := npz(t, zip.Store, "a.npy", a)
	broken[bytes.Index(broken, a)+len(a)-1] ^= 1
	for _, c := range []struct {
		data   []byte
		member string
		first  float32
		says   string
	}{
		{several, "a", 1, ""},
		{several, "b.npy", 4, ""},
		{npz(t, zip.Store, "x.npy", b), "", 4, ""},
		{several, "", 0, "it has 2 arrays (a, b): name one behind its name, as in FILE.npz#a"},
		{several, "c", 0, `it has no array "c", but a, b`},
		{npz(t, zip.Store, "a.npy", a, "a.npy", b), "a", 0, `several of its arrays are called "a"`},
		{npz(t, zip.Store, "a.txt", a), "", 0, "there are no arrays in it"},
		{broken, "", 0, "checksum"},
		{several[:len(several)-30], "a", 0, "a damaged archive"},
		{npz(t, zip.Store, "a.npy", append(a, 0)), "a", 0, "more bytes than the header says"},
		{npz(t, zip.Store, "a.npy", a[:len(a)-2]), "a", 0, "the header says 12"},
	} {
		got, err := DecodeMember(bytes.NewReader(c.data), "f.npz", c.member, DefaultLimits, Reading{H: 1, W: 3, C: 1})
		switch {
		case c.says == "" && (err != nil || got.Data[0] != c.first || got.SHA256 == ""):
			t.Errorf("%q: %v, %v", c.member, got, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasPrefix(err.Error(), "f.npz: ")):
			t.Errorf("%q: %v, want %q", c.member, err, c.says)
		}
	}
	if _, err := DecodeMember(bytes.NewReader(several), "f.npz", "a", Limits{MaxBytes: 10}, Reading{H: 1, W: 3, C: 1}); !errors.Is(err, ErrUnusable) {
		t.Errorf("an archive larger than what is read: %v", err)
	}
	if _, err := DecodeMember(bytes.NewReader(several), "f.npz", "a", Limits{MaxBytes: 1 << 20, Memory: 80}, Reading{H: 1, W: 3, C: 1}); !errors.Is(err, ErrMemory) || errors.Is(err, ErrUnusable) {
		t.Errorf("an archive of more than what is left: %v", err)
	}
}

// TestArchiveBomb: of an array that unpacks to much more than the network reads, no more is
// unpacked.
func TestArchiveBomb(t *testing.T) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("a.npy")
	if err == nil {
		_, err = w.Write(npyFile(1, npyHead("<f4", "False", "(1, 3)"), binary.LittleEndian, []float32{}))
	}
	if err == nil {
		_, err = io.CopyN(w, zeros{}, 16<<20)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err = DecodeMember(&b, "f.npz", "", DefaultLimits, Reading{H: 1, W: 3, C: 1})
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 2<<20 {
		t.Errorf("%v, %d KiB were taken", err, took>>10)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// FuzzArchive: no archive panics.
func FuzzArchive(f *testing.F) {
	f.Add(npz(f, zip.Deflate, "a.npy", npyFile(1, npyHead("<f4", "False", "(1, 3)"), binary.LittleEndian, []float32{1, 2, 3})))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = DecodeMember(bytes.NewReader(data), "f.npz", "", DefaultLimits, Reading{H: 1, W: 3, C: 1})
	})
}
