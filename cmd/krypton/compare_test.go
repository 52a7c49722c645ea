package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"krypton/models"
)

// compareMain compares two binaries over scripts: what every `krypton` in them prints,
// its exit code, and every file that it writes, byte for byte but for ofTheMoment.
// It returns 0 if all is the same, 1 if something differs, and 64 for a usage error.
// scripts/compare builds this test binary, names it compare, and starts it here.
func compareMain(args []string, stdout, stderr io.Writer) int {
	if len(args) < 2 {
		fmt.Fprintln(stderr, "usage: compare OLD NEW [SCRIPT.txtar...]")
		return 64
	}
	files := args[2:]
	for _, dir := range []string{"script", "compare"} {
		if len(args) == 2 {
			found, _ := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
			files = append(files, found...)
		}
	}
	c, err := compareBinaries(args[0], args[1], files)
	if err != nil {
		fmt.Fprintln(stderr, "compare:", err)
		return 1
	}
	c.print(stdout)
	if len(c.differences) > 0 {
		return 1
	}
	return 0
}

// ofTheMoment is what two runs of one binary may print differently: it is replaced
// before they are compared. Work folders have the same path for both binaries.
var ofTheMoment = []moment{
	// Times and rates in records, events and results.
	{"", `("[a-z_]*(?:seconds|_ms|ms|gflops|flops|_bytes|peak|share|memory|ratio)[a-z_]*": ?)[0-9.e+-]+`, "${1}#"},
	{"", `("time": ?)"20[^"]*Z"`, "${1}#"},
	{"", `("pid": ?|PID )[0-9]+`, "${1}#"},
	// Progress is told as often as there is time for it.
	{"", `(?m)^.*: [0-9]+ of [0-9]+, [0-9.]+/s.*\n`, ""},
	{"", `(?m)^frames: [0-9]+, [0-9.]+/s.*\n`, ""},
	{"", `(?m)^\{"message_type":"status",.*\n`, ""},
	{"", `(?ms)^picture=.*^progress=continue\n`, ""},
	{"", `frames_per_second": ?[0-9.e+-]+`, "#"},
	{"", `\b[0-9.]+ (a second|times as long|opening|tuning|waiting|writing|finding|network|outputs|verifying)\b`, "# $1"},
	{"model pull", `trying again in [0-9.]+s`, "trying again in #"},
	// Digests of pictures and maps that hold seconds themselves; the files are compared.
	{"", `("(?:image|map)_sha256": ?)"[0-9a-f]{64}"`, "$1#"},
	// The last columns of a sweep are speeds.
	{"orv .*--sweep", `(?m)^((?:approximate|exact),.*?)(,[0-9.]+){3}$`, "$1"},
	{"", `\b[0-9.]+ (?:s|ms|min|MiB)\b`, "#"},
	{"", `127\.0\.0\.1:[0-9]+`, "127.0.0.1:#"},
	// What these print is measured.
	{"bench|env|tune|model info|inspect", `[0-9][0-9.]*`, "#"},
	{"bench|env|tune|model info|inspect", ` +`, " "},
}

// moment replaces a pattern in what commands print and write, if they begin so.
type moment struct{ commands, pattern, by string }

// difference is where two binaries did not do the same.
type difference struct{ script, command, what, old, new string }

type comparison struct {
	scripts, commands int
	differences       []difference
}

func (c *comparison) print(w io.Writer) {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(c.differences) > 0 {
		fmt.Fprintln(tw, "SCRIPT\tCOMMAND\tWHAT\tOLD\tNEW")
	}
	for _, d := range c.differences {
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\n", d.script, d.command, d.what, d.old, d.new)
	}
	_ = tw.Flush()
	fmt.Fprintf(w, "%d commands of %d scripts compared: %d differences\n", c.commands, c.scripts, len(c.differences))
}

// compareBinaries runs every script twice in the same folder, first with the old
// binary, then with the new one. Scripts that fail are no difference: what is written
// in them as expected is what tests are for.
func compareBinaries(older, newer string, files []string) (*comparison, error) {
	root, err := os.MkdirTemp("", "krypton-compare")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(root)
	data := filepath.Join(root, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		return nil, err
	}
	scriptData(outsideTests{}, data)
	var links [2]string // each named krypton, as test binaries go by their name
	for i, program := range []string{older, newer} {
		dir := filepath.Join(root, fmt.Sprint("bin", i))
		full, err := filepath.Abs(program)
		if err != nil {
			return nil, err
		}
		if _, err := os.Stat(full); err != nil {
			return nil, err
		}
		links[i] = filepath.Join(dir, "krypton")
		if err := errors.Join(os.Mkdir(dir, 0o700), os.Symlink(full, links[i])); err != nil {
			return nil, err
		}
	}
	helps := sync.OnceValue(func() []help { return helpTexts(links[0]) })
	c := &comparison{scripts: len(files)}
	var mutex sync.Mutex
	var group sync.WaitGroup
	next := make(chan string)
	for range runtime.GOMAXPROCS(0) {
		group.Go(func() {
			for file := range next {
				var answers [2][]doing
				for i, link := range links {
					r := &recorder{program: link, data: data, helps: helps, before: map[string]string{}}
					r.run(root, file)
					answers[i] = r.answers
				}
				found := differencesOf(filepath.Base(file), answers[0], answers[1])
				mutex.Lock()
				c.commands += len(answers[0])
				c.differences = append(c.differences, found...)
				mutex.Unlock()
			}
		})
	}
	for _, file := range files {
		next <- file
	}
	close(next)
	group.Wait()
	slices.SortStableFunc(c.differences, func(a, b difference) int { return strings.Compare(a.script, b.script) })
	if c.commands == 0 {
		return nil, errors.New("the scripts start no krypton: nothing was compared")
	}
	return c, nil
}

