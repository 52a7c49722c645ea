package environment

import "runtime/debug"

// BuiltFrom is the version that go wrote into the program, "dev" if there is none.
func BuiltFrom(info *debug.BuildInfo) string {
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	of := map[string]string{}
	for _, s := range info.Settings {
		of[s.Key] = s.Value
	}
	revision := of["vcs.revision"]
	if len(revision) < 12 {
		return "dev"
	}
	if of["vcs.modified"] == "true" {
		return revision[:12] + "-dirty"
	}
	return revision[:12]
}
