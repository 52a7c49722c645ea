package main

import (
	"github.com/spf13/pflag"

	"krypton/internal/failure"
	"krypton/internal/flagvalue"
	"krypton/internal/inputs"
)

// settingsWith makes the settings of an item: those of the command line in flags, but
// for what set says. addFlags adds the command's own flags to a new set.
func settingsWith(flags *pflag.FlagSet, inputs *inputs.Set, set map[string]string, addFlags func(*pflag.FlagSet)) (*settings, error) {
	f := pflag.NewFlagSet("item", pflag.ContinueOnError)
	addGlobalFlags(f)
	addFlags(f)
	var err error
	flags.Visit(func(from *pflag.Flag) {
		if to := f.Lookup(from.Name); to != nil && err == nil {
			err = copyFlag(f, from)
		}
	})
	if err != nil {
		return nil, err
	}
	for name, value := range set {
		if name == "out" || name == "scores" {
			continue // they are names
		}
		err := flagvalue.SetColumn(f, name, value)
		if err == nil {
			err = flagvalue.Wrong(f.Lookup(name).Value)
		}
		if err != nil {
			if err := flagError(name, err); err != nil {
				return nil, err
			}
			return nil, failure.Usagef("%s: %w", name, err)
		}
	}
	s, err := loadSettingsOf(f)
	if err != nil {
		return nil, err
	}
	addInputs(inputs, f)
	s.inputs = inputs
	return s, nil
}

// copyFlag gives a flag of another set the value of one.
func copyFlag(to *pflag.FlagSet, from *pflag.Flag) error {
	list, ok := from.Value.(pflag.SliceValue)
	if !ok {
		return to.Set(from.Name, from.Value.String())
	}
	flag := to.Lookup(from.Name)
	flag.Changed = true
	return flag.Value.(pflag.SliceValue).Replace(list.GetSlice())
}
