package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/gpu"
	"krypton/internal/gpu/card"
	"krypton/internal/incremental"
	"krypton/internal/limits"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/orv"
	"krypton/internal/program"
	"krypton/internal/region"
)

// Where maps are computed.
const (
	onCPU  = "cpu"
	onGPU  = "gpu"
	onAuto = "auto"
)

var devices = []string{onCPU, onGPU, onAuto}

// deviceOptions are the flags that say what computes maps.
type deviceOptions struct {
	device, memory string
	// precision is that of a card's products.
	precision incremental.Precision
	// rehearsed is the program that a dry run would have on a card, nil for none.
	rehearsed *incremental.Program
}

// addFlags adds them to a command that has a device answer something.
func (o *deviceOptions) addFlags(f *pflag.FlagSet, what string) {
	f.StringVar(&o.device, "device", onCPU, "what answers "+what+": cpu, gpu (an NVIDIA card, by the program krypton-gpu beside this one), or auto (a card that is there, can run the network and is guessed to be faster; else cpu)")
	f.StringVar(&o.memory, "gpu-memory", "", "`limit` for the memory that is taken of the card, such as 4GiB (default: 90 % of what is free there)")
}

// check refuses what makes no sense whatever the machine is.
func (o *deviceOptions) check() error {
	if !slices.Contains(devices, o.device) {
		return failure.Usagef("--device is %q, want cpu, gpu or auto", o.device)
	}
	if o.memory != "" {
		if _, err := limits.ParseBytes(o.memory); err != nil {
			return failure.Usagef("--gpu-memory: %w", err)
		}
	}
	return nil
}

// takePrecision takes the precision of a card's products out of what may be given up, where a
// card is asked for: what such a map equals, bit for bit, are whole runs of the same precision.
// With auto it must not be asked for: processors would give another answer.
func (o *deviceOptions) takePrecision(w *explain.Wish) error {
	o.precision = incremental.FP32
	p := w.Precision
	if p == nil || *p == incremental.FP32 || o.device == onCPU || !slices.Contains(gpu.Precisions, *p) {
		return nil
	}
	if err := o.chosen(*p); err != nil {
		return err
	}
	o.precision, w.Precision = *p, nil
	return nil
}

// chosen refuses to have auto choose who answers in a precision that the answer depends on.
func (o *deviceOptions) chosen(p incremental.Precision) error {
	if o.device == onAuto {
		return failure.Usagef("--precision %s with --device auto: a card's answer is not that of processors, so one has to say which: --device gpu or cpu", p)
	}
	return nil
}

// parsePrecision reads that of processors or of cards.
func parsePrecision(text string) (incremental.Precision, error) {
	if text == string(incremental.TF32) {
		return incremental.TF32, nil
	}
	return explain.ParsePrecision(text)
}

// precisions are the names that parsePrecision reads.
func precisions() []string { return append(explain.Precisions(), string(incremental.TF32)) }

// precisionsOfCards are gpu.Precisions for messages.
const precisionsOfCards = "fp32, tf32 or bf16"

// program is what the program with cards is called, and envStarted the variable that says
// which version of the program has started it.
const (
	gpuProgram = "krypton-gpu"
	envStarted = "KRYPTON_STARTED_BY"
)

// otherProgram is the program with cards where it lies beside this one.
func otherProgram() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	name := gpuProgram
	if runtime.GOOS == "windows" {
		name += ".exe"
	}
	path := filepath.Join(filepath.Dir(self), name)
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	return path, err
}

// cardUse says what there is to compute on cards, for the list of what is there: the program with
// cards asks their driver, the other one says where that program is, if there are any.
func cardUse(any bool) []string {
	if !card.Built {
		switch path, err := otherProgram(); {
		case !any:
			return nil
		case err != nil:
			return []string{"not used: there is no " + gpuProgram + " beside this program"}
		default:
			return []string{"used where --device gpu or auto says so, by " + path + " ('" + gpuProgram + " env' tells more)"}
		}
	}
	all, cuda, err := card.List()
	if err != nil {
		return []string{"not used: " + err.Error()}
	}
	var lines []string
	for _, c := range all {
		lines = append(lines, fmt.Sprintf("%s, %d MiB, compute capability %s, driver for CUDA %s (from 8.0 on --device gpu can use it, in %s)", c.Name, c.Memory>>20, c.Capability, cuda, precisionsOfCards))
	}
	return lines
}

// ended is the exit code of a program that has run in this one's place.
type ended int

func (e ended) Error() string { return fmt.Sprintf("%s ended with %d", gpuProgram, int(e)) }

