// Package browser tests the page of krypton serve in a real browser: Debian's chromium,
// driven over its own protocol. It is a module of its own, so that nobody who builds
// Krypton needs a browser's driver. KRYPTON names the program; without it the tests
// build it.
package browser

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// program is krypton, and browser the context of the one browser that all tests open
// their pages in.
var (
	program string
	browser context.Context
)

func TestMain(m *testing.M) {
	code, err := all(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func all(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "krypton-browser")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if program = os.Getenv("KRYPTON"); program == "" {
		program = filepath.Join(dir, "krypton")
		cmd := exec.Command("go", "build", "-o", program, "./cmd/krypton")
		cmd.Dir = "../.."
		if out, err := cmd.CombinedOutput(); err != nil {
			return 1, fmt.Errorf("%v\n%s", err, out)
		}
	}
	opts := append([]chromedp.ExecAllocatorOption{}, chromedp.DefaultExecAllocatorOptions[:]...)
	// The tests' machine may be a container; a name of somebody else leads here.
	opts = append(opts, chromedp.NoSandbox, chromedp.Flag("host-resolver-rules", "MAP evil.example 127.0.0.1"))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	defer stop()
	ctx, end := chromedp.NewContext(ctx)
	defer end()
	if err := chromedp.Do(ctx, chromedp.Navigate("about:blank")); err != nil {
		return 1, err
	}
	browser = ctx
	return m.Run(), nil
}

// start starts krypton serve and gives the address that it prints.
func start(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(program, append([]string{"serve"}, args...)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, address, ok := strings.Cut(lines.Text(), "http://"); ok {
			go func() {
				for lines.Scan() {
				}
			}()
			return "http://" + address
		}
	}
	t.Fatal("krypton serve printed no address")
	return ""
}

// page opens a page of this size.
func page(t *testing.T, width, height int64) context.Context {
	t.Helper()
	ctx, stop := context.WithTimeout(browser, 3*time.Minute)
	t.Cleanup(stop)
	ctx, end := chromedp.NewContext(ctx)
	t.Cleanup(end)
	do(t, ctx, chromedp.EmulateViewport(width, height))
	return ctx
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func eval[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

// until waits for a condition of the page.
func until(t *testing.T, ctx context.Context, script string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if eval[bool](t, ctx, script) {
			return
		}
	}
	t.Fatalf("never: %s\npage: %s", script, eval[string](t, ctx, "document.body.innerText"))
}

// onePicture makes a folder of one picture.
func onePicture(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	data, err := os.ReadFile("../../models/sample.png")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "key.png"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

// opened opens the page with the built-in model and a folder of one picture.
func opened(t *testing.T, width, height int64) (ctx context.Context, address, folder string) {
	t.Helper()
	folder = onePicture(t)
	address = start(t, folder)
	ctx = page(t, width, height)
	do(t, ctx, chromedp.Navigate(address))
	until(t, ctx, ready)
	return ctx, address, folder
}

const (
	ready    = `document.querySelector('#explain')?.disabled === false`
	mapThere = `document.querySelector('.panel figcaption span').textContent.includes('exact')`
)

// complaint is what the page says went wrong.
func complaint(t *testing.T, ctx context.Context) string {
	t.Helper()
	return eval[string](t, ctx, "document.querySelector('#message').textContent")
}

// painted is how many pixels in the map's middle row have a colour.
const painted = `(() => { const c = document.querySelector('canvas.top'); return [...c.getContext('2d').getImageData(0, c.height >> 1, c.width, 1).data].filter((v, i) => i % 4 === 3 && v > 0).length; })()`

// TestUploadAndGrowth: a picture that is sent is recognized at once; its map is coarse,
// then finer, then there; nothing is fetched from elsewhere and nothing complains.
func TestUploadAndGrowth(t *testing.T) {
	ctx, address, folder := opened(t, 1280, 800)
	if now := eval[string](t, ctx, "location.href"); strings.Contains(now, "token") {
		t.Errorf("the address bar shows the token: %s", now)
	}
	if cookie := eval[string](t, ctx, "document.cookie"); cookie != "" {
		t.Errorf("scripts can read the cookie: %s", cookie)
	}
	other := filepath.Join(t.TempDir(), "sent.png")
	data, _ := os.ReadFile(filepath.Join(folder, "key.png"))
	if err := os.WriteFile(other, data, 0o600); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.SetUploadFiles(chromedp.CSS("#open"), []string{other}))
	until(t, ctx, "document.querySelector('#picture-name').textContent === 'sent.png' && "+ready)
	if n := eval[int](t, ctx, "document.querySelectorAll('#classes button').length"); n != 5 {
		t.Errorf("%d classes", n)
	}
	if e := eval[string](t, ctx, "document.querySelector('#estimate').textContent"); !strings.Contains(e, "841 positions") {
		t.Errorf("estimate %q", e)
	}
	// A fine grid, so that growing can be seen.
	do(t, ctx, chromedp.SetValue(chromedp.CSS("#stride"), "1"), chromedp.SetValue(chromedp.CSS("#patch"), "16,32,48"))
	eval[any](t, ctx, `document.querySelector('#stride').dispatchEvent(new Event('change')); window.seen = []; new MutationObserver(() => { const p = document.querySelector('#progress').value; if (p > 0 && p < 1) window.seen.push([p, `+painted+`]); }).observe(document.querySelector('#progress-text'), {childList: true}); 0`)
	do(t, ctx, chromedp.Click(chromedp.CSS("#explain")))
	until(t, ctx, mapThere)
	type step = []float64
	seen := eval[[]step](t, ctx, "window.seen")
	grown := 0
	for _, s := range seen {
		if s[1] > 100 {
			grown++
		}
	}
	if grown < 2 {
		t.Errorf("the map was seen %d times before it was there: %v", grown, seen)
	}
	if m := complaint(t, ctx); m != "" {
		t.Error(m)
	}
	hosts := eval[[]string](t, ctx, "[...new Set(performance.getEntriesByType('resource').map((e) => new URL(e.name).protocol.startsWith('http') ? new URL(e.name).host : location.host))]")
	if len(hosts) != 1 || !strings.Contains(address, hosts[0]) {
		t.Errorf("the page asks %v", hosts)
	}
}

// TestCancelAndPause: both work by their buttons.
func TestCancelAndPause(t *testing.T) {
	ctx, _, _ := opened(t, 1280, 800)
	do(t, ctx, chromedp.SetValue(chromedp.CSS("#stride"), "1"), chromedp.SetValue(chromedp.CSS("#patch"), "16,24,32,40,48,56,64,72,80,88"), chromedp.Click(chromedp.CSS("#explain")))
	until(t, ctx, "document.querySelector('#progress').value > 0.01")
	do(t, ctx, chromedp.Click(chromedp.CSS("#pause")))
	until(t, ctx, "document.querySelector('.panel figcaption span').textContent.includes('paused')")
	time.Sleep(400 * time.Millisecond)
	before := eval[float64](t, ctx, "document.querySelector('#progress').value")
	time.Sleep(400 * time.Millisecond)
	if after := eval[float64](t, ctx, "document.querySelector('#progress').value"); after != before || after == 1 {
		t.Errorf("paused at %g, then at %g", before, after)
	}
	do(t, ctx, chromedp.Click(chromedp.CSS("#pause")))
	until(t, ctx, fmt.Sprintf("document.querySelector('#progress').value > %g", before))
	do(t, ctx, chromedp.Click(chromedp.CSS("#cancel")))
	until(t, ctx, "document.querySelector('.panel figcaption span').textContent.includes('cancelled') && document.querySelector('#progress-row').hidden")
	if m := complaint(t, ctx); m != "" {
		t.Error(m)
	}
}

// TestRegion: a rectangle that is drawn is computed with a smaller patch, and nothing
// else changes.
func TestRegion(t *testing.T) {
	ctx, _, _ := opened(t, 1280, 800)
	do(t, ctx, chromedp.Click(chromedp.CSS("#explain")))
	until(t, ctx, mapThere)
	const outside = `(() => { const c = document.querySelector('canvas.top'), d = c.getContext('2d').getImageData(0, 0, c.width, Math.floor(c.height / 8)).data; let h = 0; for (const v of d) h = (h * 31 + v) | 0; return h; })()`
	box := eval[[]float64](t, ctx, "(() => { const r = document.querySelector('canvas.top').getBoundingClientRect(); return [r.left, r.top, r.width, r.height]; })()")
	at := func(x, y float64) (float64, float64) { return box[0] + x*box[2], box[1] + y*box[3] }
	x0, y0 := at(.4, .4)
	x1, y1 := at(.7, .7)
	do(t, ctx, chromedp.DragAndDropXY(x0, y0, x1, y1, 8))
	until(t, ctx, "document.querySelector('#region-details').open && document.querySelector('#rw').value > 20")
	until(t, ctx, "document.querySelector('#progress-row').hidden")
	if m := complaint(t, ctx); m != "" {
		t.Fatal(m)
	}
	rect := eval[[]int](t, ctx, "['rx','ry','rw','rh'].map((i) => Number(document.getElementById(i).value))")
	for i, want := range []int{51, 51, 39, 39} { // of 128 pixels
		if rect[i] < want-2 || rect[i] > want+2 {
			t.Errorf("rectangle %v", rect)
		}
	}
	// The scale may change with what is found; at one that is fixed nothing outside does.
	fixed := `document.querySelector('#lo').value = '-1'; document.querySelector('#hi').value = '1'; document.querySelector('#hi').dispatchEvent(new Event('input')); new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(() => r(0))))`
	with := func() int {
		if _, err := chromedp.Run(ctx, chromedp.Evaluate[any](fixed, chromedp.EvalAwaitPromise)); err != nil {
			t.Fatal(err)
		}
		return eval[int](t, ctx, outside)
	}
	closer := with()
	// The part has files of its own.
	eval[any](t, ctx, "document.querySelector('#files-of').value = 'part'; document.querySelector('#files-of').dispatchEvent(new Event('change')); 0")
	until(t, ctx, "document.querySelector('#command').value.includes('--region')")
	if href := eval[string](t, ctx, "document.querySelector('[data-file=\"scores.npy\"]').getAttribute('href')"); !strings.Contains(href, eval[string](t, ctx, "document.querySelector('[data-file=\"scores.csv\"]').getAttribute('href').split('/')[3]")) {
		t.Errorf("files of the part: %s", href)
	}
	do(t, ctx, chromedp.Click(chromedp.CSS("#unrefine")))
	if whole := with(); whole != closer {
		t.Error("the map has changed outside of the rectangle")
	}
}

// TestClassAndDownload: another class is there at once, and what is downloaded is what
// the command line that the page shows writes.
func TestClassAndDownload(t *testing.T) {
	ctx, address, folder := opened(t, 1280, 800)
	do(t, ctx, chromedp.Click(chromedp.CSS("#explain")))
	until(t, ctx, mapThere)
	const second = "document.querySelectorAll('#classes button')[1]"
	label := eval[string](t, ctx, second+".querySelector('.name').textContent")
	until(t, ctx, "document.querySelector('#command').value !== ''")
	eval[any](t, ctx, "window.asked = performance.getEntriesByType('resource').length; "+second+".click()")
	until(t, ctx, fmt.Sprintf("document.querySelector('.panel figcaption b').textContent.startsWith(%q) && document.querySelector('#command').value.includes('--class')", label))
	if again := eval[int](t, ctx, "performance.getEntriesByType('resource').slice(window.asked).filter((e) => e.name.endsWith('/api/maps')).length"); again != 0 {
		t.Errorf("%d maps were computed anew", again)
	}
	base, token, _ := strings.Cut(address, "?token=")
	for _, name := range []string{"heatmap.png", "scores.npy", "scores.json", "scores.csv"} {
		href := eval[string](t, ctx, fmt.Sprintf("document.querySelector('[data-file=%q]').getAttribute('href')", name))
		got := fetch(t, strings.TrimSuffix(base, "/")+href, token)
		want := byCommand(t, folder, eval[string](t, ctx, "document.querySelector('#command').value"), name)
		if !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, the command line writes %d", name, len(got), len(want))
		}
	}
}

// fetch gets what the browser would.
func fetch(t *testing.T, address, token string) []byte {
	t.Helper()
	r, err := http.NewRequest("GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", address, res.Status, err)
	}
	return data
}

