package serve

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/color"
	"image/png"
	"math"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"krypton/internal/dicomwrite"
	"krypton/internal/explain"
	"krypton/internal/heatmap"
	"krypton/internal/imagein"
	"krypton/internal/model"
	"krypton/internal/obe"
	"krypton/internal/recording"
	"krypton/models/beats"
)

// marked is what a test's DICOM files say about people.
const marked = "ZQMARKED"

// scanned is a DICOM file of 32 by 48 pixels of 0.5 by 0.25 mm, with two windows.
func scanned(frames int) []byte {
	const class, uid, height, width = "1.2.840.10008.5.1.4.1.1.2", "2.25.55555.44444.33333", 32, 48
	var s dicomwrite.Set
	s.Text(0x00080016, "UI", class)
	s.Text(0x00080018, "UI", uid)
	s.Text(0x00100010, "PN", marked)
	s.Text(0x00100020, "LO", marked)
	s.Shorts(0x00280002, "US", 1)
	s.Text(0x00280004, "CS", "MONOCHROME2")
	s.Text(0x00280008, "IS", fmt.Sprint(frames))
	s.Shorts(0x00280010, "US", height)
	s.Shorts(0x00280011, "US", width)
	s.Text(0x00280030, "DS", "0.5", "0.25")
	s.Shorts(0x00280100, "US", 16)
	s.Shorts(0x00280101, "US", 12)
	s.Shorts(0x00280102, "US", 11)
	s.Shorts(0x00280103, "US", 0)
	s.Text(0x00281050, "DS", "50", "20")
	s.Text(0x00281051, "DS", "100", "40")
	s.Text(0x00281052, "DS", "-1000")
	s.Text(0x00281053, "DS", "1")
	s.Text(0x00281055, "LO", marked, "BONE")
	var pixels []uint16
	for i := range frames * height * width {
		frame, y, x := i/(height*width), i/width%height, i%width
		pixels = append(pixels, uint16(1000+200*frame+3*x+y*y/8))
	}
	s.Shorts(0x7fe00010, "OW", pixels...)
	return dicomwrite.File(class, uid, "1.2.840.10008.1.2.1", s.Bytes)
}

// asks answers a question about a source without the server, through a view.
func asks(t *testing.T, m Model, view imagein.View, of explain.Source, set func(*explain.Question)) (*explain.Answer, *explain.Input) {
	t.Helper()
	q := explain.Default()
	set(&q)
	loaded, err := m.Make(t.Context(), &q, view)
	if err != nil {
		t.Fatal(err)
	}
	job, err := explain.Prepare(t.Context(), loaded, q, usually().Host)
	if err != nil {
		t.Fatal(err)
	}
	in, err := job.Read(t.Context(), of, explain.Source{})
	if err != nil {
		t.Fatal(err)
	}
	a, err := job.Ask(t.Context(), in, explain.Events{})
	if err != nil {
		t.Fatal(err)
	}
	return a, in
}

// sizes are a patch and a step, by their texts.
func sizes(t *testing.T, patch, stride string) func(*explain.Question) {
	t.Helper()
	patches, err := obe.ParsePatches(patch)
	if err != nil {
		t.Fatal(err)
	}
	strides, err := obe.ParseSizes(stride)
	if err != nil {
		t.Fatal(err)
	}
	return func(q *explain.Question) { q.Patches, q.Strides = patches, strides }
}

// startAll starts a map of whatever is asked and gives its ID once it is there.
func (s *served) startAll(q map[string]any) string {
	s.t.Helper()
	var m struct{ ID string }
	s.must(s.http, "POST", "/api/maps", q, &m)
	if e := s.finished(s.http, m.ID); e.name != "done" {
		s.t.Fatalf("%s: %s", e.name, e.raw)
	}
	return m.ID
}

