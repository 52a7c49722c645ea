package main

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"krypton/internal/catalogue"
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