// byCommand runs the command line of the page as a batch, whose files do not say how long
// things took, and gives a file of it.
func byCommand(t *testing.T, folder, command, name string) []byte {
	t.Helper()
	out := t.TempDir()
	line := "set -e; krypton() { " + program + " \"$@\"; }; " + command + " --out-dir " + out + " --scores '{name}.npy,{name}.json,{name}.csv' -q"
	if text, err := exec.Command("bash", "-c", line).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, text)
	}
	file := "key" + filepath.Ext(name)
	if name == "heatmap.png" {
		file = "key.krypton.png"
	}
	data, err := os.ReadFile(filepath.Join(out, file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestRefused: without the token, or under a name that somebody made lead here, the
// browser gets nothing.
func TestRefused(t *testing.T) {
	address := start(t)
	base, _, _ := strings.Cut(address, "?")
	port := strings.TrimSuffix(base[strings.LastIndex(base, ":")+1:], "/")
	ctx := page(t, 800, 600)
	for _, url := range []string{base, base + "?token=AAAAAAAAAAAAAAAAAAAAAAAAAA", "http://evil.example:" + port + "/" + address[strings.Index(address, "?"):]} {
		res, err := chromedp.Run(ctx, chromedp.NavigateResponse(url))
		if err != nil {
			t.Fatal(err)
		}
		if res.Status != 403 && res.Status != 421 {
			t.Errorf("%s: %d", url, res.Status)
		}
		if text := eval[string](t, ctx, "document.body.innerText"); strings.Contains(text, "Explain") || !strings.Contains(text, "error") {
			t.Errorf("%s: %s", url, text)
		}
	}
}

// TestKeyboard: everything on the way to a map and its numbers can be done by keys.
func TestKeyboard(t *testing.T) {
	ctx, _, _ := opened(t, 1280, 800)
	reached := map[string]bool{}
	press := func(keys string) { do(t, ctx, chromedp.KeyEvent(keys)) }
	focus := func(id string) {
		t.Helper()
		for range 60 {
			now := eval[string](t, ctx, "document.activeElement.id || document.activeElement.className || document.activeElement.dataset.class || document.activeElement.tagName")
			reached[now] = true
			if now == id {
				return
			}
			press(kb.Tab)
		}
		t.Fatalf("%s cannot be reached by Tab: %v", id, reached)
	}
	focus("explain")
	press(kb.Enter)
	until(t, ctx, mapThere)
	focus("top")
	press(kb.ArrowRight)
	press(kb.ArrowDown)
	until(t, ctx, "document.querySelector('#readout').textContent.includes('score drop')")
	focus("class")
	press("key" + kb.Enter)
	until(t, ctx, "document.querySelector('.panel figcaption b').textContent.startsWith('key')")
	focus("alpha")
	press(kb.ArrowRight)
	until(t, ctx, "document.querySelector('#alpha').value === '0.65'")
	for _, id := range []string{"patch", "stride", "fill", "score", "activation", "colormap", "contours", "lo", "hi", "blocks"} {
		if focus(id); eval[bool](t, ctx, "!document.activeElement.labels?.length && !document.activeElement.ariaLabel") {
			t.Errorf("%s has no label", id)
		}
	}
	if m := complaint(t, ctx); m != "" {
		t.Error(m)
	}
}

// TestBesideEachOther: the approximate map beside the exact one, with their difference.
func TestBesideEachOther(t *testing.T) {
	ctx, address, folder := opened(t, 1280, 800)
	if err := os.Link(filepath.Join(folder, "key.png"), filepath.Join(folder, "other.png")); err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.Navigate(address))
	until(t, ctx, ready)
	do(t, ctx, chromedp.Click(chromedp.CSS("#explain")))
	until(t, ctx, mapThere)
	eval[any](t, ctx, `document.querySelector('#compare-details').open = true; document.querySelector('#compare').value = 'approximate'; document.querySelector('#compare').dispatchEvent(new Event('change'))`)
	until(t, ctx, "document.querySelector('#difference').textContent.includes('largest difference')")
	if n := eval[int](t, ctx, "document.querySelectorAll('.panel canvas.top').length"); n != 2 {
		t.Errorf("%d panels", n)
	}
	// Another question is none to measure by, and another picture comes to both.
	eval[any](t, ctx, `document.querySelector('#stride').value = '8'; window.shown = document.querySelector('#difference').textContent; document.querySelector('#compare').dispatchEvent(new Event('change'))`)
	until(t, ctx, "document.querySelector('#difference').textContent.includes('different questions')")
	do(t, ctx, chromedp.Click(chromedp.CSS("#explain")))
	until(t, ctx, "document.querySelector('#difference').textContent.includes('largest difference') && document.querySelector('#difference').textContent !== window.shown")
	eval[any](t, ctx, "document.querySelector('#strip button:not([aria-current=true])').click()")
	until(t, ctx, "document.querySelector('#picture-name').textContent === document.querySelectorAll('#strip button')[1].title && [...document.querySelectorAll('.panel figcaption span')].every((s) => s.textContent.includes(document.querySelector('#picture-name').textContent))")
	if m := complaint(t, ctx); m != "" {
		t.Error(m)
	}
}

// TestBrokenPicture: of a picture that cannot be read the page says why, and shows no
// other one in its place; a tensor has a picture.
func TestBrokenPicture(t *testing.T) {
	folder := t.TempDir()
	for name, data := range map[string]string{
		"bad.png":  "no picture",
		"fine.npy": "\x93NUMPY\x01\x00\x43\x00" + "{'descr': '|u1', 'fortran_order': False, 'shape': (128, 128, 3), }\n" + strings.Repeat("\x80", 128*128*3),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	ctx := page(t, 1280, 800)
	do(t, ctx, chromedp.Navigate(start(t, folder)))
	until(t, ctx, "document.querySelector('#message').textContent.includes('bad.png: picture cannot be used')")
	if !eval[bool](t, ctx, "document.querySelector('#explain').disabled") {
		t.Error("there is nothing to explain")
	}
	eval[any](t, ctx, "document.querySelectorAll('#strip button')[1].click()")
	until(t, ctx, "!document.querySelector('#explain').disabled")
	eval[any](t, ctx, "document.querySelectorAll('#strip button')[0].click()")
	until(t, ctx, "document.querySelector('#message').textContent !== ''")
	const pixel = "[...document.querySelector('canvas.below').getContext('2d').getImageData(50, 50, 1, 1).data].join()"
	if got := eval[string](t, ctx, pixel); got != "0,0,0,0" {
		t.Errorf("the picture before is still shown: %s", got)
	}
}

// TestLook writes screenshots to the folder KRYPTON_SCREENSHOTS, for people.
func TestLook(t *testing.T) {
	dir := os.Getenv("KRYPTON_SCREENSHOTS")
	if dir == "" {
		t.Skip("KRYPTON_SCREENSHOTS names no folder")
	}
	address := os.Getenv("KRYPTON_ADDRESS")
	for _, c := range []struct {
		name          string
		width, height int64
		dark          bool
	}{{"wide", 1280, 800, false}, {"dark", 1280, 800, true}, {"phone", 390, 844, false}} {
		ctx := page(t, c.width, c.height)
		if c.dark {
			if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}}); err != nil {
				t.Fatal(err)
			}
		}
		do(t, ctx, chromedp.Navigate(address))
		const complains = " || document.querySelector('#message').textContent !== ''"
		if os.Getenv("KRYPTON_VIDEO") != "" {
			until(t, ctx, "document.querySelector('#strip [data-video]')"+" !== null"+complains)
			eval[any](t, ctx, "document.querySelector('#strip [data-video]').click()")
			until(t, ctx, frameThere+complains)
			eval[any](t, ctx, "document.querySelector('#recognize').click()")
			until(t, ctx, "document.querySelectorAll('#watch-files a').length > 0"+complains)
			eval[any](t, ctx, os.Getenv("KRYPTON_VIDEO"))
		} else {
			until(t, ctx, "!document.querySelector('#explain').disabled"+complains)
			eval[any](t, ctx, "document.querySelector('#explain').click()")
			until(t, ctx, mapThere+complains)
		}
		time.Sleep(300 * time.Millisecond)
		png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, c.name+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
		fmt.Println(c.name, eval[string](t, ctx, "document.querySelector('#message').textContent"))
	}
}
