package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"krypton/internal/catalogue"
	"krypton/internal/ui"
	"krypton/models"
)

// listed is a model in `model list --json`.
type listed struct {
	Name        string `json:"name"`
	State       string `json:"state"` // built-in, pulled, partial or public
	Kind        string `json:"kind"`
	Form        string `json:"form,omitempty"`
	Bytes       int64  `json:"bytes"`
	Pulled      int64  `json:"bytes_pulled"`
	Opset       int    `json:"opset,omitempty"`
	License     string `json:"license,omitempty"`
	SHA256      string `json:"sha256"`
	Address     string `json:"address,omitempty"`
	Path        string `json:"path,omitempty"` // of a pulled one
	Description string `json:"description"`
	Note        string `json:"note,omitempty"`
}

func newModelList(io streams) *cobra.Command {
	var dir string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the models that have names",
		Long: `List the built-in models, the default one first, then the public ones that krypton
model pull fetches. STATE is built-in; pulled, if --model can use it; partial, if a
pull was broken off; public otherwise.` + exitHelp,
		Args:    cobra.NoArgs,
		Example: "  krypton model list\n  krypton model list --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := loadSettings(cmd); err != nil {
				return err
			}
			list, err := listModels(dir)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(io.out).Encode(list)
			}
			w := tabwriter.NewWriter(io.out, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "NAME\tSTATE\tSIZE\tLICENSE\tDESCRIPTION")
			for _, m := range list {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", m.Name, m.State, ui.Size(m.Bytes), m.License, m.Description)
			}
			return w.Flush() // a tabwriter keeps the first error
		},
	}
	addCacheFlag(cmd.Flags(), &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array of objects")
	return cmd
}

// listModels is every model that has a name. Without a place for a cache nothing
// is pulled.
func listModels(dir string) ([]listed, error) {
	var list []listed
	for _, e := range models.List() {
		sum := sha256.Sum256(e.Model)
		n := int64(len(e.Model))
		list = append(list, listed{Name: e.Name, State: "built-in", Kind: "classifier", Bytes: n, Pulled: n, License: "built in", SHA256: hex.EncodeToString(sum[:]), Description: e.Description})
	}
	public, err := publicModels()
	if err != nil {
		return nil, err
	}
	cache, cacheErr := catalogue.OpenCache(dir)
	for _, m := range public.Models {
		l := listed{Name: m.Name, State: "public", Kind: m.Kind, Form: m.Form, Bytes: m.File.Size, Opset: m.Opset, License: m.License,
			SHA256: m.File.SHA256, Address: m.File.Address, Description: m.Description, Note: m.Note}
		switch {
		case cacheErr != nil:
		case cache.Has(m.File):
			l.State, l.Path, l.Pulled = "pulled", cache.Path(m.File), m.File.Size
		case cache.Partial(m.File) > 0:
			l.State, l.Pulled = "partial", cache.Partial(m.File)
		}
		list = append(list, l)
	}
	return list, nil
}
