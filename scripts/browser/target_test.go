package browser

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// detecting opens the page with a folder of one picture and these models, of which a
// number stands for a detector of pictures of that side.
func detecting(t *testing.T, models ...any) (ctx context.Context, folder string) {
	t.Helper()
	folder = onePicture(t)
	args := []string{folder}
	for _, m := range models {
		path := filepath.Join("../../models", fmt.Sprint(m))
		if side, ok := m.(int); ok {
			path = filepath.Join(t.TempDir(), fmt.Sprintf("cells%d.onnx", side))
			cmd := exec.Command("go", "run", "./models/detector", "-o", path, "-side", fmt.Sprint(side))
			cmd.Dir = "../.."
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
		}
		args = append(args, "--model", path)
	}
	address := start(t, args...)
	ctx = page(t, 1280, 800)
	do(t, ctx, chromedp.Navigate(address))
	until(t, ctx, ready)
	// What the page asks for is remembered.
	eval[any](t, ctx, `window.asked = []; const plain = fetch; window.fetch = (at, o) => { if (String(at).endsWith('/api/maps')) window.asked.push(JSON.parse(o.body)); return plain(at, o); }; 0`)
	return ctx, folder
}

// question is what the page asked of a model.
type question struct {
	Model    int
	Question struct {
		Region     string
		Box, Class []string
	}
}

// asked are the questions of which maps were asked for since the last call.
func asked(t *testing.T, ctx context.Context) []question {
	t.Helper()
	return eval[[]question](t, ctx, "window.asked.splice(0)")
}

// shown is where the map lies on the page: left, top, width and height.
func shown(t *testing.T, ctx context.Context) []float64 {
	t.Helper()
	return eval[[]float64](t, ctx, "(() => { const r = document.querySelector('canvas.top').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()")
}

type box struct {
	Number         int
	X0, Y0, X1, Y1 float64
}

// prediction is what the server says of the picture.
type prediction struct {
	Boxes     struct{ Found []box }
	Picture   []float64
	Transform []float64
}

// predicted is what a model says of the picture.
func predicted(t *testing.T, ctx context.Context, model int) prediction {
	t.Helper()
	seen, err := chromedp.Run(ctx, chromedp.Evaluate[prediction](fmt.Sprintf(`(async () => {
		const post = async (at, body) => (await fetch(at, { method: 'POST', body })).json();
		const picture = await post('/api/pictures?file=key.png');
		return post('/api/predictions', JSON.stringify({ model: %d, picture: picture.id }));
	})()`, model), chromedp.EvalAwaitPromise))
	if err != nil || len(seen.Picture) != 2 || len(seen.Transform) != 4 {
		t.Fatalf("%v, %+v", err, seen)
	}
	return seen
}

