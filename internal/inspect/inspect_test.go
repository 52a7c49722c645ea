package inspect

import (
	"context"
	"slices"
	"strings"
	"testing"

	"krypton/internal/explain"
	"krypton/internal/model"
	"krypton/internal/obe"
)

func builtin(t testing.TB, q Question) (*model.Network, *model.Plans) {
	t.Helper()
	f, err := model.Open("", model.OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	n, err := f.Load(model.LoadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	p, err := n.Plan(q.Need())
	if err != nil {
		t.Fatal(err)
	}
	return n, p
}

// TestLook: steps add up to the whole, with and without a patch, which costs less at its
// best than running the network again.
func TestLook(t *testing.T) {
	size := func(text string) obe.Size {
		s, err := obe.ParseSize(text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	for _, q := range []Question{{}, {Patch: size("10%"), Stride: size("8")}} {
		n, p := builtin(t, q)
		r, err := q.Look(n, p.First)
		if err != nil {
			t.Fatal(err)
		}
		var whole, some int64
		nodes := 0
		for _, s := range r.Steps {
			whole += s.Whole
			some += s.Incremental
		}
		for _, n := range r.Operators {
			nodes += n
		}
		if r.Whole <= 0 || r.Whole > whole || whole != p.First.MultiplyAdds() || nodes != len(n.Graph.Nodes) {
			t.Errorf("steps have %d multiply-adds, a whole run %d, the plan %d; %d operators in %d nodes", whole, r.Whole, p.First.MultiplyAdds(), nodes, len(n.Graph.Nodes))
		}
		text := r.Text()
		if q.Patch == (obe.Size{}) {
			if r.Patch != nil || strings.Contains(text, "patch ") || some != 0 {
				t.Errorf("a patch that nobody asked for:\n%s", text)
			}
			continue
		}
		if r.Patch == nil || some != r.Patch.Centre || r.Patch.Centre >= r.Whole || r.Patch.Patch != [2]int{13, 13} {
			t.Fatalf("%+v, steps of the patch have %d multiply-adds", r.Patch, some)
		}
		if err := r.Patch.Predict(context.Background(), p.First, explain.Host{Threads: 2}); err != nil || r.Patch.Seconds <= 0 {
			t.Errorf("%g s, %v", r.Patch.Seconds, err)
		}
		if text := r.Text(); !strings.Contains(text, "stride 8x8") || !strings.Contains(text, "s for a map on 2 threads") {
			t.Error(text)
		}
	}
	q := Question{Patch: size("500"), Stride: size("4")}
	n, p := builtin(t, Question{})
	if _, err := q.Look(n, p.First); err == nil {
		t.Error("a patch larger than the picture was taken")
	}
}

// TestTell: settings stand in their order, labels last, with where they come from.
func TestTell(t *testing.T) {
	n, p := builtin(t, Question{})
	for want, said := range map[string]Said{
		"metadata names": {LabelsFrom: "metadata names"},
		"the graph":      {},
		"":               {Own: []Setting{{"labels", "l.txt", "m.krypton.yaml"}, {"preset", "raw", "m.krypton.yaml"}}},
	} {
		r, err := Question{}.Look(n, p.First)
		if err != nil {
			t.Fatal(err)
		}
		said.Metadata, said.Notes = []Setting{{"order", "bgr", "metadata by"}}, []string{"a note"}
		said.Spell = func(err error) string { return "spelled " + err.Error() }
		r.Tell(n, p.First, said)
		if r.Labels == 0 {
			t.Fatal("the built-in model has no names of classes")
		}
		last := r.Settings[len(r.Settings)-1]
		if want == "" {
			want = n.File.Where
		}
		if last.Key != "labels" || last.From != want || !slices.Contains(r.Notes, "a note") {
			t.Errorf("%v, want labels from %q last; notes %v", r.Settings, want, r.Notes)
		}
		if slices.ContainsFunc(r.Settings[:len(r.Settings)-1], func(s Setting) bool { return s.Key == "labels" }) {
			t.Errorf("labels twice: %v", r.Settings)
		}
	}
}