var errNoProgram = errors.New("there is no " + gpuProgram + " beside this program: put that of the release for this system there, or build it by 'make build-gpu'")

// start has the program with cards run in this one's place, if somebody asks for a card and
// this one cannot open any. It returns nil where this one goes on.
func (o *deviceOptions) start(ctx context.Context, say deviceNotes) error {
	if err := o.check(); err != nil || o.device == onCPU {
		return err
	}
	if card.Built {
		if by, ok := os.LookupEnv(envStarted); ok && by != version {
			return failure.Usagef("%s is of version %s and krypton, which has started it, of %s: install both of one version", gpuProgram, version, by)
		}
		return nil
	}
	path, err := otherProgram()
	if err != nil {
		return o.refuse(say, failure.Unavailable, errNoProgram)
	}
	if err := os.Setenv(envStarted, version); err != nil {
		return err
	}
	workBegins(ctx) // the other program ends it
	code, err := program.Become(path, os.Args[1:])
	if err != nil {
		return failure.As(failure.Unavailable, fmt.Errorf("--device %s: %s cannot be started: %w", o.device, path, err))
	}
	return ended(code)
}

// onCPU says why --device auto does without a card, from now on.
func (o *deviceOptions) onCPU(say deviceNotes, why error) {
	o.device = onCPU
	say.note("--device auto: on this machine's processors: " + why.Error())
}

// cards opens the card once for all of a process.
var cards = sync.OnceValues(card.Open)

// onCard is the network that lies on the card, and the card's memory. One lies there at a time:
// who uses another puts that in its place.
var onCard struct {
	sync.Mutex
	memory  *gpu.Bounded
	of      loaded
	network *gpu.Network // nil for none
	answers *gpu.Answerer
}

// loaded is a program with products of a precision.
type loaded struct {
	program   *incremental.Program
	precision incremental.Precision
}

// put has the card hold a program's network, unless it does; most bounds all that is taken of its
// memory. onCard is locked.
func put(c *card.Card, l loaded, most int64) error {
	on := &onCard
	if on.network != nil && on.of == l {
		return nil
	}
	if on.memory == nil {
		on.memory = gpu.NewBounded(c, most)
	}
	if on.network != nil {
		err := on.answers.Close()
		if on.network, on.answers = nil, nil; err != nil {
			return err
		}
	}
	n, err := gpu.LoadAs(on.memory, l.program, l.precision)
	if err == nil {
		on.of, on.network, on.answers = l, n, gpu.NewAnswerer(n)
	}
	return err
}

// cardInUse is a network for a card, as a device of obe's: once it has failed it is asked no
// more.
type cardInUse struct {
	card      *card.Card
	of        loaded
	most      int64
	precision incremental.Precision // that it has
	mu        sync.Mutex
	failed    error
	say       func(err error)
}

// put has the network lie on the card; onCard is locked.
func (c *cardInUse) put() error {
	if err := put(c.card, c.of, c.most); err != nil {
		return &incremental.DeviceError{Err: err}
	}
	return nil
}

// Update implements obe.Device.
func (c *cardInUse) Update(ctx context.Context, base []float32, changes incremental.Changes, opt incremental.Options, emit func(i int, r incremental.Results) error) error {
	c.mu.Lock()
	failed := c.failed
	c.mu.Unlock()
	if failed != nil {
		return failed
	}
	onCard.Lock()
	defer onCard.Unlock()
	if err := c.put(); err != nil {
		return err
	}
	return onCard.answers.Update(ctx, base, changes, opt, emit)
}

// Precision implements obe.Device and orv.Device.
func (c *cardInUse) Precision() incremental.Precision { return c.precision }

// Follow implements orv.Device.
func (c *cardInUse) Follow(opt incremental.StreamOptions) (orv.Follower, error) {
	onCard.Lock()
	defer onCard.Unlock()
	if err := c.put(); err != nil {
		return nil, err
	}
	return gpu.NewStream(onCard.network, opt)
}

// fail says once that the processors take over.
func (c *cardInUse) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed == nil {
		c.failed = err
		c.say(err)
	}
}

var (
	_ obe.Device = (*cardInUse)(nil)
	_ orv.Device = (*cardInUse)(nil)
)

// refuse is why there can be no card; with auto it is said, and processors go on.
func (o *deviceOptions) refuse(say deviceNotes, kind failure.Kind, why error) error {
	if o.device == onAuto {
		o.onCPU(say, why)
		return nil
	}
	return failure.As(kind, fmt.Errorf("--device gpu: %w", why))
}

