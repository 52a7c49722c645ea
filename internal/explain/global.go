package explain

import (
	"fmt"

	"krypton/internal/incremental"
	"krypton/internal/labels"
)

// GlobalText says why exact maps save little.
func GlobalText(g *incremental.Global) string {
	return fmt.Sprintf("this network is global from step %d of %d (%s %s): an exact map costs about %.1f of a naive one", g.Step, g.Steps, g.Operator, labels.Shortened(g.Node), min(g.Share, 1))
}
