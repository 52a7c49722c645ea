// Command dist builds the release: for each system a static binary with manual pages and
// shell completions in an archive, what it is made of (CycloneDX), and SHA-256 sums of all.
// The same files, version and Go give the same bytes, wherever and whenever it runs.
//
//	go run ./scripts/dist -version v1.2.3 -out dist
package main

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"debug/buildinfo"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// targets are the systems that a release has binaries for.
var targets = []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}

func main() {
	version := flag.String("version", "dev", "version that the binaries say they have")
	out := flag.String("out", "dist", "folder to write to; what a release wrote there before is replaced")
	only := flag.String("targets", strings.Join(targets, ","), "systems, as GOOS/GOARCH")
	flag.Parse()
	if err := release(*out, *version, strings.Split(*only, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

// entry is a file of an archive.
type entry struct {
	name       string
	data       []byte
	executable bool
}

// release writes a release for some targets into out.
func release(out, version string, targets []string) error {
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "krypton-dist")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	shared, err := sharedEntries(work, version)
	if err != nil {
		return err
	}
	var sums bytes.Buffer
	put := func(name string, data []byte) error {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(data), name)
		return os.WriteFile(filepath.Join(out, name), data, 0o644)
	}
	for _, target := range targets {
		goos, goarch, _ := strings.Cut(target, "/")
		binary, err := build(work, version, goos, goarch, "krypton")
		if err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		bom, err := bomOf(binary, version)
		if err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		data, err := os.ReadFile(binary)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("krypton-%s-%s-%s", version, goos, goarch)
		all := append([]entry{{filepath.Base(binary), data, true}, {"krypton.cdx.json", bom, false}}, shared...)
		if withCards[target] {
			more, err := cardEntries(work, version, goos, goarch)
			if err != nil {
				return fmt.Errorf("%s: %w", target, err)
			}
			all = append(all, more...)
		}
		pack, ending := tarGz, ".tar.gz"
		if goos == "windows" {
			pack, ending = zipped, ".zip"
		}
		archive, err := pack(name, all)
		if err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		if err := put(name+ending, archive); err != nil {
			return err
		}
		if err := put(name+".cdx.json", bom); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(out, "SHA256SUMS"), sums.Bytes(), 0o644)
}

// withCards are the systems that there is a program for which computes on cards.
var withCards = map[string]bool{"linux/amd64": true, "linux/arm64": true, "windows/amd64": true, "windows/arm64": true}

// cardEntries are that program, and what it is made of.
func cardEntries(work, version, goos, goarch string) ([]entry, error) {
	binary, err := build(work, version, goos, goarch, "krypton-gpu")
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	bom, err := bomOf(binary, version)
	return []entry{{filepath.Base(binary), data, true}, {"krypton-gpu.cdx.json", bom, false}}, err
}

// build builds the command for a system: krypton, which is static, or krypton-gpu. Nothing of
// the folder or the repository that it is built in gets into it but the version.
func build(work, version, goos, goarch, name string) (string, error) {
	tags := ""
	if name == "krypton-gpu" {
		tags = "gpu"
	}
	if goos == "windows" {
		name += ".exe"
	}
	path := filepath.Join(work, goos+"-"+goarch, name)
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-tags", tags, "-ldflags", "-s -w -buildid= -X main.version="+version, "-o", path, "./cmd/krypton")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0", "GOFLAGS=", "GOAMD64=v1", "GOARM64=v8.0")
	cmd.Stderr = os.Stderr
	return path, cmd.Run()
}

// sharedEntries are what all archives have: the README, manual pages and completions.
func sharedEntries(work, version string) ([]entry, error) {
	host, err := build(work, version, runtime.GOOS, runtime.GOARCH, "krypton")
	if err != nil {
		return nil, err
	}
	readme, err := os.ReadFile("README.md")
	if err != nil {
		return nil, err
	}
	all := []entry{{"README.md", readme, false}}
	for shell, name := range map[string]string{"bash": "krypton.bash", "zsh": "_krypton", "fish": "krypton.fish", "powershell": "krypton.ps1"} {
		text, err := exec.Command(host, "completion", shell).Output()
		if err != nil {
			return nil, fmt.Errorf("completion %s: %w", shell, err)
		}
		all = append(all, entry{"completions/" + name, text, false})
	}
	pages := filepath.Join(work, "man1")
	man := exec.Command(host, "man", pages)
	man.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+cmp.Or(os.Getenv("SOURCE_DATE_EPOCH"), strconv.FormatInt(epoch.Unix(), 10)))
	if text, err := man.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("man: %w: %s", err, text)
	}
	found, err := filepath.Glob(filepath.Join(pages, "*.1"))
	if err != nil {
		return nil, err
	}
	for _, page := range found {
		text, err := os.ReadFile(page)
		if err != nil {
			return nil, err
		}
		all = append(all, entry{"man/man1/" + filepath.Base(page), text, false})
	}
	slices.SortFunc(all, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// bomOf lists what a binary is made of.
func bomOf(path, version string) ([]byte, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return billOfMaterials(info, version)
}
