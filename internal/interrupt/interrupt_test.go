package interrupt

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestDo: what was done in time is given, the panic of a goroutine is the caller's,
// and the context's end is not kept waiting.
func TestDo(t *testing.T) {
	if n, err := Do(context.Background(), func() (int, error) { return 3, io.EOF }); n != 3 || err != io.EOF {
		t.Error(n, err)
	}
	func() {
		defer func() {
			if r, ok := recover().(string); !ok || !strings.Contains(r, "interrupt_test.go") {
				t.Errorf("recovered %v", r)
			}
		}()
		_, err := Do(context.Background(), func() (int, error) { panic("no") })
		t.Errorf("no panic: %v", err)
	}()
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("enough"))
	block := make(chan int)
	defer close(block)
	if _, err := Do(ctx, func() (int, error) { return <-block, nil }); err == nil || err.Error() != "enough" {
		t.Error(err)
	}
	var b bytes.Buffer
	if _, err := (Writer{ctx, &b}).Write([]byte("text")); err != nil || b.String() != "text" {
		t.Errorf("an output that is read: %q, %v", b.String(), err)
	}
}
