package batch

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/regular"
)

// NameOf is what an input's outputs are called after: its name without folder and
// ending, and the number of the frame if one is named.
func NameOf(input string) string {
	if input == "-" {
		return "stdin"
	}
	return regular.Base(input)
}

// Expand fills in a template of an output's name: {name} is the item's, {dir} its folder
// and {key} 12 digits that stand for path and settings. The name must stay in the
// batch's folder, and be none of the batch's own.
func (it Item) Expand(template string) (string, error) {
	dir := path.Dir(filepath.ToSlash(it.Path))
	var parts []string
	for _, p := range strings.Split(path.Clean(dir), "/") {
		switch p {
		case "", ".":
		case "..":
			parts = append(parts, "__")
		default:
			parts = append(parts, p)
		}
	}
	name := strings.NewReplacer("{name}", NameOf(it.Path), "{dir}", strings.Join(parts, "/"), "{key}", it.Key()[:12]).Replace(template)
	name = filepath.ToSlash(filepath.Clean(strings.TrimLeft(name, "/"))) // records have slashes everywhere
	if !filepath.IsLocal(name) || name == "." || name == JournalFolder || strings.HasPrefix(name, JournalFolder+"/") || name == ResultsFile || name == TimingsFile {
		return "", fmt.Errorf("%s: %q is no name in the folder of a batch", it.Path, name)
	}
	return name, nil
}

// Output is the name of an item's output, without what formats add to it: by its own
// setting "out", a name or a folder/, or else by the template of all.
func (it Item) Output(template string) (string, error) {
	if out := it.Set[outFlag]; out != "" {
		if filepath.IsAbs(out) {
			return "", fmt.Errorf("%s: out %q must be relative to the folder of the batch", it.Path, out)
		}
		if strings.HasSuffix(out, "/") {
			out += template
		}
		template = out
	}
	return it.Expand(template)
}

// Outputs are the names of an item's output and of its further files, by their own templates:
// those of the item's setting "scores", or else the ones of all. Of those of all an absolute
// one stays where it is, with {name} in it.
func (it Item) Outputs(template string, files []string) ([]string, error) {
	base, err := it.Output(template)
	if err != nil {
		return nil, err
	}
	names, own := []string{base}, it.Set[scoresFlag]
	if own != "" {
		files = strings.Split(own, ",")
	}
	for _, f := range files {
		switch {
		case filepath.IsAbs(f) && own == "":
			names = append(names, filepath.Clean(strings.ReplaceAll(f, "{name}", NameOf(it.Path))))
			continue
		case filepath.IsAbs(f):
			return nil, failure.Settingf("%s: scores %q must be relative to %v", it.Path, f, failure.Setting("out-dir"))
		}
		name, err := it.Expand(f)
		if err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}

// SettingsKey stands for an item's own settings.
func (it Item) SettingsKey() string { return Item{Path: it.Set["model"], Set: it.Set}.Key() }

// Groups are items with equal settings, together: those of one model one after the other, so
// that each is loaded once.
func Groups(items []Item) [][]Item {
	of := map[string]int{}
	var groups [][]Item
	for _, it := range items {
		key := ""
		if len(it.Set) > 0 {
			key = it.SettingsKey()
		}
		i, known := of[key]
		if !known {
			i = len(groups)
			of[key], groups = i, append(groups, nil)
		}
		groups[i] = append(groups[i], it)
	}
	slices.SortStableFunc(groups, func(a, b []Item) int { return strings.Compare(a[0].Set["model"], b[0].Set["model"]) })
	return groups
}

// Clash says that two items would write the same output.
type Clash struct{ First, Second, Name string }

func (c *Clash) Error() string {
	return fmt.Sprintf("%s and %s would both write %s", c.First, c.Second, c.Name)
}

// CheckNames fails with a *Clash if two items have an output in common.
func CheckNames(items []Item, outputs func(Item) ([]string, error)) error {
	owner := map[string]int{}
	for i, it := range items {
		names, err := outputs(it)
		if err != nil {
			return err
		}
		for _, name := range names {
			if j, found := owner[name]; found {
				return &Clash{items[j].Path, it.Path, name}
			}
			owner[name] = i
		}
	}
	return nil
}
