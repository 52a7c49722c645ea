package serve

import (
	"slices"
	"strings"

	"krypton/internal/explain"
	"krypton/internal/failure"
	"krypton/internal/model"
	"krypton/internal/obe"
)

// along finds the pictures that go with a picture of a model: those that a question names by
// their inputs, and else those that the model has of the folder.
func (s *Server) along(n *network, p *picture, named map[string]string) ([]*picture, error) {
	var all []*picture
	for _, w := range n.With {
		var of *picture
		var err error
		switch id := named[w.Input]; {
		case id != "":
			of, err = s.pictures.get(id)
		case w.File != "":
			of, err = s.pictures.find(w.For(p.Name))
		default:
			err = failure.Usagef("its picture is missing")
		}
		if err != nil {
			return nil, failure.Settingf("%v: input %q: %w", failure.Setting("with"), w.Input, err)
		}
		all = append(all, of)
	}
	return all, nil
}

// checkWith fails where a question names inputs that no pictures go with.
func (n *network) checkWith(named map[string]string) error {
	for input := range named {
		if !slices.ContainsFunc(n.With, func(w model.With) bool { return w.Input == input }) {
			return failure.Wrongf("%v: model %s has no input %q that is covered together with the picture's", failure.Setting("with"), n.Name, input)
		}
	}
	return nil
}

// fillFiles lets the recordings of a question's fills come from the folder, whose files it
// names; records and the command line have their paths.
func (s *Server) fillFiles(q *explain.Question) error {
	q.Fills = slices.Clone(q.Fills)
	for i, f := range q.Fills {
		fill, err := obe.ParseFill(string(f), 0)
		if err != nil || fill.File == "" {
			continue // what is wrong with it is said when it is asked
		}
		of, err := s.pictures.find(fill.File)
		if err != nil {
			return failure.Settingf("%v: %s: %w", failure.Setting("fill"), fill.File, err)
		}
		if q.FillFiles == nil {
			q.FillFiles = map[string]explain.Source{}
		}
		q.Fills[i] = explain.Fill("recording:" + of.path)
		q.FillFiles[of.path] = of.source()
	}
	return nil
}

// stencils lets the masks of a question's patches come from the folder, whose files it names;
// records and the command line have their paths.
func (s *Server) stencils(q *explain.Question) error {
	for i := range q.Patches {
		p := &q.Patches[i]
		if p.File == "" {
			continue
		}
		if strings.Contains(p.File, ",") {
			return failure.Wrongf("%v: %s: names of masks have no commas", failure.Setting("patch"), p.File)
		}
		of, err := s.pictures.find(p.File)
		if err != nil {
			return failure.Settingf("%v: %s: %w", failure.Setting("patch"), p.File, err)
		}
		if q.Stencils == nil {
			q.Stencils = map[string]explain.Source{}
		}
		p.File = of.path
		q.Stencils[p.File] = of.source()
	}
	return nil
}