// TestScans: a frame of a DICOM file of the folder, or one that was sent, through a window and
// with a patch in millimetres, has the command's bytes; nothing that the file says about
// people is told.
func TestScans(t *testing.T) {
	opt := usually()
	opt.Folder = inFolder(t, map[string][]byte{"sub/scan.dcm": scanned(3), "IM0001": scanned(1), "DICOMDIR": scanned(1), "notes": []byte(marked)})
	s := begin(t, opt)
	var list listing
	s.must(s.http, "GET", "/api/files", nil, &list)
	if len(list.Pictures) != 2 || list.Pictures[0].Name != "IM0001" || list.Pictures[1].Name != "sub/scan.dcm" {
		t.Errorf("%+v", list)
	}
	path := filepath.Join(opt.Folder, "sub/scan.dcm")
	var p struct{ ID, Name string }
	s.must(s.http, "POST", "/api/pictures?file=sub/scan.dcm", nil, &p)
	s.must(s.http, "POST", "/api/pictures?frame=2&picture="+p.ID, nil, &p)
	if p.Name != "sub/scan.dcm#2" {
		t.Errorf("the frame is called %s", p.Name)
	}
	var again struct{ Name string }
	if s.must(s.http, "POST", "/api/pictures?frame=3&picture="+p.ID, nil, &again); again.Name != "sub/scan.dcm#3" {
		t.Errorf("the next one %s", again.Name)
	}
	for _, window := range []string{"", "230,60", "2", "full"} {
		view, err := imagein.ParseView(window)
		if err != nil {
			t.Fatal(err)
		}
		want, in := asks(t, opt.Models[0], view, explain.Source{Name: path + "#2", Called: "scan", Frame: 2, Open: explain.File(path).Open}, sizes(t, "6mm", "3mm"))
		ask := map[string]any{"picture": p.ID, "window": window, "question": map[string]any{"patch": []string{"6mm"}, "stride": []string{"3mm"}}}
		m := s.startAll(ask)
		command := "' --patch 6mm --stride 3mm"
		if window != "" {
			command = "' --window " + window + command[1:]
		}
		s.files(m, want, in, "scan.2.krypton.png", path+"#2"+command)
		var c clean
		s.must(s.http, "POST", "/api/predictions", ask, &c)
		if c.DICOM == nil || c.DICOM.Frame != 2 || c.DICOM.Frames != 3 || c.DICOM.Window != in.DICOM.Window || *c.DICOM.Shown != *in.DICOM.Shown || *c.DICOM.Spacing != [2]float64{.5, .25} {
			t.Errorf("window %q: %+v", window, c.DICOM)
		}
		_, shown := s.call(s.http, "GET", "/api/pictures/"+p.ID+"/view?window="+url.QueryEscape(window), nil)
		img, err := png.Decode(bytes.NewReader(shown))
		if err != nil {
			t.Fatalf("%v: %s", err, shown)
		}
		same := heatmap.Canvas(in.Backdrop.Image())
		seen, whole := color.NRGBAModel.Convert(img.At(300, 200)), same.At(300, 200)
		if img.Bounds() != same.Bounds() || seen != whole {
			t.Errorf("window %q: the picture has %v, want %v", window, seen, whole)
		}
	}
	var n scan
	s.must(s.http, "GET", "/api/pictures/"+p.ID+"/numbers", nil, &n)
	got := numbersOf(t, n.Numbers)
	if n.Width != 48 || n.Height != 32 || n.Step != 1 || len(n.Windows) != 2 || n.Range != [2]float64{200, 200 + 141 + 120} || math.Float32frombits(got[20*48+7]) != 200+21+50 {
		t.Errorf("%d by %d, %v, %v", n.Width, n.Height, n.Windows, n.Range)
	}
	var sent struct{ ID string }
	s.must(s.http, "POST", "/api/pictures?name=x.dcm", scanned(3), &sent)
	s.must(s.http, "POST", "/api/pictures?frame=3&picture="+sent.ID, nil, &sent)
	s.must(s.http, "GET", "/api/pictures/"+sent.ID+"/numbers", nil, &n)
	if n.Range[0] != 400 {
		t.Errorf("the third frame that was sent begins at %g", n.Range[0])
	}
	for _, c := range []struct {
		method, path string
		body         any
		status       int
		says         string
	}{
		{"POST", "/api/predictions", map[string]any{"picture": p.ID, "window": "7"}, 400, "there is no window 7"},
		{"POST", "/api/predictions", map[string]any{"picture": p.ID, "window": "1,2,3"}, 400, "window has 3 numbers"},
		{"GET", "/api/pictures/" + p.ID + "/view?window=1,2,3", nil, 400, "window has 3 numbers"},
		{"POST", "/api/pictures?picture=" + p.ID + "&frame=0", nil, 400, "frame is"},
		{"POST", "/api/pictures?picture=none&frame=1", nil, 404, "not known"},
	} {
		if status, body := s.call(s.http, c.method, c.path, c.body); status != c.status || !bytes.Contains(body, []byte(c.says)) || bytes.Contains(body, []byte(marked)) {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, body)
		}
	}
	s.must(s.http, "POST", "/api/pictures?picture="+p.ID+"&frame=4", nil, &again)
	s.must(s.http, "POST", "/api/pictures?name=a.png", leaf(t), &sent)
	if status, body := s.call(s.http, "GET", "/api/pictures/"+sent.ID+"/numbers", nil); status != 422 {
		t.Errorf("numbers of no DICOM file: %d %s", status, body)
	}
	for _, path := range []string{"/api/files", "/api/about", "/api/pictures/" + p.ID + "/numbers"} {
		if _, body := s.call(s.http, "GET", path, nil); bytes.Contains(body, []byte(marked)) {
			t.Errorf("%s names somebody", path)
		}
	}
}

