package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"krypton/internal/batch"
	"krypton/internal/failure"
	"krypton/internal/flagvalue"
	"krypton/internal/inputs"
	"krypton/internal/limits"
	"krypton/internal/model"
	"krypton/internal/regular"
)

// settings are a command's flags, each from the first of: the command line,
// KRYPTON_* in the environment, a configuration file, the model's own YAML
// file (for the keys that concern a model), the metadata of the model, the default.
type settings struct {
	v     *viper.Viper
	flags *pflag.FlagSet
	file  string         // the configuration file that was read, if any
	model map[string]any // of the model's own file
	// metadata says, for the settings that an exporter made by the metadata of the
	// model's file or beside it, where; notes are what there is to say of them.
	metadata map[string]string
	notes    []string
	// bound is the mapping bind of the configuration file, as --bind has it.
	bound []string
	// inputs are the files that are read: also those of a batch's other items.
	inputs *inputs.Set
}

func addGlobalFlags(f *pflag.FlagSet) {
	f.String("config", "", "configuration `file` (default krypton.yaml here, then in the user's configuration folder)")
	f.Bool("print-config", false, "print every setting with where it comes from, and stop")
	f.BoolP("quiet", "q", false, "print nothing but errors and results")
	f.Int("threads", 0, "number of `cores` to use (default: the least of what the scheduler, the control groups and the affinity of the process allow; krypton env shows them)")
	f.String("memory", "", "`limit` for the memory of the process, such as 2GiB (default: the least of half of what the machine has and 90 % of what control groups, resource limits and the scheduler allow; krypton env shows them)")
	f.String("kernels", "auto", "kernel `set`: auto, avx512, avx2, neon or generic; with ,direct or as direct without Winograd's convolutions")
}

// loadSettings reads environment and configuration file for cmd, whose flags must have
// values that they take.
func loadSettings(cmd *cobra.Command) (*settings, error) {
	s, err := loadSettingsOf(cmd.Flags())
	if err == nil {
		err = s.valid()
	}
	tellMisspelt(cmd)
	return s, err
}

// tellMisspelt says which variables of the environment were perhaps meant for settings, but
// under --quiet.
func tellMisspelt(cmd *cobra.Command) {
	if quiet, _ := cmd.Flags().GetBool("quiet"); quiet {
		return
	}
	for _, m := range misspelt(os.Environ()) {
		fmt.Fprintf(cmd.ErrOrStderr(), "krypton: note: %s in the environment is no setting and is not read; did you mean %s?\n", m[0], m[1])
	}
}

// misspelt gives variables that are no settings, but one slip away from a setting's, with that
// one: a job that sets KRYPTON_STIDE would go on with another stride and not tell. All others
// are left alone: a cluster has variables of its own for a service called krypton.
func misspelt(environment []string) (found [][2]string) {
	var names []string // of settings' variables, once one is asked for
	for _, e := range environment {
		name, value, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, envName("")) || value == "" || name == batch.ShardCount {
			continue
		}
		if names == nil {
			for _, setting := range settingNames() {
				names = append(names, envName(setting))
			}
		}
		if slices.Contains(names, name) {
			continue
		}
		if i := slices.IndexFunc(names, func(n string) bool { return slip(name, n) }); i >= 0 {
			found = append(found, [2]string{name, names[i]})
		}
	}
	return found
}

// settingNames are the names of the flags of all commands.
func settingNames() (names []string) {
	var add func(cmd *cobra.Command)
	add = func(cmd *cobra.Command) {
		for _, flags := range []*pflag.FlagSet{cmd.PersistentFlags(), cmd.Flags()} {
			flags.VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		}
		for _, sub := range cmd.Commands() {
			add(sub)
		}
	}
	add(newRoot(streams{}))
	slices.Sort(names)
	return slices.Compact(names)
}

// slip says whether a letter that is left out, put in or another, or two in the wrong order,
// make one word of the other.
func slip(a, b string) bool {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

// valid says what is wrong with the texts of patient flags.
func (s *settings) valid() error {
	var err error
	s.flags.Visit(func(f *pflag.Flag) {
		if e := flagvalue.Wrong(f.Value); e != nil && err == nil {
			err = flagError(f.Name, e)
		}
	})
	return err
}

// loadSettingsOf reads environment and configuration file for a command's flags.
func loadSettingsOf(flags *pflag.FlagSet) (*settings, error) {
	s := &settings{v: viper.New(), flags: flags, inputs: &inputs.Set{}}
	s.v.SetEnvPrefix("KRYPTON")
	s.v.SetEnvKeyReplacer(strings.NewReplacer("-", "_"))
	s.v.AutomaticEnv()
	if err := s.v.BindPFlags(s.flags); err != nil {
		return nil, err
	}
	path, explicit := s.v.GetString("config"), true
	if path == "" {
		explicit = false
		candidates := []string{"krypton.yaml"}
		if dir, err := os.UserConfigDir(); err == nil {
			candidates = append(candidates, filepath.Join(dir, "krypton", "krypton.yaml"))
		}
		for _, c := range candidates {
			if i, err := os.Stat(c); err == nil && i.Mode().IsRegular() {
				path = c
				break
			}
		}
	}
	if path != "" {
		data, err := regular.ReadSmall(path)
		if err != nil {
			if explicit && errors.Is(err, os.ErrNotExist) {
				return nil, failure.Missingf("configuration file %s: %w", path, err)
			}
			return nil, failure.Usagef("configuration file %s: %w", path, err)
		}
		s.v.SetConfigType("yaml")
		if err := s.v.ReadConfig(strings.NewReader(string(data))); err != nil {
			return nil, failure.Usagef("configuration file %s: %w", path, model.YAMLError(err))
		}
		if err := s.checkFile(data); err != nil {
			return nil, failure.Usagef("configuration file %s: %w", path, err)
		}
		s.file = path
	}
	// Values from environment and file are parsed as the flag's own type, so
	// that KRYPTON_THREADS=many is an error and not zero.
	var err error
	s.flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || err != nil || !s.v.IsSet(f.Name) || flagvalue.IsAlias(f) {
			return
		}
		for _, value := range s.strings(f) {
			e := f.Value.Set(value)
			if e == nil {
				e = flagvalue.Wrong(f.Value)
			}
			if err = flagError(f.Name, e); e != nil && err == nil {
				err = failure.Usagef("%s: setting %q: want %s, found %q", s.origin(f.Name), f.Name, flagvalue.Wanted(f), value)
			}
		}
	})
	s.inputs.Add(s.file)
	addInputs(s.inputs, s.flags)
	return s, err
}