// doing is what a command of a script did.
type doing struct {
	command, stdout, stderr string
	code                    int
	files                   map[string]string // what it wrote, made or removed
}

// recorder runs a script with one binary and keeps its answers.
type recorder struct {
	program, data string
	helps         func() []help
	answers       []doing
	before        map[string]string // the files after the last command
}

func (r *recorder) run(root, file string) {
	work := filepath.Join(root, "work")
	_ = os.Mkdir(work, 0o700)
	commands := scriptCommands()
	commands["krypton"] = func(ts *testscript.TestScript, _ bool, args []string) {
		r.start(ts, "krypton "+strings.Join(args, " "), r.program, args...)
	}
	commands["code"] = func(ts *testscript.TestScript, _ bool, args []string) { commands["krypton"](ts, false, args[1:]) }
	commands["models"] = func(ts *testscript.TestScript, _ bool, args []string) {
		for _, name := range args {
			ts.Check(os.WriteFile(ts.MkAbs(name), models.Default().Model, 0o600))
		}
	}
	commands["helps"] = func(ts *testscript.TestScript, _ bool, _ []string) {
		for _, h := range r.helps() {
			commands["krypton"](ts, false, append(slices.Clone(h.command), "--help"))
		}
	}
	commands["examples"] = func(ts *testscript.TestScript, _ bool, _ []string) {
		for _, h := range r.helps() {
			for _, line := range h.examples {
				r.start(ts, line, "sh", "-c", line)
			}
		}
	}
	testscript.RunT(outsideTests{}, testscript.Params{Files: []string{file}, WorkdirRoot: work, ContinueOnError: true,
		Deadline: time.Now().Add(15 * time.Minute), Cmds: commands, Setup: func(e *testscript.Env) error {
			r.look(e.WorkDir)
			e.Setenv("DATA", r.data)
			e.Setenv("KRYPTON_DATA", os.Getenv("KRYPTON_DATA"))
			e.Setenv("PATH", filepath.Dir(r.program)+string(filepath.ListSeparator)+e.Getenv("PATH"))
			// Nothing is fetched from anywhere.
			e.Setenv("KRYPTON_CACHE", filepath.Join(e.WorkDir, "cache"))
			e.Setenv("KRYPTON_MIRROR", "http://127.0.0.1:1")
			return nil
		}})
	_ = os.RemoveAll(filepath.Join(work, "script-"+strings.TrimSuffix(filepath.Base(file), ".txtar")))
}

// start runs a program and keeps what it did.
func (r *recorder) start(ts *testscript.TestScript, command, program string, args ...string) {
	work := ts.Getenv("WORK")
	r.look(work) // what the script itself has changed since
	err := ts.Exec(program, args...)
	a := doing{command: command, stdout: ts.ReadFile("stdout"), stderr: ts.ReadFile("stderr")}
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		a.code = exit.ExitCode()
	} else if err != nil {
		a.stderr += err.Error()
	}
	a.files = r.look(work)
	r.answers = append(r.answers, a)
}

// look reads all files below a folder and returns those that are not as they were.
func (r *recorder) look(dir string) map[string]string {
	now, changed := map[string]string{}, map[string]string{}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err != nil {
			return nil
		}
		now[name] = info.Mode().String() + "\n"
		if info.Mode().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				b = []byte(err.Error())
			}
			now[name] += string(b)
		}
		return nil
	})
	for name, text := range now {
		if was, known := r.before[name]; !known || was != text {
			changed[name] = text
		}
	}
	for name := range r.before {
		if _, known := now[name]; !known {
			changed[name] = "(removed)"
		}
	}
	r.before = now
	return changed
}

