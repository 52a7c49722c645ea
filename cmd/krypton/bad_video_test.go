package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// fakeFFmpeg makes a program that takes ffmpeg's place.
func fakeFFmpeg(t testing.TB, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ffmpeg")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBadVideos are the rows of videos that need no ffmpeg, each with the real
// command.
func TestBadVideos(t *testing.T) {
	whole, err := film(6)
	if err != nil {
		t.Fatal(err)
	}
	head := bytes.IndexByte(whole, '\n') + 1
	var rows []badInput
	add := func(id, file string, make func(testing.TB, string), code int, says string, more ...string) {
		rows = append(rows, badInput{id: id, file: file, make: make, args: append([]string{"orv", "FILE", "-q", "--format", "csv", "-o", "DIR/labels"}, more...), code: code, says: says})
	}
	none := []string{"--ffmpeg", "/nonexistent/ffmpeg"}
	add("V00/sound", "a.y4m", holding(whole), exitOK, "")
	add("V01/empty", "a.y4m", holding(nil), exitData, "")
	add("V01/text", "a.y4m", holding([]byte("no video\n")), exitData, "")
	add("V01/head-cut", "a.y4m", holding(whole[:20]), exitData, "")
	add("V01/cut", "a.y4m", holding(whole[:len(whole)*2/3]), exitData, "")
	add("V05/no-frames", "a.y4m", holding([]byte("YUV4MPEG2 W128 H128 F25:1 Ip A1:1 C444\n")), exitData, "no frames")
	add("V05/one-frame", "a.y4m", holding(whole[:head+(len(whole)-head)/6]), exitOK, "")
	add("V06/huge", "a.y4m", holding([]byte("YUV4MPEG2 W16000 H16000 F25:1 C444\nFRAME\n")), exitData, "")
	add("V06/no-width", "a.y4m", holding([]byte("YUV4MPEG2 W0 H16 F25:1 C444\nFRAME\n")), exitData, "")
	add("V09/no-rate", "a.y4m", holding([]byte("YUV4MPEG2 W16 H16 F0:0 C444\nFRAME\n"+strings.Repeat("x", 3*16*16))), exitOK, "")
	add("V07/no-ffmpeg", "a.mp4", holding([]byte("\x00\x00\x00\x18ftypisom0000")), exitNoInput, "ffmpeg", none...)
	for name, c := range map[string]struct {
		script string
		code   int
	}{
		"fails":               {"echo broken stream >&2; exit 1", exitData},
		"says-nothing":        {"exit 0", exitData},
		"garbage":             {"head -c 100000 /dev/urandom; exit 0", exitData},
		"garbage-on-stderr":   {"head -c 20000000 /dev/zero | tr '\\0' e >&2; exit 1", exitData},
		"killed":              {"kill -9 $$", exitTemporary},
		"leaves-half-a-frame": {"printf 'nut/multimedia container\\0half'; exit 0", exitData},
	} {
		add("V07/"+name, "a.mp4", holding([]byte("\x00\x00\x00\x18ftypisom0000")), c.code, "", "--ffmpeg", fakeFFmpeg(t, c.script))
	}
	add("V08/pipe", "a.mp4", func(t testing.TB, path string) {
		if err := makeFIFO(path); err != nil {
			t.Skip(err)
		}
	}, exitData, "")
	add("V08/folder", "a.mp4", func(t testing.TB, path string) {
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}, exitData, "")
	rows = append(rows, badInput{id: "V08/device", args: []string{"orv", "/dev/zero", "-o", "DIR/labels"}, code: exitData, says: "/dev/zero"},
		badInput{id: "V04/address", args: []string{"orv", "http://127.0.0.1:1/x.mp4", "-o", "DIR/labels"}, code: exitUsage, says: "--allow-network"},
		badInput{id: "V01/missing", args: []string{"orv", "DIR/none.mp4", "-o", "DIR/labels"}, code: exitNoInput, says: "none.mp4"})
	runBad(t, rows)
}

// TestBadVideosOfFFmpeg are the rows that ffmpeg must not be led astray by.
func TestBadVideosOfFFmpeg(t *testing.T) {
	if _, err := exec.LookPath("ffmpeg"); err != nil {
		if os.Getenv("KRYPTON_DATA") != "" {
			t.Fatal("ffmpeg is missing, and KRYPTON_DATA is set: the tests on real data need it")
		}
		t.Skip("there is no ffmpeg")
	}
	y4m := filepath.Join(t.TempDir(), "a.y4m")
	renderFilm(t, y4m, 60)
	encode := func(path string, more ...string) {
		t.Helper()
		args := append([]string{"-nostdin", "-v", "error", "-i", y4m, "-pix_fmt", "yuv420p"}, more...)
		if out, err := exec.Command("ffmpeg", append(args, "-y", "file:"+path)...).CombinedOutput(); err != nil {
			t.Fatalf("ffmpeg: %v: %s", err, out)
		}
	}
	mp4 := filepath.Join(t.TempDir(), "sound.mp4")
	encode(mp4, "-movflags", "+faststart")
	sound, err := os.ReadFile(mp4)
	if err != nil {
		t.Fatal(err)
	}
	secret := filepath.Join(t.TempDir(), "secret.mp4")
	holding(sound)(t, secret)
	var rows []badInput
	add := func(id, file string, b []byte, code int, says string) {
		rows = append(rows, badInput{id: id, file: file, make: holding(b), args: []string{"orv", "FILE", "-q", "--format", "csv", "-o", "DIR/labels"}, code: code, says: says})
	}
	add("V00/mp4", "a.mp4", sound, exitOK, "")
	add("V01/mp4-cut-in-the-middle", "a.mp4", sound[:len(sound)*2/3], exitData, "")
	add("V01/mp4-without-its-head", "a.mp4", sound[len(sound)/3:], exitData, "")
	flipped := slices.Clone(sound)
	for i := len(flipped) / 2; i < len(flipped); i += len(flipped) / 60 {
		flipped[i] ^= 0x55
	}
	add("V02/flips", "a.mp4", flipped, exitData, "")
	add("V03/concat-script", "a.mp4", []byte("ffconcat version 1.0\nfile "+secret+"\n"), exitData, "")
	add("V03/playlist", "a.mp4", []byte("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://"+secret+"\n#EXT-X-ENDLIST\n"), exitData, "")
	add("V03/session", "a.mp4", []byte("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n"), exitData, "")
	for _, name := range []string{"z%d.mp4", "a;touch b.mp4", "$(x).mp4", "concat:a|b.mp4", "http:x.mp4"} {
		add("V04/"+name, name, sound, exitOK, "")
	}
	audio := filepath.Join(t.TempDir(), "audio.mp4")
	if out, err := exec.Command("ffmpeg", "-nostdin", "-v", "error", "-f", "lavfi", "-i", "anullsrc=d=1", audio).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	b, err := os.ReadFile(audio)
	if err != nil {
		t.Fatal(err)
	}
	add("V05/audio-only", "a.mp4", b, exitData, "")
	odd := filepath.Join(t.TempDir(), "odd.mkv")
	encode(odd, "-vf", "scale=65:47", "-pix_fmt", "yuv444p")
	if b, err = os.ReadFile(odd); err != nil {
		t.Fatal(err)
	}
	add("V06/odd-size", "a.mkv", b, exitOK, "")
	runBad(t, rows)
}
