package prediction

import (
	"fmt"
	"math"
	"testing"
)

func TestActivation(t *testing.T) {
	for want, out := range map[Activation][]float32{Softmax: {3, -1, 2}, None: {.25, .5, .25}} {
		if got, err := Auto.Resolve(out); err != nil || got != want {
			t.Errorf("%v: %v, %v", out, got, err)
		}
	}
	if got, _ := Auto.Resolve([]float32{7}); got != None {
		t.Errorf("one output: %v", got)
	}
	if _, err := Activation("relu").Resolve(nil); err == nil {
		t.Error("relu is accepted")
	}
	nan := float32(math.NaN())
	if got := Top([]float32{nan, 1, 5, 5}, 3); fmt.Sprint(got) != "[2 3 1]" {
		t.Errorf("top: %v", got)
	}
}
