package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"krypton/internal/catalogue"
	"krypton/internal/failure"
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
			return nil, failure.As(failure.Usage, unknownModel(public, name))
		}
		list = append(list, m)
	}
	return list, nil
}

// unknownModel says that no model has a name, and which ones have it in theirs.
func unknownModel(public *catalogue.Catalogue, name string) error {
	return fmt.Errorf("no model is called %q%s (krypton model list shows all)", name, suggestion(name, public.Names()))
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

// couldBeName says whether text is rather a model's name than a path.
func couldBeName(text string) bool {
	return text != "" && !strings.ContainsAny(text, `/\`) && !strings.HasSuffix(text, ".onnx")
}