// checkFile refuses settings that no command has, and values that are none. Those of
// other commands than the one that runs are theirs to read.
func (s *settings) checkFile(data []byte) error {
	var values map[string]any
	if err := yaml.Unmarshal(data, &values); err != nil {
		return model.YAMLError(err)
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if inputs, ok := values[name].(map[string]any); ok && strings.EqualFold(name, "bind") {
			for _, input := range slices.Sorted(maps.Keys(inputs)) {
				s.bound = append(s.bound, input+"="+model.BindText(inputs[input]))
			}
			continue
		}
		f := s.flags.Lookup(strings.ToLower(name)) // as package viper compares names
		if f != nil && flagvalue.IsAlias(f) {
			if _, number := values[name].(int); number && f.Value.Type() == "int" {
				return fmt.Errorf("setting %q is another command's: this command's is %q", name, flagvalue.AliasOf(f))
			}
			continue
		}
		if f == nil {
			if !slices.Contains(settingNames(), strings.ToLower(name)) {
				return fmt.Errorf("unknown setting %q", name)
			}
			continue
		}
		found := flagvalue.Kind(values[name])
		if list, ok := values[name].([]any); ok {
			if _, several := f.Value.(pflag.SliceValue); several {
				found = ""
				for _, v := range list {
					found = cmp.Or(found, flagvalue.Kind(v))
				}
			}
		}
		if found != "" {
			return fmt.Errorf("setting %q: want %s, found %s", name, flagvalue.Wanted(f), found)
		}
	}
	return nil
}

// strings gives a setting's value as the text or texts that its flag would be
// given.
func (s *settings) strings(f *pflag.Flag) []string {
	if _, env := os.LookupEnv(envName(f.Name)); f.Name == "bind" && s.bound != nil && !env {
		return s.bound
	}
	if _, ok := f.Value.(pflag.SliceValue); ok {
		return s.v.GetStringSlice(f.Name)
	}
	return []string{s.v.GetString(f.Name)}
}

// given says whether a setting was made by flag, environment or file.
func (s *settings) given(key string) bool { return s.flags.Changed(key) || s.v.IsSet(key) }

// envName is the variable of the environment that stands for a setting.
func envName(key string) string {
	return "KRYPTON_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// origin says where a setting comes from.
func (s *settings) origin(key string) string {
	switch env := envName(key); {
	case s.flags.Changed(key):
		return "flag --" + key
	case os.Getenv(env) != "":
		return "environment " + env
	case s.v.InConfig(key):
		return "file " + s.file
	case s.model[key] != nil:
		return "model file"
	case strings.HasPrefix(s.metadata[key], "metadata "):
		return "model " + s.metadata[key]
	case s.metadata[key] != "":
		return s.metadata[key]
	}
	return "default"
}

// print writes every setting with its origin.
func (s *settings) print(w io.Writer) error {
	var lines []string
	s.flags.VisitAll(func(f *pflag.Flag) {
		if f.Name != "help" && f.Name != "print-config" {
			lines = append(lines, fmt.Sprintf("%s: %s  # %s", f.Name, strconv.Quote(f.Value.String()), s.origin(f.Name)))
		}
	})
	sort.Strings(lines)
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	return err
}

// threads is the number of workers: flag, environment and file first, then the
// least of what system and scheduler allow.
func (s *settings) threads() (n int, from string, err error) {
	if s.given("threads") {
		n, err = s.flags.GetInt("threads")
		if err == nil && (n < 1 || n > limits.MaxProcessors) {
			err = failure.Usagef("--threads is %d: want 1 to %d", n, limits.MaxProcessors)
		}
		return n, s.origin("threads"), err
	}
	least := limits.This().Processors()[0]
	return int(least.N), least.From, nil
}

// memory is the limit for the memory of the process in bytes.
func (s *settings) memory() (int64, error) {
	n, _, err := s.memoryFrom()
	return n, err
}

// memoryFrom is memory, and where it comes from: flag, environment and file first,
// then the least of what system and scheduler allow.
func (s *settings) memoryFrom() (n int64, from string, err error) {
	text, err := s.flags.GetString("memory")
	if err != nil {
		return 0, "", err
	}
	if text == "" {
		least := limits.This().Memory()[0]
		return least.N, least.From, nil
	}
	if n, err = limits.ParseBytes(text); err != nil {
		return 0, "", failure.Usagef("--memory: %w", err)
	}
	return n, s.origin("memory"), nil
}
