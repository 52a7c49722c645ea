package main

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"krypton/internal/environment"
	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/imagein"
	"krypton/internal/interrupt"
	"krypton/internal/model"
	"krypton/internal/serve"
)

// serveOptions are the flags of `krypton serve` (the models' are in modelOptions).
type serveOptions struct {
	models    servedNames
	listen    string
	hosts     []string
	cert, key string
	insecure  bool
	open      bool
	maxPixels int64
}

// servedNames is a flag that may be said several times, and stands for one model each
// time.
type servedNames []string

func (m *servedNames) String() string { return strings.Join(*m, "\n") }
func (m *servedNames) Type() string   { return "file" }
func (m *servedNames) Set(name string) error {
	*m = append(*m, name)
	return nil
}

func (o *serveOptions) addFlags(f *pflag.FlagSet) {
	f.VarP(&o.models, "model", "m", "ONNX `file`, or the name of a model (krypton model list; default: the built-in one); several are shown side by side")
	f.StringVar(&o.listen, "listen", "127.0.0.1:0", "`address` to listen at; port 0 is any that is free")
	f.StringSliceVar(&o.hosts, "host", nil, "`names`, besides the address itself, under which browsers reach the server")
	f.StringVar(&o.cert, "tls-cert", "", "`file` of the certificate (PEM), with --tls-key")
	f.StringVar(&o.key, "tls-key", "", "`file` of the certificate's key (PEM)")
	f.BoolVar(&o.insecure, "insecure", false, "listen without TLS at an address that other machines can reach: pictures and token can be read on the way")
	f.BoolVar(&o.open, "open", false, "open the page in the browser")
	f.Int64Var(&o.maxPixels, "max-pixels", imagein.DefaultLimits.MaxPixels, "largest picture that is read, in pixels")
}

func newServe(io streams) *cobra.Command {
	var o serveOptions
	var m modelOptions
	cmd := &cobra.Command{
		Use:   "serve [FOLDER]",
		Short: "Show explanations in a browser: maps that grow while one looks",
		Long: `Serve a page on this machine that explains predictions: choose a picture of FOLDER
or drop one, see what the model says, and watch the map grow from coarse to fine;
look closer at a part, change class, patch, stride, fill and colours, compare two
pictures, two models, or the exact map with an approximate one; download what obe
writes, and the command line that repeats it. Nothing is fetched from the network.

What is printed is the address with a token: whoever has it can use the page. Only
this machine can reach it, unless --listen says otherwise.` + exitHelp,
		Example: `  krypton serve
  krypton serve photos/ --model squeezenet.onnx --preset caffe --labels labels.txt --open
  krypton serve scans/ --model old.onnx --model new.onnx`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runServe(cmd, io, &o, args)
		},
	}
	f := pflag.NewFlagSet("model", pflag.ContinueOnError)
	m.addFlags(f)
	f.VisitAll(func(flag *pflag.Flag) {
		if flag.Name != "model" {
			cmd.Flags().AddFlag(flag)
		}
	})
	m.addWindowFlag(cmd.Flags())
	m.addServedWithFlag(cmd.Flags())
	o.addFlags(cmd.Flags())
	return cmd
}

// check refuses what makes no sense, whatever is served.
func (o *serveOptions) check(s *settings) error {
	if (o.cert == "") != (o.key == "") {
		return failure.Usagef("--tls-cert and --tls-key go together")
	}
	if o.maxPixels < 1 {
		return failure.Usagef("--max-pixels is %d, want 1 at least", o.maxPixels)
	}
	names := o.hosts
	if s.given("host") && len(names) == 0 { // what an empty text is read as
		names = []string{""}
	}
	for _, name := range names {
		if name == "" || strings.ContainsAny(name, "/ \t") {
			return failure.Usagef("--host is %q, want the name of a machine", name)
		}
	}
	return nil
}

