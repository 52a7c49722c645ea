package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"krypton/internal/environment"
	"krypton/internal/failure"
	"krypton/internal/interrupt"
	"krypton/internal/labels"
)

// version is set by the linker for releases. Else it is that of the module, as go install
// gives it, or the revision that the files were built from.
var version = "dev"

func init() {
	if info, ok := debug.ReadBuildInfo(); ok && version == "dev" {
		version = environment.BuiltFrom(info)
	}
}

// streams are the command's input and outputs, so that tests can replace them.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// run executes one command line and returns its exit code. Before work has begun it
// does not wait for what a signal should have stopped.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// Nearly all memory is weights and views, which hold no pointers and are
	// made once: collecting early costs little and keeps the peak low.
	debug.SetGCPercent(25)
	ctx, stop := signalContext(stderr)
	defer stop()
	ctx, begun := withPhase(ctx)
	code := make(chan int, 1)
	go func() { code <- execute(ctx, args, streams{stdin, interrupt.Writer{Context: ctx, To: stdout}, stderr}) }()
	select {
	case c := <-code:
		return c
	case <-ctx.Done():
	}
	select {
	case c := <-code:
		return c
	case <-time.After(interrupt.Grace):
	}
	if begun.Load() {
		return <-code
	}
	cause := context.Cause(ctx)
	fmt.Fprintf(stderr, "krypton: %s\n", cause)
	return exitCode(cause)
}

// phaseKey is where a command's context says how far the command is.
type phaseKey struct{}

// withPhase lets workBegins say that outputs are open from now on.
func withPhase(ctx context.Context) (_ context.Context, begun *atomic.Bool) {
	begun = new(atomic.Bool)
	return context.WithValue(ctx, phaseKey{}, begun), begun
}

// workBegins says that there is something to put in order before the process ends:
// until then a signal ends it at once, whatever it waits for or computes.
func workBegins(ctx context.Context) {
	if begun, ok := ctx.Value(phaseKey{}).(*atomic.Bool); ok {
		begun.Store(true)
	}
}

// execute runs a command until it ends.
func execute(ctx context.Context, args []string, io streams) (code int) {
	stderr := io.err
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(stderr, "krypton: internal error: %v\nThis is a bug in krypton %s; please report it with what follows.\n%s", r, version, debug.Stack())
			code = exitFailure
		}
	}()
	root := newRoot(io)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if other := ended(0); errors.As(err, &other) {
		return int(other)
	}
	if err != nil {
		err = signalled(ctx, err)
		if interrupt.ReaderLeft(err) {
			return exitCode(err) // the reader of our output has left: nobody is there to be told
		}
		fmt.Fprintf(stderr, "krypton: %s\n", printable(hinted(err).Error()))
	}
	return exitCode(err)
}

// signalled is the signal that stopped a command, if one did, and err otherwise.
func signalled(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && cause != nil && errors.As(cause, new(interrupt.Signal)) {
		return cause
	}
	return err
}

// printable makes text from outside safe to print. Newlines of our own messages stay.
func printable(s string) string { return labels.Printable(s) }

// signalContext is cancelled by the first SIGINT or SIGTERM; a second one ends
// the program at once.
func signalContext(stderr io.Writer) (context.Context, func()) {
	return interrupt.Signals(func(by interrupt.Signal) {
		fmt.Fprintf(stderr, "krypton: %v: stopping; once more to stop at once\n", by)
	}, func(by interrupt.Signal) { os.Exit(exitCode(by)) })
}

func newRoot(io streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "krypton",
		Short: "Occlusion heatmaps and video recognition with convolutional networks, incrementally",
		Long: `Krypton makes convolutional networks answer many nearly equal questions fast.

It runs a network once, keeps every layer's output, and for each change of the
input recomputes only what the change can reach: thousands of occlusion runs for
the price of a few hundred, and bit for bit the same answers.`,
		Example: `  krypton obe                                   a heatmap from the built-in model and picture
  krypton obe photo.jpg --model resnet.onnx     explain a photo with your own model
  krypton model info resnet.onnx --patch 16     what a model contains, and what a patch would cost`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetIn(io.in)
	root.SetOut(io.out)
	root.SetErr(io.err)
	root.SetVersionTemplate(fmt.Sprintf("krypton %s %s %s/%s\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH))
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		var invalid *pflag.InvalidValueError
		if errors.As(err, &invalid) {
			if err := flagError(invalid.GetFlag().Name, err); err != nil {
				return err
			}
		}
		return failure.Usagef("%w (see '%s --help')", err, cmd.CommandPath())
	})
	addGlobalFlags(root.PersistentFlags())
	root.AddCommand(newOBE(io), newModel(io), newInspect(io), newBench(io), newTune(io), newScore(io), newORV(io), newServe(io), newMerge(io), newEnv(io), newMan(io))
	root.CompletionOptions.HiddenDefaultCmd = false
	markUsage(root)
	return root
}

// markUsage lets argument errors of every command exit as usage errors.
func markUsage(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(c *cobra.Command, args []string) error { return failure.As(failure.Usage, check(c, args)) }
	}
	for _, sub := range cmd.Commands() {
		markUsage(sub)
	}
}
