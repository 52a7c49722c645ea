//go:build !gpu

package card

// Built says whether cards can be opened at all.
const Built = false

// Open is ErrNotBuilt.
func Open() (*Card, error) { return nil, ErrNotBuilt }