func runServe(cmd *cobra.Command, io streams, o *serveOptions, args []string) error {
	ctx := cmd.Context()
	s, err := loadSettings(cmd)
	if err != nil {
		return err
	}
	if err := o.check(s); err != nil {
		return err
	}
	opt := serve.Options{Hosts: o.hosts, Certificate: o.cert, Key: o.key, Insecure: o.insecure}
	if opt.Host, err = host(s, o.maxPixels); err != nil {
		return err
	}
	if len(args) > 0 {
		opt.Folder = args[0]
	}
	names := o.models
	if len(names) == 0 {
		names = servedNames{""}
	}
	models := model.NewCache(opt.Host.Memory / 4)
	for _, name := range names {
		m, err := interrupt.Do(ctx, func() (serve.Model, error) { return servedModel(ctx, cmd.Flags(), s, models, name) })
		if err != nil {
			return err
		}
		opt.Models = append(opt.Models, m)
	}
	server, err := interrupt.Do(ctx, func() (*serve.Server, error) { return serve.New(ctx, opt) })
	if err != nil {
		return hinted(err)
	}
	l, err := server.Listen(o.listen)
	if err != nil {
		return hinted(err)
	}
	workBegins(ctx)
	return show(ctx, io, o, server, l)
}

// show tells the address and serves until a signal comes.
func show(ctx context.Context, io streams, o *serveOptions, server *serve.Server, l net.Listener) error {
	address := server.Address(l)
	if _, err := fmt.Fprintln(io.out, address); err != nil {
		l.Close()
		return err
	}
	if o.open {
		if err := environment.OpenBrowser(server.AddressOnce(l)); err != nil {
			fmt.Fprintf(io.err, "krypton: no browser could be opened: %v\n", err)
		}
	}
	if err := server.Serve(ctx, l); err != nil {
		return err
	}
	return context.Cause(ctx) // what ended it: a signal
}

// servedModel is a model with the settings of the command line. Plans are kept in
// models, for all who ask.
func servedModel(ctx context.Context, flags *pflag.FlagSet, s *settings, models *model.Cache, name string) (serve.Model, error) {
	m := modelOptions{models: models, later: true}
	own, err := settingsWith(flags, s.inputs, map[string]string{"model": name}, func(f *pflag.FlagSet) {
		m.addFlags(f)
		m.addWindowFlag(f)
		m.addServedWithFlag(f)
	})
	if err != nil {
		return serve.Model{}, err
	}
	n, err := m.loaded(ctx, own)
	if err != nil {
		return serve.Model{}, err
	}
	with, err := m.withs()
	if err != nil {
		return serve.Model{}, hinted(err)
	}
	unwindowed := m // frames have no numbers but 0 to 255
	unwindowed.view = imagein.View{}
	served := serve.Model{
		Name: n.File.Name, Flags: modelArguments(flags, name), WatchFlags: modelArguments(flags, name), With: with, View: m.view,
		Make: func(ctx context.Context, q *explain.Question, view imagein.View) (*model.Model, error) {
			if err := q.CheckFor(n.File); err != nil {
				return nil, err
			}
			o := m
			if view != (imagein.View{}) {
				o.view = view
			}
			return o.prepare(ctx, own, n, q.Need(n))
		},
		Watch: func(ctx context.Context) (*model.Model, error) { return unwindowed.prepare(ctx, own, n, model.Need{}) },
	}
	if f := flags.Lookup("window"); f.Changed {
		served.Window = strings.Join(f.Value.(pflag.SliceValue).GetSlice(), ",")
	}
	if len(with) > 0 {
		served.Watch = nil // a video is of one input
	}
	return served, nil
}

// modelArguments are the flags about a model, as they were said, for commands that read
// pictures or videos.
func modelArguments(flags *pflag.FlagSet, name string) []string {
	var args []string
	if name != "" {
		args = append(args, "--model", name)
	}
	known := pflag.NewFlagSet("model", pflag.ContinueOnError)
	var m modelOptions
	m.addFlags(known)
	addGlobalFlags(known)
	flags.Visit(func(f *pflag.Flag) {
		if known.Lookup(f.Name) == nil || f.Name == "model" || f.Name == "quiet" || f.Name == "threads" || f.Name == "memory" {
			return
		}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			for _, v := range list.GetSlice() {
				args = append(args, "--"+f.Name, v)
			}
			return
		}
		args = append(args, "--"+f.Name, f.Value.String())
	})
	return args
}
