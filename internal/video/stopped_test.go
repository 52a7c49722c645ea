//go:build unix

package video

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// TestStopped: time in which this process is stopped, as by Ctrl-Z, is not held against
// the program that it waits for.
func TestStopped(t *testing.T) {
	if os.Getenv("KRYPTON_TEST_STOPPED") != "" {
		p := command(context.Background(), 4*time.Second, "true")
		done := p.watch()
		fmt.Println("waiting")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n') // its end will do as well
		done()
		if p.stalled.Load() {
			fmt.Println("stalled")
		}
		return
	}
	t.Parallel()
	cmd := exec.Command(os.Args[0], "-test.run=^TestStopped$")
	cmd.Env = append(os.Environ(), "KRYPTON_TEST_STOPPED=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	said, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(said)
	if line, err := lines.ReadString('\n'); err != nil || line != "waiting\n" {
		t.Fatalf("%q, %v", line, err)
	}
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		if s == syscall.SIGSTOP {
			time.Sleep(5 * time.Second)
		}
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.ReadFrom(lines); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || bytes.Contains(out.Bytes(), []byte("stalled")) {
		t.Errorf("%v: %s", err, out.String())
	}
}
