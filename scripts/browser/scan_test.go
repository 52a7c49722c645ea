package browser

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patient is what a test's DICOM file says about people.
const patient = "ZQMARKED"

// scan is a DICOM file of two frames of 64 by 64 pixels, without a head: implicit, little
// endian.
func scan() []byte {
	var b bytes.Buffer
	put := func(group, element uint16, value []byte) {
		if len(value)%2 != 0 {
			value = append(value, ' ')
		}
		head := binary.LittleEndian.AppendUint16(binary.LittleEndian.AppendUint16(nil, group), element)
		b.Write(binary.LittleEndian.AppendUint32(head, uint32(len(value))))
		b.Write(value)
	}
	text := func(group, element uint16, value string) { put(group, element, []byte(value)) }
	number := func(element, v uint16) { put(0x28, element, binary.LittleEndian.AppendUint16(nil, v)) }
	text(0x08, 0x16, "1.2.840.10008.5.1.4.1.1.2")
	text(0x08, 0x18, "2.25.55555.44444")
	text(0x10, 0x10, patient)
	number(0x02, 1)
	text(0x28, 0x04, "MONOCHROME2")
	text(0x28, 0x08, "2")
	number(0x10, 64)
	number(0x11, 64)
	text(0x28, 0x30, `0.5\0.5`)
	number(0x100, 16)
	number(0x101, 12)
	number(0x102, 11)
	number(0x103, 0)
	text(0x28, 0x1050, "500")
	text(0x28, 0x1051, "400")
	var pixels []byte
	for i := range 2 * 64 * 64 {
		pixels = binary.LittleEndian.AppendUint16(pixels, uint16(10*(i%64)+8*(i/64%64)))
	}
	put(0x7fe0, 0x10, pixels)
	return b.Bytes()
}

// TestScan: a drag changes the window, the slider the frame; the number under the pointer is
// told, the patch is one of millimetres, and nobody is named.
func TestScan(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "scan.dcm"), scan(), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := page(t, 1100, 800)
	do(t, ctx, chromedp.Navigate(start(t, dir)))
	until(t, ctx, "!document.querySelector('#explain').disabled && document.querySelector('#window-width').value === '400'")
	box := eval[[]float64](t, ctx, "(() => { const r = document.querySelector('canvas.top').getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2, r.width]; })()")
	do(t, ctx, chromedp.DragAndDropXY(box[0], box[1], box[0]+100, box[1]-40, 4))
	until(t, ctx, "document.querySelector('#window').value !== '' && !document.querySelector('#explain').disabled && document.querySelector('#scan-text').textContent.includes('center ' + document.querySelector('#window-centre').value)")
	var centre, width float64
	if _, err := fmt.Sscanf(eval[string](t, ctx, "document.querySelector('#window').value"), "%g,%g", &centre, &width); err != nil || !(width > 400) || !(centre > 500) {
		t.Errorf("the window is %g, %g: want a wider and darker one (%v)", centre, width, err)
	}
	if _, err := chromedp.Call(ctx, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseMoved, X: box[0], Y: box[1]}); err != nil {
		t.Fatal(err)
	}
	until(t, ctx, "/value 5\\d\\d/.test(document.querySelector('#readout').textContent)")
	do(t, ctx, chromedp.Focus(chromedp.CSS("#scan-frame")), chromedp.KeyEvent(kb.ArrowRight))
	until(t, ctx, "document.querySelector('#picture-name').textContent === 'scan.dcm#2' && !document.querySelector('#explain').disabled")
	eval[any](t, ctx, "(() => { const p = document.querySelector('#patch'); p.value = '8mm'; p.dispatchEvent(new Event('change')); document.querySelector('#stride').value = '8mm'; document.querySelector('#explain').click(); })()")
	until(t, ctx, mapThere+" && document.querySelector('#command').value.includes('8mm')")
	command := eval[string](t, ctx, "document.querySelector('#command').value")
	if want := fmt.Sprintf("scan.dcm#2' --window %s", eval[string](t, ctx, "document.querySelector('#window').value")); !strings.Contains(command, want) {
		t.Errorf("%s, want %s", command, want)
	}
	if eval[bool](t, ctx, "document.documentElement.innerHTML.includes('"+patient+"')") {
		t.Error("the page names somebody")
	}
}

