package browser

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// watching opens the page with a folder of one video of so many frames.
func watching(t *testing.T, frames int, args ...string) (ctx context.Context, address, folder string) {
	t.Helper()
	folder = t.TempDir()
	cmd := exec.Command("go", "run", "./models/clip", "-o", filepath.Join(folder, "clip.y4m"), "-truth", filepath.Join(t.TempDir(), "truth.csv"), "-frames", fmt.Sprint(frames))
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address = start(t, append([]string{folder}, args...)...)
	ctx = page(t, 1280, 800)
	do(t, ctx, chromedp.Navigate(address))
	until(t, ctx, "document.body.classList.contains('watching') && !document.querySelector('#recognize').disabled && "+frameThere)
	return ctx, address, folder
}

const (
	// frameThere says that the canvas shows something.
	frameThere = `(() => { const c = document.querySelector('#frame'); return c.width > 50 && c.getContext('2d').getImageData(c.width >> 1, c.height >> 1, 1, 1).data[3] === 255; })()`
	videoThere = `document.querySelector('#watch-state').textContent.includes('frames, ') && document.querySelector('#watch-state').textContent.includes('run whole')`
)

// TestVideo: labels come while a video is recognized, frames can be gone through after
// it, what was recomputed is shown, and what is downloaded is what the command line that
// the page shows writes.
func TestVideo(t *testing.T) {
	ctx, address, _ := watching(t, 900)
	eval[any](t, ctx, `window.seen = []; new MutationObserver(() => { if (document.querySelectorAll('#frame-labels .name').length && !document.querySelector('#watch-row').hidden) window.seen.push(document.querySelector('#frame-text').textContent); }).observe(document.querySelector('#frame-labels'), {childList: true}); document.querySelector('#v-mode').value = 'naive'; document.querySelector('#v-mode').dispatchEvent(new Event('change')); 0`)
	do(t, ctx, chromedp.Click(chromedp.CSS("#recognize")))
	until(t, ctx, videoThere)
	if seen := eval[[]string](t, ctx, "[...new Set(window.seen)]"); len(seen) < 2 {
		t.Errorf("frames that were seen while it was recognized: %v", seen)
	}
	if m := complaint(t, ctx); m != "" {
		t.Error(m)
	}
	until(t, ctx, "document.querySelector('#frame-text').textContent.startsWith('Frame 899 of 900')")

	// Through the frames by keys; what was recomputed on request.
	do(t, ctx, chromedp.Focus(chromedp.CSS("#frame")))
	eval[any](t, ctx, `for (const k of ['ArrowLeft', 'ArrowLeft']) document.querySelector('#frame').dispatchEvent(new KeyboardEvent('keydown', {key: k})); 0`)
	until(t, ctx, "document.querySelector('#frame-text').textContent.startsWith('Frame 897 of 900')")
	const pixels = `(() => { const c = document.querySelector('#frame'), d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let h = 0; for (const v of d) h = (h * 31 + v) | 0; return h; })()`
	before := eval[int](t, ctx, pixels)
	eval[any](t, ctx, "document.querySelector('#regions').click()")
	until(t, ctx, fmt.Sprintf("%s !== %d", pixels, before))

	until(t, ctx, "document.querySelector('#watch-command').value !== ''")
	command := eval[string](t, ctx, "document.querySelector('#watch-command').value")
	base, token, _ := strings.Cut(address, "?token=")
	links := eval[[][]string](t, ctx, "[...document.querySelectorAll('#watch-files a')].map((a) => [a.textContent, a.getAttribute('href'), a.download])")
	if len(links) != 7 || !strings.Contains(command, "--mode naive") {
		t.Fatalf("%v, %s", links, command)
	}
	out := t.TempDir()
	line := "set -e; krypton() { " + program + " \"$@\"; }; " + command + " -q -o " + out + "/ --format jsonl,csv,vtt,srt,segments --annotate " + out + "/" + links[5][2] +
		"; " + command + " -q -o " + out + "/again/ --annotate " + out + "/" + links[6][2] + " --show-regions"
	if text, err := exec.Command("bash", "-c", line).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, text)
	}
	for _, l := range links {
		want, err := os.ReadFile(filepath.Join(out, l[2]))
		if err != nil {
			t.Fatal(err)
		}
		if got := fetch(t, strings.TrimSuffix(base, "/")+l[1], token); !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes, the command line writes %d", l[0], len(got), len(want))
		}
	}
}

// TestVideoPauseAndCancel: both work by their buttons, and it can be begun anew.
func TestVideoPauseAndCancel(t *testing.T) {
	ctx, _, _ := watching(t, 900)
	eval[any](t, ctx, "document.querySelector('#v-mode').value = 'naive'; 0")
	do(t, ctx, chromedp.Click(chromedp.CSS("#recognize")))
	until(t, ctx, "document.querySelector('#watch-text').textContent.includes('a second')")
	do(t, ctx, chromedp.Click(chromedp.CSS("#watch-pause")))
	until(t, ctx, "document.querySelector('#watch-text').textContent.includes('paused')")
	do(t, ctx, chromedp.Click(chromedp.CSS("#watch-pause")))
	until(t, ctx, "document.querySelector('#watch-text').textContent.includes('a second')")
	do(t, ctx, chromedp.Click(chromedp.CSS("#watch-cancel")))
	until(t, ctx, "document.querySelector('#watch-row').hidden && document.querySelector('#watch-state').textContent === 'cancelled'")
	eval[any](t, ctx, "document.querySelector('#v-end').value = '5f'; 0")
	do(t, ctx, chromedp.Click(chromedp.CSS("#recognize")))
	until(t, ctx, videoThere)
	if m := complaint(t, ctx); m != "" {
		t.Error(m)
	}
}

// TestManyTabs: more tabs than a browser has connections to a server all get their maps.
func TestManyTabs(t *testing.T) {
	_, address, _ := opened(t, 800, 600)
	var tabs []context.Context
	for range 8 {
		ctx := page(t, 800, 600)
		do(t, ctx, chromedp.Navigate(address))
		until(t, ctx, ready)
		tabs = append(tabs, ctx)
	}
	for _, ctx := range tabs {
		eval[any](t, ctx, "document.querySelector('#stride').value = '2'; document.querySelector('#explain').click(); 0")
	}
	for i, ctx := range tabs {
		until(t, ctx, mapThere)
		if m := complaint(t, ctx); m != "" {
			t.Errorf("tab %d: %s", i, m)
		}
	}
}
