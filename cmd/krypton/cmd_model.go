package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"krypton/internal/flagvalue"
	"krypton/internal/incremental"
	"krypton/internal/inspect"
	"krypton/internal/model"
	"krypton/internal/obe"
)

func newModel(io streams) *cobra.Command {
	cmd := &cobra.Command{Use: "model", Short: "Look at models, and fetch public ones", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	cmd.AddCommand(newModelInfo(io), newModelList(io), newModelPull(io), newModelRemove(io))
	return cmd
}

// newInspect is model info by a name that other tools use.
func newInspect(io streams) *cobra.Command {
	cmd := newModelInfo(io)
	cmd.Use = "inspect [MODEL]"
	cmd.Short += " (model info)"
	cmd.Example = strings.ReplaceAll(cmd.Example, "krypton model info", "krypton inspect")
	return cmd
}

func newModelInfo(io streams) *cobra.Command {
	var o modelOptions
	var q inspect.Question
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info [MODEL]",
		Short: "Show what a model contains and what a patch would cost, layer by layer",
		Long: `Show inputs, outputs, operator set, operators with their locality, parameters,
multiply-adds and view memory; with --patch also what a patch of that size costs
incrementally, layer by layer for a patch at the centre, and on the mean over all
positions. The columns "ms" are what each step is expected to take on one core of
this machine, from its multiply-adds at the measured peak and its bytes at the
measured bandwidth (krypton bench --layers measures it); "reference" marks steps
that run by the operator's plain definition and are slow, "plain" those that call
a function for each number. A model that cannot be run is refused with every
reason.` + exitHelp,
		Example: `  krypton model info resnet.onnx
  krypton model info resnet.onnx --patch 16 --stride 4
  krypton model info detector.onnx --size 320x320 --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := loadSettings(cmd)
			if err != nil {
				return err
			}
			if len(args) > 0 {
				o.model = args[0]
			}
			n, made, err := o.planned(cmd.Context(), s, q.Need())
			if err != nil {
				return err
			}
			r, err := look(cmd.Context(), s, q, n, made.First)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(io.out).Encode(r)
			}
			_, err = fmt.Fprint(io.out, printable(r.Text()))
			return err
		},
	}
	o.addLoadFlags(cmd.Flags())
	flagvalue.Add(cmd.Flags(), &q.Patch, "patch", "", flagvalue.Optional(obe.ParseSize), "also show what a patch of this `size` costs: 16, 10% or HxW")
	flagvalue.Add(cmd.Flags(), &q.Stride, "stride", "4", obe.ParseSize, "step between positions for the mean: 4, 2% or YxX")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON object")
	return cmd
}

// look makes the report of a network and its plan.
func look(ctx context.Context, s *settings, q inspect.Question, n *model.Network, p *incremental.Plan) (*inspect.Report, error) {
	r, err := q.Look(n, p)
	if err != nil {
		return nil, err
	}
	said := inspect.Said{Notes: s.notes, LabelsFrom: s.metadata["labels"], Spell: func(err error) string { return hinted(err).Error() }}
	for _, key := range slices.Sorted(maps.Keys(s.model)) {
		said.Own = append(said.Own, inspect.Setting{Key: key, Value: fmt.Sprint(s.model[key]), From: n.File.Where})
	}
	for _, v := range n.File.Says.Values {
		if s.metadata[v.Key] != "" {
			said.Metadata = append(said.Metadata, inspect.Setting{Key: v.Key, Value: v.Value, From: v.Origin()})
		}
	}
	r.Tell(n, p, said)
	if r.Patch == nil {
		return r, nil
	}
	h, err := host(s, 0)
	if err != nil {
		return nil, err
	}
	return r, r.Patch.Predict(ctx, p, h)
}
