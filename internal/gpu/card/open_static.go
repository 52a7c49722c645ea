//go:build !gpu

package card

// Built says whether cards can be opened at all.
const Built = false

// List is ErrNotBuilt.
func List() ([]Listed, string, error) { return nil, "", ErrNotBuilt }

// Open is ErrNotBuilt.
func Open() (*Card, error) { return nil, ErrNotBuilt }
