package main

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWrongFlags is row C01 for every command: usage, before any work.
func TestWrongFlags(t *testing.T) {
	var rows []badInput
	for _, line := range []string{
		"obe --patch 0|--patch", "obe --patch -3|--patch", "obe --patch 9999|exceeds", "obe --stride 0|--stride", "obe --stride NaN|--stride", "obe --fill pink|--fill", "obe --tau 0|tau", "obe --tau 2|tau",
		"obe --tau NaN|tau", "obe --epsilon -1|epsilon", "obe --drill-down 7|", "obe --steps 0|--steps", "obe --within -1s|--within", "obe --within|--within", "obe --precision fp8|--precision", "obe --verify -1|--verify",
		"obe --threads 0|--threads", "obe --threads -1|--threads", "obe --threads 1000000000|--threads", "obe --memory x|--memory", "obe --max-pixels 0|--max-pixels", "obe --scale 2,1|--scale", "obe --scale NaN,1|--scale",
		"obe --class 99|classes 0 to 11", "obe --border skipp|border", "obe x.png --shard 0/3 --out-dir DIR|shard", "obe --resume --shard 1/2|--out-dir", "obe --scores-only --out-dir DIR/x|--scores",
		"orv x.y4m --every 0|--every", "orv x.y4m --fps NaN|--fps", "orv x.y4m --fps -1|--fps", "orv x.y4m --fps Inf|--fps", "orv x.y4m --guard 2|--guard", "orv x.y4m --shortlist -1|--shortlist", "orv x.y4m --mode fast|fast", "orv x.y4m --tolerance 300|tolerance", "orv x.y4m --start yesterday|--start", "orv|", "orv x.y4m --target-agreement 0|--target-agreement",
		"tune|", "score|", "model info --patch 0|--patch", "model|", "merge|", "bench --patch x|", "env --no-such|--no-such",
	} {
		args, says, _ := strings.Cut(line, "|")
		row := badInput{id: "C01/" + args, args: strings.Fields(args), code: exitUsage, says: says}
		if args == "model" {
			continue // prints its help
		}
		rows = append(rows, row)
	}
	runBad(t, rows)
}

// TestOutputsThatCannotBe are rows C02 and C03.
func TestOutputsThatCannotBe(t *testing.T) {
	link := func(t testing.TB, path string) {
		target := filepath.Join(t.TempDir(), "precious")
		holding([]byte("precious"))(t, target)
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if b, err := os.ReadFile(target); err != nil || string(b) != "precious" {
				t.Errorf("what the link points to is %q now: %v", b, err)
			}
		})
	}
	file := holding([]byte("x"))
	obe := func(more ...string) []string { return append([]string{"obe", "--stride", "64", "-q"}, more...) }
	runBad(t, []badInput{
		{id: "C02/no-folder", args: obe("-o", "DIR/none/x.png"), code: exitCantCreate, says: "no folder"},
		{id: "C02/folder-is-a-file", file: "f", make: file, args: obe("-o", "FILE/x.png"), code: exitCantCreate},
		{id: "C02/exists", file: "f.png", make: file, args: obe("-o", "FILE"), code: exitCantCreate, says: "exists already"},
		{id: "C02/link", file: "f.png", make: link, args: obe("-o", "FILE"), code: exitCantCreate},
		{id: "C02/link-forced", file: "f.png", make: link, args: obe("-o", "FILE", "--force"), code: exitOK},
		{id: "C02/scores-twice", args: obe("-o", "DIR/x.png", "--scores", "DIR/a.npy,DIR/a.npy"), code: exitUsage, says: "twice"},
		{id: "C02/device", args: obe("-o", "/dev/full"), code: exitCantCreate, says: "/dev/full"},
	})
	if _, err := os.Stat("/dev/full"); err != nil {
		return
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	for _, args := range [][]string{obe("-o", "-"), obe("--json", "-o", filepath.Join(t.TempDir(), "x.png"))} {
		cmd := command(args...)
		cmd.Stdout = full
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		_ = cmd.Run() // the exit code says it
		if code := cmd.ProcessState.ExitCode(); code == exitOK || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("C03 %v to a full device: exit code %d, %q", args, code, stderr.String())
		}
	}
	// A limit of the size of files is met at some write.
	dir := t.TempDir()
	binary := filepath.Join(t.TempDir(), "krypton")
	if err := os.Symlink(os.Args[0], binary); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("/bin/sh", append([]string{"-c", `ulimit -f 4; exec "$0" "$@"`, binary}, obe("-o", filepath.Join(dir, "x.png"))...)...).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "x.png") || len(names(t, dir)) != 0 {
		t.Errorf("C03 file size limit: %v, %s, left %v", err, out, names(t, dir))
	}
	// The reader of the output has left.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	cmd := command(obe("-o", "-")...)
	cmd.Stdout = w
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	_ = cmd.Run()
	w.Close()
	if code := cmd.ProcessState.ExitCode(); code == exitOK || stderr.Len() > 0 {
		t.Errorf("C03 broken pipe: exit code %d, %q", code, stderr.String())
	}
}

// TestServingEndsByASignal, which the exit code names as that of any command.
func TestServingEndsByASignal(t *testing.T) {
	for sig, want := range map[syscall.Signal]int{syscall.SIGINT: exitInterrupt, syscall.SIGTERM: exitTerminated} {
		cmd := command("serve")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_, err = bufio.NewReader(out).ReadString('\n') // the address
		_ = cmd.Process.Signal(sig)
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); err != nil || code != want {
			t.Errorf("%v: exit code %d, want %d (%v)", sig, code, want, err)
		}
	}
}

