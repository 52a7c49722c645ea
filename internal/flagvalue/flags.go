package flagvalue

import (
	"strings"

	"github.com/spf13/pflag"
)

// aliasOf annotates a flag that is another one's earlier name, with that one's. It
// counts on the command line only: in files and the environment the name means what it
// means for other commands.
const aliasOf = "alias of"

// Alias keeps an earlier name of a flag.
func Alias(f *pflag.FlagSet, name, of string) {
	flag := f.Lookup(of)
	f.AddFlag(&pflag.Flag{Name: name, Usage: flag.Usage, Value: flag.Value, DefValue: flag.DefValue, Hidden: true, Annotations: map[string][]string{aliasOf: {of}}})
}

// IsAlias says whether a flag is another one's earlier name.
func IsAlias(f *pflag.Flag) bool { return f.Annotations[aliasOf] != nil }

// AliasOf is the name of the flag that an alias stands for.
func AliasOf(f *pflag.Flag) string { return f.Annotations[aliasOf][0] }

// Kind is the kind of a YAML value that is none for a flag, "" for others.
func Kind(v any) string {
	switch v.(type) {
	case map[string]any, map[any]any:
		return "a mapping"
	case []any:
		return "a list"
	}
	return ""
}

// Wanted says what a flag's values are.
func Wanted(f *pflag.Flag) string {
	switch kind := f.Value.Type(); kind {
	case "bool":
		return "true or false"
	case "int", "int64", "uint64":
		return "a whole number"
	case "float64":
		return "a number"
	case "float64Slice":
		return "numbers"
	case "string":
		return "a text or a number"
	case "stringSlice", "stringArray":
		return "texts"
	default:
		return "a " + kind
	}
}

// SetColumn gives a flag the value of a column.
func SetColumn(f *pflag.FlagSet, name, value string) error {
	flag := f.Lookup(name)
	if list, ok := flag.Value.(pflag.SliceValue); ok && flag.Value.Type() == "stringArray" {
		flag.Changed = true
		return list.Replace(Several(value))
	}
	return f.Set(name, value)
}

// Several are the texts of a column for a flag whose own texts have commas.
func Several(column string) []string {
	return strings.FieldsFunc(column, func(r rune) bool { return r == ';' })
}
