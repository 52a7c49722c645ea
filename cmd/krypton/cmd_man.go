package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"krypton/internal/atomicfile"
	"krypton/internal/failure"
)

func newMan(io streams) *cobra.Command {
	var force bool
	cmd := &cobra.Command{
		Use:     "man FOLDER",
		Short:   "Write the manual pages",
		Long:    "Write a manual page for each command into a folder, which is made if it is not there." + exitHelp,
		Example: "  krypton man man1\n  krypton man /usr/local/share/man/man1 --force\n  krypton man . && man ./krypton-obe.1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return failure.As(failure.CantCreate, err)
			}
			return failure.As(failure.CantCreate, writeMan(cmd.Root(), args[0], force))
		},
	}
	cmd.Flags().BoolVar(&force, "force", false, "replace existing pages")
	return cmd
}

// writeMan writes the pages of a command and those below it.
func writeMan(cmd *cobra.Command, dir string, force bool) error {
	for _, sub := range cmd.Commands() {
		if !sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
			continue
		}
		if err := writeMan(sub, dir, force); err != nil {
			return err
		}
	}
	cmd.DisableAutoGenTag = true // the page's head has the date: today, or SOURCE_DATE_EPOCH
	long := cmd.Long
	cmd.Long = manText(long)
	defer func() { cmd.Long = long }()
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	var page bytes.Buffer
	head := doc.GenManHeader{Title: strings.ToUpper(name), Section: "1", Source: "krypton " + version, Manual: "Krypton"}
	if err := doc.GenMan(cmd, &head, &page); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return atomicfile.Write(filepath.Join(dir, name+".1"), force, func(w io.Writer) error {
		_, err := w.Write(page.Bytes())
		return err
	})
}

// manText makes a help text the Markdown that a page is made from: exit codes
// are a section of their own, line by line.
func manText(long string) string {
	text, codes, found := strings.Cut(long, "\nEXIT STATUS\n")
	text = strings.NewReplacer("*", `\*`, "_", `\_`, "<", `\<`).Replace(text)
	if !found {
		return text
	}
	var b strings.Builder
	b.WriteString(text + "\n\n# EXIT STATUS\n\n")
	for line := range strings.Lines(codes) {
		b.WriteString("    " + line)
	}
	return b.String()
}