// differencesOf compares the answers to one script.
func differencesOf(script string, older, newer []doing) (found []difference) {
	if len(older) != len(newer) {
		found = append(found, difference{script, "", "commands", fmt.Sprint(len(older)), fmt.Sprint(len(newer))})
	}
	for i := range min(len(older), len(newer)) {
		o, n := older[i], newer[i]
		short := o.command
		if len(short) > 70 {
			short = short[:67] + "..."
		}
		add := func(what, a, b string) {
			if a == b {
				return
			}
			if a, b = timeless(o.command, a), timeless(o.command, b); a != b {
				a, b = around(a, b)
				found = append(found, difference{script, fmt.Sprintf("%d %s", i+1, short), what, a, b})
			}
		}
		add("exit code", fmt.Sprintf("code %d", o.code), fmt.Sprintf("code %d", n.code))
		add("stdout", o.stdout, n.stdout)
		add("stderr", o.stderr, n.stderr)
		names := maps.Clone(o.files)
		maps.Copy(names, n.files)
		for _, name := range slices.Sorted(maps.Keys(names)) {
			a, inOld := o.files[name]
			b, inNew := n.files[name]
			switch {
			case !inOld:
				add(name, "(untouched)", b)
			case !inNew:
				add(name, a, "(untouched)")
			default:
				add(name, a, b)
			}
		}
	}
	return found
}

// around returns the first lines that differ, from shortly before they do.
func around(a, b string) (string, string) {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	cut := func(s string) string { return fmt.Sprintf("%.50q", s[max(0, at-20):]) }
	return cut(a), cut(b)
}

var moments = sync.OnceValue(func() (compiled [][2]*regexp.Regexp) {
	for _, m := range ofTheMoment {
		compiled = append(compiled, [2]*regexp.Regexp{regexp.MustCompile(`^(?:\S*=\S+ )?krypton (?:` + m.commands + `)`), regexp.MustCompile(m.pattern)})
	}
	return compiled
})

// timeless replaces what is of the moment.
func timeless(command, text string) string {
	text = opened(text)
	for i, m := range moments() {
		if m[0].MatchString(command) || ofTheMoment[i].commands == "" {
			text = m[1].ReplaceAllString(text, ofTheMoment[i].by)
		}
	}
	return text
}

// opened returns a PNG picture, whatever stands before it, as its chunks, without the lengths and checksums of
// those of text, which hold a record with seconds; and any other text as it is.
func opened(text string) string {
	const signature = "\x89PNG\r\n\x1a\n"
	before, rest, is := strings.Cut(text, signature)
	if !is {
		return text
	}
	out := before + signature
	for len(rest) >= 12 {
		n := uint64(binary.BigEndian.Uint32([]byte(rest)))
		if n > uint64(len(rest)-12) || crc32.ChecksumIEEE([]byte(rest[4:8+n])) != binary.BigEndian.Uint32([]byte(rest[8+n:])) {
			break
		}
		if rest[4:8] == "iTXt" {
			out += rest[4 : 8+n]
		} else {
			out += rest[:12+n]
		}
		rest = rest[12+n:]
	}
	return out + rest
}

// help is a command and the examples of its help text.
type help struct{ command, examples []string }

// helpTexts reads the help of a binary's commands and of those below them.
func helpTexts(program string, command ...string) []help {
	out, _ := exec.Command(program, append(slices.Clone(command), "--help")...).Output()
	h := help{command: command}
	var below []help
	section := ""
	for line := range strings.Lines(string(out)) {
		line = strings.TrimRight(line, "\n")
		if line != "" && line[0] != ' ' {
			section = line
			continue
		}
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case section == "Examples:" && strings.HasPrefix(line, "krypton serve"): // goes on until it is stopped
		case section == "Examples:":
			line, _, _ = strings.Cut(line, "   ") // what it does stands behind it
			line = strings.ReplaceAll(line, "/usr/local/share/man", "man")
			line = strings.ReplaceAll(line, "https://mirror.example.org", "http://127.0.0.1:1")
			line = strings.ReplaceAll(line, "ffmpeg -i", "ffmpeg -v error -i")
			h.examples = append(h.examples, line)
		case section == "Available Commands:":
			name, _, _ := strings.Cut(line, " ")
			if name != "completion" && name != "help" {
				below = append(below, helpTexts(program, append(slices.Clone(command), name)...)...)
			}
		}
	}
	return append([]help{h}, below...)
}

// outsideTests is a test's T where no test runs.
type outsideTests struct{ testing.TB }

func (outsideTests) Helper()           {}
func (outsideTests) Log(...any)        {}
func (outsideTests) Parallel()         {}
func (outsideTests) Verbose() bool     { return false }
func (outsideTests) FailNow()          { runtime.Goexit() }
func (outsideTests) Skip(...any)       { runtime.Goexit() }
func (outsideTests) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func (t outsideTests) Run(_ string, f func(testscript.T)) {
	var group sync.WaitGroup
	group.Go(func() { f(t) })
	group.Wait()
}
