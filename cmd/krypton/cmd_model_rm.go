package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"krypton/internal/ui"
)

func newModelRemove(io streams) *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "rm NAME...",
		Short: "Remove pulled models from the cache",
		Long: `Remove models that were pulled, or the beginnings of some, from the cache. Labels
go with the last model that has them. A model that is being pulled is left (75).` + exitHelp,
		Example:           "  krypton model rm vgg16\n  krypton model rm resnet18-v1 resnet34-v1",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: modelNames,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			quiet, err := s.flags.GetBool("quiet")
			if err != nil {
				return err
			}
			public, list, cache, err := namedModels(dir, args)
			if err != nil {
				return err
			}
			for _, m := range list {
				freed, err := public.Remove(cache, m)
				if err != nil {
					return err
				}
				if !quiet {
					if _, err := fmt.Fprintf(io.err, "%s: %s removed\n", m.Name, ui.Size(freed)); err != nil {
						return err
					}
				}
			}
			return nil
		},
	}
	addCacheFlag(cmd.Flags(), &dir)
	return cmd
}