// TestClickOnBox: a click on a box maps it, one of another button or beside all boxes does
// not, and its name in the list does as well.
func TestClickOnBox(t *testing.T) {
	ctx, _ := detecting(t, 128)
	names := eval[[]string](t, ctx, "[...document.querySelectorAll('#classes button')].map((b) => b.dataset.class)")
	if len(names) < 3 || names[0] != "box:1" || names[len(names)-1] != "box:false" {
		t.Fatalf("boxes %v", names)
	}
	do(t, ctx, chromedp.SetValue(chromedp.CSS("#patch"), "16"), chromedp.SetValue(chromedp.CSS("#stride"), "16"), chromedp.Click(chromedp.CSS("#explain")))
	until(t, ctx, mapThere)
	if q := asked(t, ctx); len(q) != 1 || q[0].Question.Box != nil {
		t.Errorf("asked %+v", q)
	}
	seen := predicted(t, ctx, 0)
	holds := func(b box, x, y float64) bool { return b.X0 <= x && x <= b.X1 && b.Y0 <= y && y <= b.Y1 }
	number := func(x, y float64) (smallest int) {
		area := 0.
		for _, b := range seen.Boxes.Found {
			if a := (b.X1 - b.X0) * (b.Y1 - b.Y0); holds(b, x, y) && (smallest == 0 || a < area) {
				smallest, area = b.Number, a
			}
		}
		return smallest
	}
	at := shown(t, ctx)
	onPage := func(x, y float64) (float64, float64) {
		return at[0] + x*at[2]/seen.Picture[1], at[1] + y*at[3]/seen.Picture[0]
	}
	clicked := false
	for _, b := range seen.Boxes.Found[1:] {
		x, y := (b.X0+b.X1)/2, (b.Y0+b.Y1)/2
		want := number(x, y)
		if want < 2 { // the usual one
			continue
		}
		px, py := onPage(x, y)
		do(t, ctx, chromedp.MouseClickXY(px, py, chromedp.Button("right")))
		if pressed := eval[string](t, ctx, "document.querySelector('#classes [aria-pressed=true]').dataset.class"); pressed != "box:1" {
			t.Errorf("the right button chose %s", pressed)
		}
		do(t, ctx, chromedp.MouseClickXY(px, py))
		until(t, ctx, fmt.Sprintf("document.querySelector('#command').value.endsWith('--box %d') && %s", want, mapThere))
		if q := asked(t, ctx); len(q) != 1 || !slices.Equal(q[0].Question.Box, []string{fmt.Sprint(want)}) {
			t.Errorf("asked %+v, want box %d", q, want)
		}
		if pressed := eval[string](t, ctx, "document.querySelector('#classes [aria-pressed=true]').dataset.class"); pressed != fmt.Sprintf("box:%d", want) {
			t.Errorf("%s is chosen in the list", pressed)
		}
		clicked = true
		break
	}
	if !clicked {
		t.Fatalf("no box to click on: %+v", seen.Boxes.Found)
	}
	beside := false
	for i := range 100 {
		x, y := (float64(i%10)+.5)*seen.Picture[1]/10, (float64(i/10)+.5)*seen.Picture[0]/10
		if beside = number(x, y) == 0; beside {
			do(t, ctx, chromedp.MouseClickXY(onPage(x, y)))
			break
		}
	}
	if q := asked(t, ctx); !beside || len(q) != 0 {
		t.Errorf("beside all boxes (%v): asked %+v", beside, q)
	}
	eval[any](t, ctx, "document.querySelector('[data-class=\"box:false\"]').click()")
	until(t, ctx, "document.querySelector('#command').value.endsWith('--box false') && "+mapThere)
	if m := complaint(t, ctx); m != "" {
		t.Error(m)
	}
}

// refined draws a rectangle over the map beside that of another model, and gives the one
// that each of both is asked about.
func refined(t *testing.T, ctx context.Context) (regions [2][4]int) {
	t.Helper()
	do(t, ctx, chromedp.SetValue(chromedp.CSS("#patch"), "16"), chromedp.SetValue(chromedp.CSS("#stride"), "16"))
	eval[any](t, ctx, `document.querySelector('#compare-details').open = true; document.querySelector('#compare').value = 'model'; document.querySelector('#compare').dispatchEvent(new Event('change')); 0`)
	until(t, ctx, "document.querySelectorAll('.panel').length === 2 && document.querySelectorAll('.panel figcaption b')[1].textContent !== ''")
	do(t, ctx, chromedp.Click(chromedp.CSS("#explain")))
	const both = "[...document.querySelectorAll('.panel figcaption span')].every((s) => s.textContent.includes('exact'))"
	until(t, ctx, both)
	asked(t, ctx)
	at := shown(t, ctx)
	do(t, ctx, chromedp.DragAndDropXY(at[0]+.25*at[2], at[1]+.5*at[3], at[0]+.5*at[2], at[1]+.75*at[3], 8))
	until(t, ctx, "window.asked.length === 2 && document.querySelector('#progress-row').hidden")
	for _, q := range asked(t, ctx) {
		r := &regions[q.Model]
		if _, err := fmt.Sscanf(q.Question.Region, "%d,%d,%d,%d", &r[0], &r[1], &r[2], &r[3]); err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
	}
	if m := complaint(t, ctx); m != "" {
		t.Error(m)
	}
	return regions
}

