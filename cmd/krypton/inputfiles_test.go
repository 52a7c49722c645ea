//go:build unix

package main

import (
	"bytes"
	"encoding/binary"
	"image/color"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"krypton/internal/batch"
	"krypton/internal/onnxwrite"
)

// inputsToKeep is a folder with one of each kind of file that a run reads.
func inputsToKeep(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	changed(func(m *onnxwrite.Model) {
		w := &m.Graph.Initializers[0]
		*w = onnxwrite.ExternalTensor(w.Name, w.DataType, w.Dims, map[string]string{"location": "weights.bin"})
	})(t, filepath.Join(dir, "m.onnx"))
	var weights bytes.Buffer
	if err := binary.Write(&weights, binary.LittleEndian, make([]float32, 4*27)); err != nil {
		t.Fatal(err)
	}
	renderFilm(t, filepath.Join(dir, "v.y4m"), 3)
	for name, b := range map[string][]byte{"weights.bin": weights.Bytes(), "m.krypton.yaml": []byte("labels: own.txt\n"), "own.txt": []byte("a\nb\nc\nd\n"), "lab.txt": []byte("e\nf\ng\nh\n"),
		"krypton.yaml": []byte("quiet: true\n"), "p.png": samplePicture(), "q.png": samplePicture(), "mask.png": pngOf(t, 128, 128, color.White), "list.txt": []byte("p.png\nq.png\n"), "man.csv": []byte("item\np.png\nq.png\n"), "raw.f32": make([]byte, 4*3*16*16)} {
		holding(b)(t, filepath.Join(dir, name))
	}
	cmd := command("obe", "p.png", "--model", "m.onnx", "--patch", "8", "--scores-only", "--scores", "map.json")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return dir
}

// TestInputsStay: no output of any command takes the place of a file that it reads, by
// whatever name, also with --force; and nothing at all is written then.
func TestInputsStay(t *testing.T) {
	dir := inputsToKeep(t)
	files := names(t, dir)
	before := map[string]string{}
	for _, f := range files {
		before[f] = readText(t, filepath.Join(dir, f))
	}
	obe := "obe p.png q.png --model m.onnx --patch 8 --force --labels lab.txt --mask mask.png --files-from list.txt --out-dir d"
	obe = strings.Replace(obe, " --out-dir d", " -o d/", 1)
	orv := "orv v.y4m --model m.onnx --mode exact --labels lab.txt --force -o d/"
	rows := map[string][]string{
		obe + " --events ":   {"p.png", "q.png", "m.onnx", "weights.bin", "m.krypton.yaml", "own.txt", "lab.txt", "mask.png", "list.txt", "krypton.yaml"},
		obe + " --progress ": {"weights.bin", "lab.txt"},
		"obe p.png --model m.onnx --patch 8 --force -o ":                                {"p.png", "m.onnx", "weights.bin", "m.krypton.yaml", "own.txt", "krypton.yaml"},
		"obe @list.txt --model m.onnx --patch 8 --force -o d/ --progress ":              {"list.txt", "q.png"},
		"obe --manifest man.csv --model m.onnx --patch 8 --force --out-dir d --events ": {"man.csv", "p.png", "q.png", "weights.bin", "own.txt"},
		orv + " --annotate ": {"v.y4m"},
		orv + " --sweep ":    {"v.y4m", "m.onnx", "weights.bin", "own.txt", "lab.txt", "krypton.yaml"},
		"bench m.onnx --raw raw.f32 --force --rounds 1 --outputs ":      {"m.onnx", "weights.bin", "m.krypton.yaml", "raw.f32", "krypton.yaml"},
		"tune p.png --model m.onnx --patch 8 -o - --force --points ":    {"p.png", "m.onnx", "weights.bin", "m.krypton.yaml", "own.txt"},
		"tune p.png --model m.onnx --patch 8 -o - --force --plot ":      {"p.png", "weights.bin"},
		"tune p.png --model m.onnx --patch 8 --force -o ":               {"krypton.yaml", "own.txt"},
		"score map.json --model m.onnx --image p.png --force --plot ":   {"map.json", "m.onnx", "weights.bin", "p.png", "own.txt"},
		"score map.json --model m.onnx --image p.png --force --points ": {"map.json", "krypton.yaml"},
		"score map.json --force --plot ":                                {"p.png", "m.onnx", "weights.bin", "own.txt"},
		"score map.json --model m.onnx --force --points ":               {"p.png"},
	}
	for line, outputs := range rows {
		for i, out := range outputs {
			tried := []string{out}
			if i == 0 { // and by other names
				tried = append(tried, "./"+out, "link"+filepath.Ext(out), "hardlink"+filepath.Ext(out))
			}
			for k, name := range tried {
				var err error
				switch k {
				case 2:
					err = os.Symlink(out, filepath.Join(dir, name))
				case 3:
					err = os.Link(filepath.Join(dir, out), filepath.Join(dir, name))
				}
				if err != nil {
					t.Fatal(err)
				}
				cmd := command(append(strings.Fields(line), name)...)
				cmd.Dir = dir
				said, err := cmd.CombinedOutput()
				if exitOf(err) != exitCantCreate || !strings.Contains(string(said), "is an input: it is not overwritten") {
					t.Errorf("%s%s: %v: %s", line, name, err, said)
				}
				if k >= 2 {
					if err := os.Remove(filepath.Join(dir, name)); err != nil {
						t.Error(err)
					}
				}
				for _, f := range files {
					if got := readText(t, filepath.Join(dir, f)); got != before[f] {
						t.Fatalf("%s%s: %s is another file now", line, name, f)
					}
				}
			}
		}
	}
}

