package main

import (
	"errors"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"krypton/internal/catalogue"
	"krypton/internal/failure"
	"krypton/internal/model"
	"krypton/models"
)

// zoo gives the catalogue of models that can be pulled; tests replace it.
var zoo = models.Zoo

func publicModels() (*catalogue.Catalogue, error) { return catalogue.Parse(zoo()) }

func addCacheFlag(f *pflag.FlagSet, dir *string) {
	f.StringVar(dir, "cache", "", "`folder` of pulled models (default: krypton in the user's cache folder)")
}

// modelNames completes names of public models.
func modelNames(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	public, err := publicModels()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return public.Names(), cobra.ShellCompDirectiveNoFileComp
}

// named finds public models by their names, all or none.
func named(public *catalogue.Catalogue, names []string) ([]*catalogue.Model, error) {
	var list []*catalogue.Model
	for _, name := range names {
		m, ok := public.Lookup(name)
		if !ok {
			if _, builtin := models.Lookup(name); builtin {
				return nil, failure.Usagef("model %s is built in: nothing is pulled or removed", name)
			}
			return nil, hinted(failure.As(failure.Usage, model.Unknown(public, name)))
		}
		list = append(list, m)
	}
	return list, nil
}

// cacheError gives the cache's errors their kinds.
func cacheError(err error) error {
	var e *catalogue.Error
	if !errors.As(err, &e) {
		return err
	}
	kind := failure.Temporary
	switch e.Kind {
	case catalogue.Missing:
		kind = failure.Missing
	case catalogue.Wrong:
		kind = failure.Data
	case catalogue.Storage:
		kind = failure.CantCreate
	}
	return failure.As(kind, err)
}