// TestRectangleOfTwoSizes: a rectangle over the map of one model is at the same place of
// the picture for another one whose input has another size.
func TestRectangleOfTwoSizes(t *testing.T) {
	ctx, _ := detecting(t, 128, 192)
	regions := refined(t, ctx)
	one, other := predicted(t, ctx, 0), predicted(t, ctx, 1)
	at := func(p prediction, i int, v float64) float64 { return v*p.Transform[i] + p.Transform[i+2] } // on the picture
	for i, drawn := range [2][2]float64{{.25, .5}, {.5, .75}} {
		for end, share := range drawn {
			mine, its := float64(regions[0][i]+end*regions[0][i+2]), float64(regions[1][i]+end*regions[1][i+2])
			if off := at(one, i, mine) - share*one.Picture[1-i]; math.Abs(off) > 2*one.Transform[i] {
				t.Errorf("%v is %g pixels off what was drawn", regions[0], off)
			}
			// Outwards to whole pixels.
			if off := (at(one, i, mine) - at(other, i, its)) * float64(1-2*end) / other.Transform[i]; off < -1e-3 || off >= 1 {
				t.Errorf("rectangles %v and %v are %g pixels apart", regions[0], regions[1], off)
			}
		}
	}
}

// TestBoxBesideClass: a detector beside a network with classes is asked for boxes and the
// other one for classes, whatever is chosen of the other.
func TestBoxBesideClass(t *testing.T) {
	ctx, _ := detecting(t, 128, "shapes.onnx")
	eval[any](t, ctx, "document.querySelectorAll('#classes button')[1].click()")
	until(t, ctx, ready)
	refined(t, ctx)
	eval[any](t, ctx, "document.querySelectorAll('#classes button')[2].click()")
	until(t, ctx, "window.asked.some((q) => q.model === 0 && q.question.box?.[0] === '3')")
	until(t, ctx, mapThere)
	for _, q := range asked(t, ctx) {
		if (q.Model == 1) == (q.Question.Box != nil) {
			t.Errorf("asked %+v", q)
		}
	}
	if m := complaint(t, ctx); m != "" {
		t.Error(m)
	}
}

// TestWhatOfTheOutput: another target, a reduction and a part of the output are asked for
// by the page's own controls; what makes no sense is said, and taken back goes.
func TestWhatOfTheOutput(t *testing.T) {
	ctx, _ := detecting(t, "shapes.onnx")
	set := func(what, value string) {
		eval[any](t, ctx, fmt.Sprintf("(() => { const e = document.querySelector('#what-%s'); e.value = %q; e.dispatchEvent(new Event('change')); return 0; })()", what, value))
	}
	explained := func(words string) {
		t.Helper()
		do(t, ctx, chromedp.Click(chromedp.CSS("#explain")))
		until(t, ctx, fmt.Sprintf("document.querySelector('#command').value.endsWith(%q) && %s", words, mapThere))
		if m := complaint(t, ctx); m != "" {
			t.Error(m)
		}
	}
	do(t, ctx, chromedp.SetValue(chromedp.CSS("#patch"), "16"), chromedp.SetValue(chromedp.CSS("#stride"), "16"))
	set("reduce", "max")
	until(t, ctx, "document.querySelector('#score').dataset.kind === 'number'")
	explained("--reduce max")
	set("part", "[0,1:3]")
	until(t, ctx, "document.querySelector('#command').value.includes('[0,1:3]') && "+mapThere)
	set("part", "[0,")
	until(t, ctx, "document.querySelector('#message').textContent !== ''")
	set("part", "")
	set("reduce", "")
	until(t, ctx, "document.querySelector('#score').dataset.kind === 'class' && document.querySelector('#message').textContent === ''")
	set("target", "features")
	until(t, ctx, "document.querySelector('#score').dataset.kind === 'features'")
	explained("--target features")
}