// TestEventsGoWhereTheyAreSent: a new file, a pipe, standard output; what a link points
// to, or what other names a file has, stays.
func TestEventsGoWhereTheyAreSent(t *testing.T) {
	dir := t.TempDir()
	holding(samplePicture())(t, filepath.Join(dir, "p.png"))
	holding([]byte("held"))(t, filepath.Join(dir, "precious"))
	run := func(code int, path string, more ...string) string {
		t.Helper()
		cmd := command(append([]string{"obe", "p.png", "-o", "h.png", "-q", "--force", "--patch", "64", "--stride", "64", "--events", path}, more...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if got := exitOf(err); got != code {
			t.Fatalf("%s: exit code %d, want %d: %s", path, got, code, out)
		}
		return string(out)
	}
	path := filepath.Join(dir, "e")
	for name, make := range map[string]func() error{
		"link":      func() error { return os.Symlink("precious", path) },
		"dangling":  func() error { return os.Symlink("none", path) },
		"hard link": func() error { return os.Link(filepath.Join(dir, "precious"), path) },
		"file":      func() error { return os.WriteFile(path, []byte("old"), 0o600) },
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
		run(0, "e")
		if i, err := os.Lstat(path); err != nil || !i.Mode().IsRegular() || !strings.Contains(readText(t, path), `"summary"`) {
			t.Errorf("%s: %v, %v", name, i, err)
		}
		if readText(t, filepath.Join(dir, "precious")) != "held" {
			t.Fatalf("%s: what it stood for is overwritten", name)
		}
		if _, err := os.Lstat(filepath.Join(dir, "none")); err == nil {
			t.Errorf("%s: its target was made", name)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if out := run(0, "/dev/stdout"); !strings.Contains(out, `"summary"`) {
		t.Errorf("on standard output: %s", out)
	}
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	read := exec.Command("cat", path)
	var got bytes.Buffer
	read.Stdout = &got
	if err := read.Start(); err != nil {
		t.Fatal(err)
	}
	run(0, "e")
	if err := read.Wait(); err != nil || !strings.Contains(got.String(), `"summary"`) {
		t.Errorf("by a pipe: %v, %s", err, &got)
	}
	// Without --force nothing that is there is replaced.
	if err := os.Symlink("none", filepath.Join(dir, "l")); err != nil {
		t.Fatal(err)
	}
	cmd := command("obe", "p.png", "-o", "h2.png", "-q", "--events", "l")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); exitOf(err) != exitCantCreate {
		t.Errorf("a link without --force: %v: %s", err, out)
	}
}

// TestBatchFilesAreNoInputs: what a batch writes of its own replaces no list that it reads.
func TestBatchFilesAreNoInputs(t *testing.T) {
	dir := inputsToKeep(t)
	for _, name := range []string{batch.ResultsFile, batch.TimingsFile, filepath.Join(batch.JournalFolder, batch.ItemsFile), filepath.Join(batch.JournalFolder, "shard-1-of-1.jsonl")} {
		for how, list := range map[string]string{"obe --patch 8 --force --files-from": "../p.png\n", "orv --force --manifest": "{\"item\": \"../v.y4m\"}\n"} {
			if err := os.MkdirAll(filepath.Join(dir, "d", batch.JournalFolder), 0o700); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "d", name)
			holding([]byte(list))(t, path)
			cmd := command(append(strings.Fields(how), filepath.Join("d", name), "--model", "m.onnx", "--out-dir", "d")...)
			cmd.Dir = dir
			out, err := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != exitCantCreate || !strings.Contains(string(out), "is an input: it is not overwritten") {
				t.Errorf("%s, %s: exit code %d (%v): %s", how, name, code, err, out)
			}
			if got := readText(t, path); got != list {
				t.Errorf("%s, %s: now %q", how, name, got)
			}
			if err := os.RemoveAll(filepath.Join(dir, "d")); err != nil {
				t.Fatal(err)
			}
		}
	}
}