// beating is the built-in model of series.
func beating() Model {
	return Model{Name: "beats", Flags: []string{"--model", "beats"}, Make: func(ctx context.Context, q *explain.Question, view imagein.View) (*model.Model, error) {
		f, err := model.Open("beats", model.OpenOptions{MaxBytes: 1 << 30})
		if err != nil {
			return nil, err
		}
		n, err := f.Load(model.LoadOptions{})
		if err != nil {
			return nil, err
		}
		p, err := n.Plan(q.Need(n))
		if err != nil {
			return nil, err
		}
		return n.Prepare(p, model.Preparation{Activation: true, View: view})
	}}
}

// TestRecordings: a map of a recording has the command's bytes, intervals among them, and the
// trace is what the network reads of the file.
func TestRecordings(t *testing.T) {
	strip := beats.Generate(2, 12)
	var table bytes.Buffer
	if err := strip.WriteCSV(&table); err != nil {
		t.Fatal(err)
	}
	// The same turned around, with a second more in front, and a WFDB record of which the
	// samples lie beside the header.
	lines := strings.Split(strings.TrimSpace(table.String()), "\n")
	turned := []string{"V1,other,II"}
	var samples []byte
	for i := range beats.Rate + beats.Samples {
		k := max(i-beats.Rate, 0)
		turned = append(turned, fmt.Sprintf("%g,0,%g", strip.Leads[1][k], strip.Leads[0][k]))
	}
	for k := range beats.Samples {
		for _, lead := range strip.Leads {
			v := int16(math.Round(lead[k] * 1000))
			samples = append(samples, byte(v), byte(v>>8))
		}
	}
	header := fmt.Sprintf("r 2 %d %d\nr.dat 16 1000/mV 16 0 0 0 0 II\nr.dat 16 1000/mV 16 0 0 0 0 V1\n", beats.Rate, beats.Samples)
	opt := usually()
	opt.Models = []Model{beating()}
	opt.Folder = inFolder(t, map[string][]byte{"strip.csv": table.Bytes(), "turned.tsv": []byte(strings.Join(turned, "\n")), "sub/r.hea": []byte(header), "sub/r.dat": samples, "strip.krypton.intervals.csv": []byte("class"), "short.csv": []byte(strings.Join(lines[:100], "\n"))})
	s := begin(t, opt)
	var list listing
	if s.must(s.http, "GET", "/api/files", nil, &list); len(list.Recordings) != 4 || len(list.Pictures) != 0 {
		t.Errorf("%+v", list)
	}
	var about struct{ Models []struct{ Series *series } }
	s.must(s.http, "GET", "/api/about", nil, &about)
	if a := about.Models[0].Series; a == nil || a.Leads != 2 || a.Samples != beats.Samples || a.Rate != beats.Rate || a.Rows != 1 || a.TimeDown || !slices.Equal(a.Channels, beats.Leads) {
		t.Errorf("%+v", a)
	}
	for _, c := range []struct {
		file, recording, command string
	}{
		{"strip.csv", `{}`, ""},
		{"turned.tsv", `{"channels":["II","1"],"start":"1s","rate":250}`, " --channels II,1 --start 1s --rate 250"},
		{"sub/r.hea", `{"normalize":"none"}`, " --normalize none"},
		{"strip.csv", `{"occlude":["each"]}`, " --occlude each"},
	} {
		path := filepath.Join(opt.Folder, c.file)
		of := explain.File(path)
		var how explain.Recording
		if err := json.Unmarshal([]byte(c.recording), &how); err != nil {
			t.Fatal(err)
		}
		set := sizes(t, "400ms", "200ms")
		want, in := asks(t, opt.Models[0], imagein.View{}, of, func(q *explain.Question) { set(q); q.Recording = how })
		var p struct{ ID string }
		s.must(s.http, "POST", "/api/pictures?file="+c.file, nil, &p)
		ask := map[string]any{"picture": p.ID, "question": map[string]any{"patch": []string{"400ms"}, "stride": []string{"200ms"}, "recording": how}}
		m := s.startAll(ask)
		s.files(m, want, in, strings.TrimSuffix(filepath.Base(c.file), filepath.Ext(c.file))+".krypton.png", path+" --model beats --patch 0.4s --stride 0.2s"+c.command, explain.IntervalsCSV, explain.IntervalsJSON)
		var scores numbers
		s.must(s.http, "GET", "/api/maps/"+m+"/scores", nil, &scores)
		for k, lane := range scores.Lanes {
			for i, bits := range numbersOf(t, lane) {
				if v := want.Record().Scales[k].Classes[0].Scores[0][i]; float32(v) != math.Float32frombits(bits) {
					t.Fatalf("lane %d, position %d has %g, want %g", k, i, math.Float32frombits(bits), v)
				}
			}
		}
		if n := len(scores.Lanes); n != 2*len(how.Occlude) {
			t.Errorf("%s: %d lanes", c.recording, n)
		}
		var told trace
		s.must(s.http, "POST", "/api/traces", ask, &told)
		if len(told.Channels) != 2 || told.Channels[0].Name != "II" {
			t.Fatalf("%s: %+v", c.file, told)
		}
		for k, lead := range told.Channels {
			for i, bits := range numbersOf(t, lead.Samples) {
				if v := strip.Leads[k][i]; math.Abs(float64(math.Float32frombits(bits))-v) > 1e-6 {
					t.Fatalf("%s: channel %d, sample %d is %g, want %g", c.file, k, i, math.Float32frombits(bits), v)
				}
			}
		}
	}
	var p struct{ ID string }
	s.must(s.http, "POST", "/api/pictures?file=strip.csv", nil, &p)
	for fill, want := range map[string]int{"recording:sub/r.hea": 422, "recording:strip.csv": 200, "recording:../strip.csv": 404, "recording:" + filepath.Join(opt.Folder, "strip.csv"): 404} { // r.hea is in mV, the table has no unit
		if status, body := s.call(s.http, "POST", "/api/predictions", map[string]any{"picture": p.ID, "question": map[string]any{"fill": []string{fill}, "patch": []string{"400ms"}, "stride": []string{"200ms"}}}); status != want {
			t.Errorf("%s: %d %s", fill, status, body)
		}
	}
	s.must(s.http, "POST", "/api/pictures?file=short.csv", nil, &p)
	for _, path := range []string{"/api/traces", "/api/predictions"} {
		if status, body := s.call(s.http, "POST", path, map[string]any{"picture": p.ID}); status != 422 || bytes.Count(bytes.TrimSpace(body), []byte("\n")) != 0 {
			t.Errorf("%s of a short recording: %d %s", path, status, body)
		}
	}
	s.must(s.http, "POST", "/api/pictures?name=alone.hea", []byte(header), &p)
	if status, body := s.call(s.http, "POST", "/api/traces", map[string]any{"picture": p.ID}); status != 422 || !bytes.Contains(body, []byte("files beside it")) {
		t.Errorf("a header alone: %d %s", status, body)
	}
}