// listed asks for a map of patches that lie in a list, and waits until it is there and its
// pixels are drawn.
func listed(t *testing.T, ctx context.Context, patch string) {
	t.Helper()
	do(t, ctx, chromedp.SetValue(chromedp.CSS("#patch"), patch), chromedp.Click(chromedp.CSS("#explain")))
	until(t, ctx, fmt.Sprintf("document.querySelector('#command').value.endsWith('--patch %s') && %s", patch, mapThere))
	until(t, ctx, painted+" > 50")
	if m := complaint(t, ctx); m != "" {
		t.Errorf("%s: %s", patch, m)
	}
}

// TestListedPatches: superpixels and random masks fill the map as they come, and it ends as
// what the command draws; what they cover is told once, and pointing reads it.
func TestListedPatches(t *testing.T) {
	ctx, address, folder := opened(t, 1280, 800)
	const segments = "document.querySelector('#segments-file').hidden"
	for _, patch := range []string{"slic:40", "rise:600"} {
		eval[any](t, ctx, "window.before = performance.getEntriesByType('resource').length; 0")
		listed(t, ctx, patch)
		told := eval[int](t, ctx, "performance.getEntriesByType('resource').slice(window.before).filter((e) => e.name.endsWith('/patches')).length")
		if told != 1 || eval[bool](t, ctx, segments) != (patch == "rise:600") {
			t.Errorf("%s: what is covered is told %d times, segments hidden: %v", patch, told, eval[bool](t, ctx, segments))
		}
		legend := eval[string](t, ctx, "document.querySelector('#legend-text').textContent")
		if kept := legend == "score where kept, less the mean"; kept != (patch == "rise:600") {
			t.Errorf("%s: %s", patch, legend)
		}
		eval[any](t, ctx, "document.querySelector('canvas.top').focus(); document.querySelector('canvas.top').dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft' })); 0")
		readout := eval[string](t, ctx, "document.querySelector('#readout').textContent")
		if strings.Contains(readout, " wins") != (patch == "slic:40") {
			t.Errorf("%s: %s", patch, readout)
		}
		base, token, _ := strings.Cut(address, "?token=")
		for _, name := range []string{"heatmap.png", "scores.json"} {
			href := eval[string](t, ctx, fmt.Sprintf("document.querySelector('[data-file=%q]').getAttribute('href')", name))
			got := fetch(t, strings.TrimSuffix(base, "/")+href, token)
			if want := byCommand(t, folder, eval[string](t, ctx, "document.querySelector('#command').value"), name); !bytes.Equal(got, want) {
				t.Errorf("%s %s: %d bytes, the command line writes %d", patch, name, len(got), len(want))
			}
		}
	}
}

// TestGrowthOfLists: the page's own maps of segments and masks are those of the program.
func TestGrowthOfLists(t *testing.T) {
	ctx, _, _ := opened(t, 1280, 800)
	for _, patch := range []string{"slic:40", "rise:600"} {
		listed(t, ctx, patch)
		far, err := chromedp.Run(ctx, chromedp.Evaluate[float64](fmt.Sprintf(`(async () => {
			const { segments, RandomMasks } = await import('/field.js'), { floats, ints } = await import('/api.js');
			const post = async (at, body) => (await fetch(at, { method: 'POST', body })).json(), get = async (at) => (await fetch(at)).json();
			const picture = await post('/api/pictures?file=key.png');
			const map = await post('/api/maps', JSON.stringify({ picture: picture.id, question: { patch: [%q] } }));
			let at = '/api/maps/' + map.id;
			while ((await get(at)).part.state !== 'done') await new Promise((r) => setTimeout(r, 50));
			const { maps: [list] } = await get(at + '/patches'), done = await get(at + '/scores');
			const own = (await get(at + '/files/scores.json')).scales[0].classes[0].scores[0], base = done.clean.classes[0].score;
			let field;
			if (list.labels) field = segments(ints(list.labels), own, base);
			else { const m = new RandomMasks(list.masks, done.clean.input); while (m.n < own.length) field = m.field(own); }
			return Math.max(...floats(done.scores[0]).map((s, i) => Math.abs(field[i] - (base - s))));
		})()`, patch), chromedp.EvalAwaitPromise))
		if err != nil || !(far < 1e-5) {
			t.Errorf("%s: %g off, %v", patch, far, err)
		}
	}
}
