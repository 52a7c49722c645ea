package program

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

const envRole = "KRYPTON_TEST_ROLE"

// TestMain lets the tests' own program stand for one that starts another.
func TestMain(m *testing.M) {
	switch os.Getenv(envRole) {
	case "parent":
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), envRole+"=child")
		child.Stdout = os.Stdout
		if err := child.Start(); err != nil {
			os.Exit(1)
		}
		_ = child.Wait() // until both are killed
	case "child":
		_, _ = os.Stdout.WriteString("started\n")
		time.Sleep(time.Minute)
	default:
		os.Exit(m.Run())
	}
}

// TestJob: with a program ends what it started, whether it is killed or has ended: the pipe
// that both write to is closed.
func TestJob(t *testing.T) {
	for _, end := range []func(g *Group, cmd *exec.Cmd) error{
		func(g *Group, cmd *exec.Cmd) error { return g.Kill(cmd) },
		func(g *Group, cmd *exec.Cmd) error { g.Ended(); return nil },
	} {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), envRole+"=parent")
		OwnGroup(cmd)
		out, in, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout = in
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		var g Group
		g.Began(cmd)
		in.Close()
		r := bufio.NewReader(out)
		if line, err := r.ReadString('\n'); line != "started\n" {
			t.Fatalf("%q: %v", line, err)
		}
		if err := end(&g, cmd); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if _, err := io.Copy(io.Discard, r); err != nil || time.Since(begun) > 30*time.Second {
			t.Errorf("the pipe was closed after %v: %v", time.Since(begun), err)
		}
		_ = cmd.Wait() // it was killed
		g.Ended()
		out.Close()
	}
}
