package deploy

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestDockerfileBuildsWhatMakeBuilds follows the binary from make's target into
// the image.
func TestDockerfileBuildsWhatMakeBuilds(t *testing.T) {
	var lines []string
	for line := range strings.Lines(read(t, "docker/Dockerfile")) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, line)
		}
	}
	built := regexp.MustCompile(`(?m)^build:.*\n\t.* -o (\S+) \./cmd/krypton$`).FindStringSubmatch(read(t, "../Makefile"))
	language := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if built == nil || language == nil {
		t.Fatal("the Makefile has no target build that writes a file, or go.mod names no Go")
	}
	last := slices.IndexFunc(lines, func(l string) bool { return l == "FROM scratch" })
	if last < 0 {
		t.Fatal("no stage is FROM scratch")
	}
	for _, want := range []string{"FROM golang:" + language[1] + " AS build", "WORKDIR /src", "COPY . .", "ENV CGO_ENABLED=0", `RUN make build VERSION="$VERSION"`} {
		if !slices.Contains(lines[:last], want) {
			t.Errorf("the first stage lacks %q", want)
		}
	}
	image, rest := lines[last:], ""
	copied := "COPY --from=build /src/" + built[1] + " "
	for _, l := range image {
		if dest, ok := strings.CutPrefix(l, copied); ok {
			rest = dest
		}
	}
	var entry []string
	for _, l := range image {
		if text, ok := strings.CutPrefix(l, "ENTRYPOINT "); ok {
			if err := json.Unmarshal([]byte(text), &entry); err != nil {
				t.Fatal(err)
			}
		}
	}
	if rest == "" || !slices.Equal(entry, []string{rest}) {
		t.Errorf("what make build writes goes to %q, but %q is started", rest, entry)
	}
}
