package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"krypton/internal/catalogue"
	"krypton/internal/failure"
	"krypton/internal/ui"
)

// pullOptions are the flags of `krypton model pull`.
type pullOptions struct {
	cache   string
	mirrors []string
	offline bool
	retries int
	stall   time.Duration
	timeout time.Duration
	asJSON  bool
}

// pulled is what `model pull --json` prints for each model.
type pulled struct {
	Name    string `json:"name"`
	Path    string `json:"path"`
	Labels  string `json:"labels_path,omitempty"`
	Bytes   int64  `json:"bytes"`
	SHA256  string `json:"sha256"`
	License string `json:"license"`
	Note    string `json:"note,omitempty"`
}

func newModelPull(io streams) *cobra.Command {
	var o pullOptions
	cmd := &cobra.Command{
		Use:   "pull NAME...",
		Short: "Fetch public models, to be used by their names",
		Long: `Fetch models of the ONNX model zoo, with their labels, into a cache; then
--model NAME uses them, prepares pictures as the catalogue says, and names classes.

What comes is compared with the catalogue's size and SHA-256 before it gets a
name. A pull that was broken off is gone on with by the next one. A server that
cannot be reached, fails or stalls is asked again, and ends with code 75 at last.

--mirror names a server that has the zoo's files below the same paths (and labels
below labels/); it is asked instead of the zoo, several in their order.` + exitHelp,
		Example: `  krypton model pull squeezenet1.1
  krypton model pull resnet18-v1 mobilenetv2 --json
  KRYPTON_MIRROR=https://mirror.example.org/zoo krypton model pull vgg16`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: modelNames,
		RunE:              func(cmd *cobra.Command, args []string) error { return runModelPull(cmd, io, &o, args) },
	}
	f := cmd.Flags()
	addCacheFlag(f, &o.cache)
	f.StringSliceVar(&o.mirrors, "mirror", nil, "`address` (http or https) to ask instead of the zoo; may be given several times")
	f.BoolVar(&o.offline, "offline", false, "ask nobody: check that the models are in the cache")
	f.IntVar(&o.retries, "retries", catalogue.DefaultTries-1, "how `often` a server that fails is asked again without getting on")
	f.DurationVar(&o.stall, "stall", catalogue.DefaultStall, "the longest silence of a server, such as 30s; less than 1 KiB a second is silence")
	f.DurationVar(&o.timeout, "timeout", catalogue.DefaultWithin, "the longest `time` for one file; what came stays for the next pull")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object for each model")
	return cmd
}

func runModelPull(cmd *cobra.Command, io streams, o *pullOptions, args []string) error {
	s, err := loadSettings(cmd)
	if err != nil {
		return err
	}
	quiet, err := s.flags.GetBool("quiet")
	if err != nil {
		return err
	}
	_, list, cache, err := namedModels(o.cache, args)
	if err != nil {
		return err
	}
	var mirrors []*url.URL
	for _, text := range o.mirrors {
		u, err := catalogue.ParseMirror(text)
		if err != nil {
			return failure.Usagef("--mirror: %w", err)
		}
		mirrors = append(mirrors, u)
	}
	if o.retries < 0 || o.retries > 1000 {
		return failure.Usagef("--retries is %d: want 0 to 1000", o.retries)
	}
	if o.stall < time.Second || o.timeout < time.Second {
		return failure.Usagef("--stall is %s and --timeout %s: want at least 1s", o.stall, o.timeout)
	}
	p := &puller{io: io, cache: cache, quiet: quiet, fetcher: catalogue.Fetcher{Agent: "krypton/" + version, Mirrors: mirrors, Offline: o.offline,
		Tries: o.retries + 1, Stall: o.stall, Within: o.timeout}}
	var failed error
	done := 0
	for _, m := range list {
		err := p.pull(cmd.Context(), m)
		if err == nil {
			err = p.tell(m, o.asJSON)
			done++
		}
		if err == nil {
			continue
		}
		if cmd.Context().Err() != nil || len(list) == 1 {
			return err
		}
		fmt.Fprintf(io.err, "krypton: %s\n", printable(err.Error()))
		failed = err
	}
	if failed != nil {
		err := fmt.Errorf("%d of %d models were not pulled", len(list)-done, len(list))
		if done > 0 {
			return failure.As(failure.Partial, err)
		}
		return failure.As(failureKind(failed), err)
	}
	return nil
}

// puller fetches models one after another.
type puller struct {
	io      streams
	cache   *catalogue.Cache
	fetcher catalogue.Fetcher
	quiet   bool
}

// pull fetches a model, then its labels: without them it can be used, too.
func (p *puller) pull(ctx context.Context, m *catalogue.Model) error {
	if err := p.fetch(ctx, "model "+m.Name, m.File); err != nil {
		return err
	}
	if m.LabelFile == nil {
		return nil
	}
	return p.fetch(ctx, "labels of model "+m.Name, *m.LabelFile)
}

func (p *puller) fetch(ctx context.Context, what string, file catalogue.File) error {
	f := p.fetcher
	progress := ui.NewBytes(p.io.err, ui.StyleFor(p.io.err, p.quiet), what, int(file.Size))
	f.Progress = func(done int64) { progress.Set(int(done)) }
	f.Note = func(text string) {
		if !p.quiet {
			fmt.Fprintf(p.io.err, "krypton: %s\n", printable(text))
		}
	}
	err := f.Fetch(ctx, p.cache, what, file)
	progress.Finish()
	return hinted(err)
}

// tell says what was pulled.
func (p *puller) tell(m *catalogue.Model, asJSON bool) error {
	path := p.cache.Path(m.File)
	if asJSON {
		r := pulled{Name: m.Name, Path: path, Bytes: m.File.Size, SHA256: m.File.SHA256, License: m.License, Note: m.Note}
		if m.LabelFile != nil {
			r.Labels = p.cache.Path(*m.LabelFile)
		}
		return json.NewEncoder(p.io.out).Encode(r)
	}
	if p.quiet {
		return nil
	}
	note := ""
	if m.Note != "" {
		note = "\nnote: " + m.Note
	}
	_, err := fmt.Fprintf(p.io.err, "%s: %s, %s, in %s%s\n", m.Name, ui.Size(m.File.Size), m.License, printable(path), note)
	return err
}