// compared fails where no card's bits could be compared with this machine's.
func (o *deviceOptions) compared(s *settings, say deviceNotes) error {
	k, _, err := s.kernels()
	if err == nil && k.Name == "generic" && o.precision == incremental.FP32 {
		err = o.refuse(say, failure.Unavailable, fmt.Errorf("a card has the bits of the kernels avx2, avx512 and neon, and this machine computes by %s", k.Name))
	}
	return err
}

// opens opens the card, and says what plans must be able to do for it: nothing where there is
// none and auto is asked for.
func (o *deviceOptions) opens(s *settings, say deviceNotes) (more func(*model.Need), err error) {
	if err := o.compared(s, say); err != nil || o.device == onCPU {
		return nil, err
	}
	if _, err := cards(); err != nil {
		return nil, o.refuse(say, failure.Unavailable, err)
	}
	return needs(o.precision), nil
}

// needs adds what a card needs of plans, for products of a precision. Tensor cores compute plain sums.
func needs(p incremental.Precision) func(*model.Need) {
	return func(n *model.Need) { n.Program, n.Direct = true, n.Direct || p != incremental.FP32 }
}

// fits fails where a map is none that cards compute.
func (o *deviceOptions) fits(q *explain.Question, say deviceNotes) error {
	if o.device == onCPU {
		return nil
	}
	if err := q.Check(); err != nil {
		return hinted(err)
	}
	if q.GivesUp() {
		return o.refuse(say, failure.Usage, fmt.Errorf("a card computes only maps that give nothing up: say --mode exact, and no --precision but %s", precisionsOfCards))
	}
	return nil
}

// wants is opens for a map.
func (o *deviceOptions) wants(s *settings, q *explain.Question, say deviceNotes) (more func(*model.Need), err error) {
	if err := o.fits(q, say); err != nil || o.device == onCPU {
		return nil, err
	}
	return o.opens(s, say)
}

// use puts a model's program on the card. It is nil where auto does without.
func (o *deviceOptions) use(m *model.Model, say deviceNotes) (*cardInUse, error) {
	c, err := cards()
	if err != nil {
		return nil, err
	}
	most := c.Available / 10 * 9
	if o.memory != "" {
		if most, err = limits.ParseBytes(o.memory); err != nil {
			return nil, failure.Usagef("--gpu-memory: %w", err)
		}
	}
	use := &cardInUse{card: c, of: loaded{m.Program, o.precision}, most: most}
	onCard.Lock()
	defer onCard.Unlock()
	err = put(c, use.of, most)
	switch {
	case err != nil && o.device == onAuto:
		o.onCPU(say, hinted(err))
		return nil, nil
	case err != nil && errors.Is(err, gpu.ErrMemory):
		return nil, failure.As(failure.Temporary, fmt.Errorf("--device gpu: %w", hinted(err)))
	case err != nil && errors.Is(err, gpu.ErrUnsupported):
		return nil, failure.As(failure.Usage, fmt.Errorf("--device gpu: %w", err))
	case err != nil:
		return nil, failure.As(failure.Unavailable, fmt.Errorf("--device gpu: %s: %w", c.Name, err))
	}
	use.precision = onCard.network.Precision()
	o.takes(use.precision, say)
	use.say = func(err error) {
		say.note(fmt.Sprintf("--device auto: %s failed, and this machine's processors take over with the same answer: %v", c.Name, err))
	}
	return use, nil
}

// takes says so if a network has another precision than was asked for.
func (o *deviceOptions) takes(p incremental.Precision, say deviceNotes) {
	if p != o.precision {
		say.note(fmt.Sprintf("--precision %s: no layer of this network takes it: %s is taken", o.precision, p))
	}
}

// rehearse makes the job of a dry run, which opens no card, but finds out what would be refused
// whatever the card is. With auto it is a job of processors.
func (o *deviceOptions) rehearse(ctx context.Context, s *settings, mo *modelOptions, q explain.Question, h explain.Host, say deviceNotes) (*explain.Job, error) {
	if o.device == onAuto && !card.Built {
		if _, err := otherProgram(); err != nil {
			o.onCPU(say, errNoProgram)
		}
	}
	if err := o.fits(&q, say); err != nil {
		return nil, err
	}
	if o.device != onCPU {
		if err := o.compared(s, say); err != nil {
			return nil, err
		}
	}
	if o.device == onCPU {
		return prepare(ctx, s, mo, q, h, nil, nil)
	}
	job, err := prepare(ctx, s, mo, q, h, needs(o.precision), func(m *model.Model, _ *explain.Host) error {
		need, err := gpu.Needs(m.Program, o.precision, region.Rect{})
		if err != nil {
			return o.refuse(say, failure.Usage, err)
		}
		o.takes(need.Precision, say)
		o.rehearsed = m.Program
		return nil
	})
	if err != nil || o.device == onGPU {
		return job, err
	}
	return prepare(ctx, s, mo, q, h, nil, nil)
}

