package explain

import "krypton/internal/failure"

// Wrong is an error of the kind Usage whose text names settings, by the names that JSON
// has for the parts of questions (failure.Settingf).
func Wrong(format string, args ...any) error { return wrongAs(failure.Usage, format, args...) }

// wrongAs is Wrong of another kind, unless what it wraps has one.
func wrongAs(kind failure.Kind, format string, args ...any) error {
	return failure.As(kind, failure.Settingf(format, args...))
}