// TestInterruptedAtAnyMoment is row C05: whenever a signal comes, the exit code
// says so and nothing half-written is left.
func TestInterruptedAtAnyMoment(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 5))
	film := filepath.Join(t.TempDir(), "film.y4m")
	renderFilm(t, film, 200)
	caught := 0
	runs := 30
	if testing.Short() {
		runs = 6
	}
	for i := range runs {
		sig, want := syscall.SIGINT, exitInterrupt
		if i%2 == 1 {
			sig, want = syscall.SIGTERM, exitTerminated
		}
		dir := t.TempDir()
		args := []string{"obe", "--stride", "2", "-q", "-o", filepath.Join(dir, "map.png"), "--scores", filepath.Join(dir, "map.npy")}
		whole := []string{"map.npy", "map.png"}
		if i%3 == 2 {
			args, whole = []string{"orv", film, "-q", "--format", "csv", "-o", filepath.Join(dir, "labels")}, []string{"labels.csv"}
		}
		cmd := command(args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20*time.Millisecond + time.Duration(rng.IntN(500))*time.Millisecond)
		_ = cmd.Process.Signal(sig) // it may have ended
		_ = cmd.Wait()
		left := names(t, dir)
		switch code := cmd.ProcessState.ExitCode(); code {
		case exitOK:
			if fmt.Sprint(left) != fmt.Sprint(whole) {
				t.Errorf("%v: done, but there is %v", args, left)
			}
		case want:
			caught++
			// Scores are written whole before the picture is drawn.
			if len(left) > 0 && fmt.Sprint(left) != "[map.npy]" {
				t.Errorf("%v: interrupted, left %v", args, left)
			}
		default:
			if code != -1 { // a signal before anybody could listen
				t.Errorf("%v: exit code %d after %v", args, code, sig)
			}
			if len(left) > 0 {
				t.Errorf("%v: killed, left %v", args, left)
			}
		}
	}
	if caught == 0 {
		t.Error("no run was interrupted")
	}
}

// TestSameBytesEverywhere are rows C11 and C12: neither language, time zone, home,
// number of cores nor kernel set changes an output.
func TestSameBytesEverywhere(t *testing.T) {
	picture := filepath.Join(t.TempDir(), "sample.png")
	holding(samplePicture())(t, picture)
	var want map[string]string
	cases := [][]string{{}} // environments
	if runtime.GOARCH == "amd64" {
		// What the widest kernels give, where that is not AVX2 already.
		for _, k := range []string{"avx2,direct", "auto,direct"} {
			dir := t.TempDir()
			out, err := command("obe", picture, "--out-dir", dir, "--stride", "48", "--scores", "{name}.npy", "--scores-only", "-q", "--kernels", k).CombinedOutput()
			switch {
			case err != nil && k == "avx2,direct" && strings.Contains(string(out), "avx2"):
				t.Logf("no AVX2 here: %s", out)
				continue
			case err != nil:
				t.Fatalf("%s: %v: %s", k, err, out)
			}
			got := batchTree(t, dir)
			if want != nil && got["sample.npy"] != want["sample.npy"] {
				t.Errorf("kernels %s: scores differ from AVX2's", k)
			}
			want = got
		}
		want = nil
	}
	for _, n := range []string{"1", "2", "7", "64"} {
		cases = append(cases, []string{"GOMAXPROCS=" + n, "KRYPTON_THREADS=" + n})
	}
	cases = append(cases, []string{"LANG=de_DE.UTF-8", "LC_ALL=de_DE.UTF-8", "TZ=Asia/Kathmandu"}, []string{"HOME=/nonexistent", "XDG_CONFIG_HOME=", "TMPDIR=/nonexistent"}, []string{"HOME="})
	for _, env := range cases {
		dir := t.TempDir()
		cmd := command("obe", picture, "--out-dir", dir, "--stride", "48", "--scores", "{name}.npy,{name}.json,{name}.csv", "-q")
		cmd.Env = append(os.Environ(), env...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", env, err, out)
		}
		got := batchTree(t, dir)
		if want == nil {
			want = got
		}
		for name := range want {
			if got[name] != want[name] {
				t.Errorf("%v: %s differs", env, name)
			}
		}
	}
}

// TestNoEscapes is row C14: text from outside does not steer a terminal or a
// spreadsheet.
func TestNoEscapes(t *testing.T) {
	dir := t.TempDir()
	picture := filepath.Join(dir, "a\x1b[31m.png")
	holding(samplePicture())(t, picture)
	list := make([]string, 12)
	for i := range list {
		list[i] = "=cmd|\x1b[2J"
	}
	holding([]byte(strings.Join(list, "\n")+"\n"))(t, filepath.Join(dir, "labels.txt"))
	out, err := command("obe", picture, "--labels", filepath.Join(dir, "labels.txt"), "--stride", "64").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	film := filepath.Join(dir, "film.y4m")
	renderFilm(t, film, 4)
	more, err := command("orv", film, "--labels", filepath.Join(dir, "labels.txt"), "--format", "csv,srt,vtt,jsonl").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, more)
	}
	texts := map[string][]byte{"messages": append(out, more...)}
	for _, f := range []string{"film.krypton.csv", "film.krypton.srt", "film.krypton.vtt", "film.krypton.jsonl"} {
		b, err := os.ReadFile(filepath.Join(dir, f))
		if err != nil {
			t.Fatal(err)
		}
		texts[f] = b
	}
	for name, b := range texts {
		if bytes.ContainsRune(b, 0x1b) {
			t.Errorf("%s: an escape gets through: %q", name, b)
		}
	}
	for line := range strings.Lines(string(texts["film.krypton.csv"])) {
		for cell := range strings.SplitSeq(line, ",") {
			if strings.HasPrefix(strings.Trim(cell, `"`), "=") {
				t.Errorf("a cell is a formula: %q", line)
			}
		}
	}
}
