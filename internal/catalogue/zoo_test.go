package catalogue

import (
	"encoding/csv"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"krypton/models"
)

func zoo(t *testing.T) *Catalogue {
	t.Helper()
	c, err := Parse(models.Zoo())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestZoo(t *testing.T) {
	c := zoo(t)
	digests := map[string]string{}
	for _, m := range c.Models {
		if other := digests[m.File.SHA256]; other != "" {
			t.Errorf("%s and %s are the same file", other, m.Name)
		}
		digests[m.File.SHA256] = m.Name
		if _, builtin := models.Lookup(m.Name); builtin {
			t.Errorf("%s is the name of a built-in model", m.Name)
		}
		if m.Config == nil {
			t.Errorf("%s has no configuration", m.Name)
		}
		// The file's name ends in its operator set, but for those of the
		// detector of faces.
		stem := strings.TrimSuffix(strings.TrimSuffix(path.Base(m.File.Path), ".onnx"), "-qdq")
		if n := regexp.MustCompile(`[-_](\d+)$`).FindStringSubmatch(stem); n != nil && !strings.HasPrefix(stem, "version-RFB") && n[1] != strconv.Itoa(m.Opset) {
			t.Errorf("%s: operator set %d, but %s", m.Name, m.Opset, m.File.Path)
		}
	}
	for _, name := range []string{"resnet18-v1", "resnet34-v2", "resnet50-v1", "vgg16", "mobilenetv2", "squeezenet1.0", "squeezenet1.1", "densenet121",
		"inception-v1", "inception-v2", "shufflenet-v1", "efficientnet-lite4", "mnist", "ultraface-320", "tiny-yolov2", "tiny-yolov3", "ssd-mobilenet-v1"} {
		if _, ok := c.Lookup(name); !ok {
			t.Errorf("no %s", name)
		}
	}
}

// Sizes and digests are those of the zoo's own list, and no file has the digest
// of one that the zoo also names by an operator set that is too old.
func TestZooAgainstItsList(t *testing.T) {
	data := os.Getenv("KRYPTON_DATA")
	if data == "" {
		t.Skip("KRYPTON_DATA is not set")
	}
	f, err := os.Open(filepath.Join(data, "zoo.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	list := map[string][]string{}
	old := map[string]string{}
	for _, r := range rows {
		list[r[0]] = r
		stem := strings.TrimSuffix(path.Base(r[0]), ".onnx")
		if n, err := strconv.Atoi(stem[strings.LastIndexAny(stem, "-_")+1:]); err == nil && n < minOpset {
			old[r[2]] = r[0]
		}
	}
	for _, m := range zoo(t).Models {
		r := list[m.File.Path]
		if r == nil || r[1] != strconv.FormatInt(m.File.Size, 10) || r[2] != m.File.SHA256 {
			t.Errorf("%s: %d bytes, %s; the list has %v", m.Name, m.File.Size, m.File.SHA256, r)
		}
		if o := old[m.File.SHA256]; o != "" {
			t.Errorf("%s is %s", m.Name, o)
		}
		if l := m.LabelFile; l != nil {
			b, err := os.ReadFile(filepath.Join(data, l.Path))
			if err != nil {
				t.Fatal(err)
			}
			if got := fileOf(b); got.SHA256 != l.SHA256 || got.Size != l.Size {
				t.Errorf("%s: its labels are not those of %s", m.Name, l.Path)
			}
		}
	}
}