// estimate says what a map would take of a card, nothing where none is asked for.
func (o *deviceOptions) estimate(c explain.Cost) (string, error) {
	if o.rehearsed == nil {
		return "", nil
	}
	need, err := gpu.Needs(o.rehearsed, o.precision, c.At)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("on a card: weights %s, views %s, one position %s; how long it takes there is not known, as no card has been measured\n", size(need.Weights), size(need.Views), size(need.Change))
	if o.memory == "" {
		return text, nil
	}
	most, err := limits.ParseBytes(o.memory)
	if err == nil && need.Weights+need.Views+need.Change > most {
		text += fmt.Sprintf("that is more than --gpu-memory %s: it would be refused\n", o.memory)
	}
	return text, err
}

// size writes how much memory something takes.
func size(bytes int64) string {
	if bytes >= 10<<20 {
		return fmt.Sprintf("%d MiB", (bytes+1<<20-1)>>20)
	}
	return fmt.Sprintf("%d KiB", (bytes+1<<10-1)>>10)
}

// prepare makes the job of a question with the device that is asked for; a dry run needs none.
func (o *deviceOptions) prepare(ctx context.Context, s *settings, mo *modelOptions, q explain.Question, h explain.Host, dry bool, say deviceNotes) (*explain.Job, error) {
	if err := o.takePrecision(&q.Approximate); err != nil {
		return nil, err
	}
	if dry {
		return o.rehearse(ctx, s, mo, q, h, say)
	}
	more, err := o.wants(s, &q, say)
	if err != nil {
		return nil, err
	}
	var on *cardInUse
	job, err := prepare(ctx, s, mo, q, h, more, func(m *model.Model, h *explain.Host) (err error) {
		if m.Program == nil {
			return nil
		}
		if on, err = o.use(m, say); err != nil || on == nil {
			return err
		}
		h.Device, h.DeviceName = on, on.card.Name
		if o.device == onAuto {
			h.Failed = on.fail
		}
		return nil
	})
	if err != nil || more == nil || o.device == onGPU {
		return job, err
	}
	if on != nil {
		cpu, gpu, err := on.predicted(ctx, job)
		if err != nil {
			return nil, err
		}
		if gpu < cpu {
			say.note(fmt.Sprintf("--device auto: on %s (guessed to take %s there, and predicted to take %s on this machine's processors)", on.card.Name, roughly(gpu), roughly(cpu)))
			return job, nil
		}
		o.onCPU(say, fmt.Errorf("predicted to take %s, and guessed to take %s on %s", roughly(cpu), roughly(gpu), on.card.Name))
	}
	return prepare(ctx, s, mo, q, h, nil, nil) // in the way that is fastest there
}

// deviceNotes tells on standard error where maps are computed.
type deviceNotes struct {
	io    streams
	quiet bool
}

func (n deviceNotes) note(text string) {
	if !n.quiet {
		fmt.Fprintf(n.io.err, "krypton: %s\n", printable(text))
	}
}

// predicted is how long the processors and the card are expected to take for a picture. The
// card's rate is guessed, the processors' measured.
func (c *cardInUse) predicted(ctx context.Context, job *explain.Job) (cpu, gpu time.Duration, err error) {
	costs, err := job.Costs(nil)
	if err != nil {
		return 0, 0, err
	}
	spent := int64(0)
	for _, one := range costs {
		spent += one.Spent
	}
	p, err := measurePicture(ctx, job, costs[0].Map)
	if err != nil {
		return 0, 0, err
	}
	grid := costs[0].Grid
	exact := grid.Count(job.Model().Plan, nil, grid.Len()) // what was predicted
	cpu = p.Views + time.Duration(float64(p.Map)*float64(spent)/float64(max(1, exact)))
	// The clean run, and then chunks, are a launch of each step.
	launches := float64(len(job.Model().Program.Steps)) * float64(2+job.Positions()/256)
	return cpu, time.Duration(float64(spent)/c.card.Rate()*1e9) + time.Duration(launches*float64(launchTime)), nil
}

// measurePicture is how long the processors take for a picture; tests say so themselves.
var measurePicture = func(ctx context.Context, job *explain.Job, m explain.Map) (obe.Prediction, error) {
	return job.Predict(ctx, m, predictFor)
}

const (
	predictFor = 100 * time.Millisecond
	launchTime = 5 * time.Microsecond
)