// TestStrips: the windows of a long recording have the command's bytes, together; each can be
// looked at, and one that has no answer says why.
func TestStrips(t *testing.T) {
	strip := beats.Generate(2, 12)
	lines := []string{"II,V1"}
	for i := range 5 * beats.Samples / 2 {
		k := i % beats.Samples
		lines = append(lines, fmt.Sprintf("%g,%g", strip.Leads[0][k], strip.Leads[1][k]))
	}
	lines[1+2*beats.Samples+100] = "," // in the last two windows
	opt := usually()
	opt.Models = []Model{beating()}
	opt.Folder = inFolder(t, map[string][]byte{"day.csv": []byte(strings.Join(lines, "\n"))})
	s := begin(t, opt)
	path := filepath.Join(opt.Folder, "day.csv")
	every := recording.Moment{Value: 8}
	q := explain.Default()
	sizes(t, "400ms", "200ms")(&q)
	q.Recording.Every = &every
	m, err := opt.Models[0].Make(t.Context(), &q, imagein.View{})
	if err != nil {
		t.Fatal(err)
	}
	job, err := explain.Prepare(t.Context(), m, q, usually().Host)
	if err != nil {
		t.Fatal(err)
	}
	of := explain.File(path)
	of.Called = "day.csv"
	windows, err := job.WindowsOf(t.Context(), of)
	if err != nil || len(windows) != 3 {
		t.Fatalf("%+v, %v", windows, err)
	}
	want := &explain.Strip{Recording: path, Every: every}
	read := func(w explain.Window) (*explain.Input, error) {
		i := slices.IndexFunc(windows, func(of explain.Source) bool { return of.Name == w.Name })
		return job.Read(t.Context(), windows[i], explain.Source{})
	}
	for _, of := range windows {
		w := explain.Window{Name: of.Name}
		in, err := read(w)
		if w.Err = err; err == nil {
			w.Answer, w.Err = job.Ask(t.Context(), in, explain.Events{})
		}
		want.Windows = append(want.Windows, w)
	}
	var p, made struct{ ID string }
	s.must(s.http, "POST", "/api/pictures?file=day.csv", nil, &p)
	ask := map[string]any{"picture": p.ID, "every": "8s", "question": map[string]any{"patch": []string{"400ms"}, "stride": []string{"200ms"}}}
	s.must(s.http, "POST", "/api/strips", ask, &made)
	at := "/api/strips/" + made.ID
	var now struct {
		Clean stripHead
		Part  stripPart
	}
	for now.Part.State != done && now.Part.State != failed {
		s.must(s.http, "GET", at, nil, &now)
		time.Sleep(5 * time.Millisecond)
	}
	if c, parts := now.Clean, now.Part.Windows; now.Part.Error != "" || c.Unit != "seconds" || c.Positions != 49 || !c.Picture || len(c.Windows) != 3 || c.Windows[1] != (stripSpan{"day.csv#8s", 8}) || len(parts) != 3 || parts[0].Class == nil || !(parts[0].Range[1] > 0) || !strings.Contains(parts[2].Error, "1 samples are missing") || now.Part.Done != now.Part.Total {
		t.Fatalf("%+v", now)
	}
	mark := explain.Imprint{Heatmap: "day.krypton.png", Timeless: true}
	for _, ending := range []string{".npy", ".csv", ".json", explain.IntervalsCSV, explain.IntervalsJSON} {
		var b bytes.Buffer
		if err := want.WriteScores(&b, ending, mark); err != nil {
			t.Fatal(err)
		}
		if status, got := s.call(s.http, "GET", at+"/files/scores"+ending, nil); status != 200 || !bytes.Equal(got, b.Bytes()) {
			t.Errorf("%s: %d, %d bytes, want %d", ending, status, len(got), b.Len())
		}
	}
	img, err := want.Draw(read, heatmap.Style{Mode: "overlay", Alpha: .6, Colormap: "auto"})
	var b bytes.Buffer
	if err == nil {
		err = want.EncodePNG(&b, img, mark)
	}
	if status, got := s.call(s.http, "GET", at+"/files/heatmap.png", nil); err != nil || status != 200 || !bytes.Equal(got, b.Bytes()) {
		t.Errorf("heatmap: %d, %d bytes, want %d, %v", status, len(got), b.Len(), err)
	}
	var c struct{ Command string }
	if s.must(s.http, "GET", at+"/command", nil, &c); !strings.HasSuffix(c.Command, path+" --model beats --patch 0.4s --stride 0.2s --every 8s") {
		t.Error(c.Command)
	}
	var shown windowShown
	s.must(s.http, "GET", at+"/windows/1", nil, &shown)
	if shown.Trace.Start != 8 || math.Abs(float64(math.Float32frombits(numbersOf(t, shown.Trace.Channels[1].Samples)[7]))-strip.Leads[1][8*beats.Rate+7]) > 1e-6 {
		t.Errorf("%+v", shown.Trace.Start)
	}
	for i, bits := range numbersOf(t, shown.Scores[0]) {
		if v := want.Windows[1].Answer.Record().Classes[0].Scores[0][i]; float32(v) != math.Float32frombits(bits) {
			t.Fatalf("position %d has %g, want %g", i, math.Float32frombits(bits), v)
		}
	}
	for _, c := range []struct {
		method, path string
		body         any
		status       int
	}{
		{"GET", at + "/windows/2", nil, 422}, {"GET", at + "/windows/3", nil, 404}, {"GET", at + "/files/x", nil, 404}, {"GET", "/api/maps/" + made.ID + "/scores", nil, 404},
		{"POST", "/api/maps", ask, 400}, {"POST", "/api/strips", map[string]any{"picture": p.ID}, 400}, {"POST", "/api/strips", map[string]any{"picture": p.ID, "every": "0s"}, 400}, {"POST", "/api/strips", map[string]any{"picture": p.ID, "every": "soon"}, 400},
	} {
		if status, body := s.call(s.http, c.method, c.path, c.body); status != c.status {
			t.Errorf("%s %s: %d %s", c.method, c.path, status, body)
		}
	}
}
