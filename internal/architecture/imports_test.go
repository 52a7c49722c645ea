// Package architecture holds the test that keeps imports pointing one way, as
// docs/architecture.md says.
package architecture

import (
	"os/exec"
	"strings"
	"testing"
)

// allowed lists, for each package, the packages of ours that it may import.
// Tests may import more.
var allowed = map[string]string{
	"internal/region":       "",
	"internal/tensor":       "",
	"internal/op":           "internal/region internal/tensor",
	"internal/graph":        "internal/op internal/tensor",
	"internal/onnxload":     "internal/graph internal/op internal/tensor",
	"internal/softmax":      "",
	"internal/engine":       "internal/engine/asm internal/region internal/softmax",
	"internal/engine/asm":   "",
	"internal/incremental":  "internal/engine internal/engine/asm internal/graph internal/op internal/region internal/tensor",
	"internal/obe":          "internal/engine internal/incremental internal/prediction internal/region internal/softmax",
	"internal/imagein":      "internal/region",
	"internal/orv":          "internal/detect internal/imagein internal/incremental internal/prediction internal/region internal/tensor internal/video",
	"internal/detect":       "",
	"internal/track":        "internal/detect",
	"internal/framelabels":  "internal/spreadsheet",
	"internal/spreadsheet":  "",
	"internal/prediction":   "internal/softmax",
	"internal/quality":      "",
	"internal/tune":         "internal/graph internal/incremental internal/obe internal/op internal/quality",
	"internal/faithful":     "internal/incremental internal/prediction internal/region",
	"internal/heatmap":      "internal/spreadsheet",
	"internal/annotate":     "",
	"internal/atomicfile":   "",
	"internal/batch":        "internal/atomicfile",
	"internal/ui":           "",
	"internal/video":        "internal/atomicfile internal/imagein",
	"internal/onnxwrite":    "",
	"internal/labels":       "",
	"internal/catalogue":    "internal/atomicfile",
	"internal/architecture": "",
	"models":                "",
	"deploy":                "",
}

// free are packages that may import anything of ours: programs.
var free = []string{"cmd/", "models/", "scripts/"}

func TestImportsPointOneWay(t *testing.T) {
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", "krypton/...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	listed := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		f := strings.Fields(line)
		pkg := strings.TrimPrefix(f[0], "krypton/")
		listed[pkg] = true
		may, known := allowed[pkg]
		if !known {
			ok := false
			for _, prefix := range free {
				ok = ok || strings.HasPrefix(pkg, prefix)
			}
			if !ok {
				t.Errorf("package %s is not in the table: add it here and to docs/architecture.md", pkg)
			}
			continue
		}
		for _, imp := range f[1:] {
			ours, found := strings.CutPrefix(imp, "krypton/")
			if !found {
				continue
			}
			if !strings.Contains(" "+may+" ", " "+ours+" ") {
				t.Errorf("%s imports %s: it may import only [%s]", pkg, ours, may)
			}
		}
	}
	for pkg := range allowed {
		if !listed[pkg] {
			t.Errorf("the table lists %s, which is not a package", pkg)
		}
	}
}