// beating writes a table of so many seconds of something like heartbeats, of which one every ten
// seconds is another.
func beating(t *testing.T, file string, seconds int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("time,II,V1\n")
	for i := range 250 * seconds {
		at := float64(i) / 250
		v := math.Exp(-math.Pow(math.Mod(at, 1)-0.5, 2)/2e-4) + 2*math.Exp(-math.Pow(math.Mod(at, 10)-6.2, 2)/3e-3) + 0.01*math.Sin(300*at)
		fmt.Fprintf(&b, "%s,%.4f,%.4f\n", strconv.FormatFloat(at, 'g', -1, 64), v, -v/2)
	}
	if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestStrip: the windows of a long recording lie below each other, with their times; one is
// opened, zoomed, left for the next and closed, and what matters most opens its own.
func TestStrip(t *testing.T) {
	dir := t.TempDir()
	beating(t, filepath.Join(dir, "day.csv"), 34)
	ctx := page(t, 1100, 800)
	do(t, ctx, chromedp.Navigate(start(t, dir, "--model", "beats")))
	until(t, ctx, "!document.querySelector('#explain').disabled && document.querySelector('#time-text').textContent === '0.000 s to 10.000 s'")
	eval[any](t, ctx, "(() => { for (const [id, v] of [['stride', '200ms'], ['r-every', '8s']]) { const e = document.getElementById(id); e.value = v; e.dispatchEvent(new Event('change')); } })()")
	until(t, ctx, "document.querySelector('#estimate').textContent.startsWith('each window: ')")
	eval[any](t, ctx, "document.querySelector('#explain').click()")
	const drawn = "[...document.querySelectorAll('#windows canvas')].every((c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v, i) => i % 4 === 0 && v > 150))"
	until(t, ctx, "document.querySelectorAll('#windows button').length === 4 && document.querySelectorAll('#intervals button').length > 0 && document.querySelector('#command').value.includes('--every 8s') && "+drawn)
	if got := eval[string](t, ctx, "[...document.querySelectorAll('#windows b')].map((b) => b.textContent).join() + '; ' + document.querySelector('#time-text').textContent"); got != "0.000 s,8.000 s,16.000 s,24.000 s; 4 windows, every 8s" {
		t.Errorf("windows %s", got)
	}
	before := eval[float64](t, ctx, "document.querySelector('#windows canvas').height")
	eval[any](t, ctx, "document.querySelector('#zoom-in').click()")
	until(t, ctx, fmt.Sprintf("document.querySelector('#windows canvas').height > 1.5 * %g", before))
	eval[any](t, ctx, "document.querySelectorAll('#windows button')[1].click()")
	until(t, ctx, "document.querySelector('#time-text').textContent === '8.000 s to 18.000 s' && document.querySelector('canvas.below').offsetParent !== null")
	do(t, ctx, chromedp.Focus(chromedp.CSS("canvas.top")), chromedp.KeyEvent("+"), chromedp.KeyEvent(kb.ArrowRight))
	until(t, ctx, "document.querySelector('#time-text').textContent === '10.500 s to 15.500 s of a window up to 18.000 s' && /^13\\.0\\d\\d s: II .*score drop/.test(document.querySelector('#readout').textContent)")
	do(t, ctx, chromedp.KeyEvent("0"))
	eval[any](t, ctx, "document.querySelector('#time-right').click()")
	until(t, ctx, "document.querySelector('#time-text').textContent === '16.000 s to 26.000 s'")
	eval[any](t, ctx, "document.querySelector('#all-windows').click()")
	until(t, ctx, "document.querySelector('#time-text').textContent === '4 windows, every 8s' && document.querySelector('canvas.below').offsetParent === null")
	want := eval[float64](t, ctx, "parseFloat(document.querySelector('#intervals .name').textContent)")
	eval[any](t, ctx, "document.querySelector('#intervals button').click()")
	until(t, ctx, fmt.Sprintf("(() => { const [a, b] = document.querySelector('#time-text').textContent.match(/[\\d.]+/g).map(Number); return a <= %g && %g <= b && document.body.classList.contains('window'); })()", want, want))
	eval[any](t, ctx, "(() => { const e = document.querySelector('#r-every'); e.value = ''; e.dispatchEvent(new Event('change')); document.querySelector('#explain').click(); })()")
	until(t, ctx, mapThere+" && document.querySelector('#time-text').textContent === '0.000 s to 10.000 s' && !document.querySelector('#command').value.includes('--every')")
}

// TestRecording: channels are drawn over time; keys zoom and read, the map lies behind the
// channels, and what matters most is listed.
func TestRecording(t *testing.T) {
	dir := t.TempDir()
	beating(t, filepath.Join(dir, "strip.csv"), 10)
	ctx := page(t, 1100, 800)
	do(t, ctx, chromedp.Navigate(start(t, dir, "--model", "beats")))
	until(t, ctx, "!document.querySelector('#explain').disabled && document.querySelector('#time-text').textContent === '0.000 s to 10.000 s'")
	do(t, ctx, chromedp.Focus(chromedp.CSS("canvas.top")), chromedp.KeyEvent("+"))
	until(t, ctx, "document.querySelector('#time-text').textContent === '2.500 s to 7.500 s of 10.000 s'")
	do(t, ctx, chromedp.KeyEvent(kb.ArrowRight))
	until(t, ctx, "/^5\\.0\\d\\d s: II -?[\\d.]+, V1 /.test(document.querySelector('#readout').textContent)")
	do(t, ctx, chromedp.KeyEvent("0"))
	until(t, ctx, "document.querySelector('#time-text').textContent === '0.000 s to 10.000 s'")
	eval[any](t, ctx, "document.querySelector('#explain').click()")
	until(t, ctx, mapThere+" && document.querySelectorAll('#intervals button').length > 0 && document.querySelector('#command').value.includes('strip.csv')")
	if !eval[bool](t, ctx, "(() => { const c = document.querySelector('canvas.below'); return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.some((v) => v > 0); })()") {
		t.Error("no map lies behind the channels")
	}
	eval[any](t, ctx, "document.querySelector('#intervals button').click()")
	until(t, ctx, "document.querySelector('#time-text').textContent.includes(' of 10.000 s')")
	// A channel that is hidden by itself has the map behind it, and the other one none.
	eval[any](t, ctx, "(() => { const r = document.querySelector('#r-occlude'); r.value = 'V1'; r.dispatchEvent(new Event('change')); })()")
	eval[any](t, ctx, "document.querySelector('#explain').click()")
	until(t, ctx, mapThere+" && document.querySelector('#command').value.includes('--occlude V1')")
	const coloured = "(() => { const c = document.querySelector('canvas.below'), g = c.getContext('2d'), half = 6 + (c.height - 40) / 2; return [[0, half - 2], [half + 2, c.height - half - 2]].map(([y, h]) => g.getImageData(0, y, c.width, h).data.some((v) => v > 0)).join(); })()"
	if got := eval[string](t, ctx, coloured); got != "false,true" {
		t.Errorf("colours behind the two channels: %s, want them behind the second alone", got)
	}
	eval[any](t, ctx, "(() => { const r = document.querySelector('#r-channels'); r.value = 'III,V1'; r.dispatchEvent(new Event('change')); })()")
	until(t, ctx, "document.querySelector('#message').textContent.includes('III')")
}
