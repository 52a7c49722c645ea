package main

import (
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

// namedModels finds the public models of these names, all or none, and opens the
// cache that they lie in, the user's own where dir is empty.
func namedModels(dir string, names []string) (*catalogue.Catalogue, []*catalogue.Model, *catalogue.Cache, error) {
	public, err := publicModels()
	if err != nil {
		return nil, nil, nil, err
	}
	list, err := model.Named(public, names)
	if err != nil {
		return nil, nil, nil, err
	}
	cache, err := catalogue.OpenCache(dir)
	if err != nil {
		return nil, nil, nil, failure.As(failure.CantCreate, err)
	}
	return public, list, cache, nil
}

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
