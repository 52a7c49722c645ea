package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"krypton/internal/catalogue"
	"krypton/internal/model"
	"krypton/internal/spreadsheet"
	"krypton/internal/ui"
)

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
			public, err := publicModels()
			if err != nil {
				return err
			}
			cache, err := catalogue.OpenCache(dir)
			if err != nil {
				cache = nil // nothing is pulled then
			}
			list := model.List(public, cache)
			if asJSON {
				return json.NewEncoder(io.out).Encode(list)
			}
			rows := [][]string{{"NAME", "STATE", "SIZE", "LICENSE", "DESCRIPTION"}}
			for _, m := range list {
				rows = append(rows, []string{m.Name, m.State, ui.Size(m.Bytes), m.License, m.Description})
			}
			return spreadsheet.Text(io.out, rows)
		},
	}
	addCacheFlag(cmd.Flags(), &dir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON array of objects")
	return cmd
}
