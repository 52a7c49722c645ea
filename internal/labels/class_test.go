package labels

import (
	"errors"
	"testing"
)

func TestClass(t *testing.T) {
	names := []string{"dog", "cat", "hot dog"}
	for _, c := range []struct {
		text    string
		classes int
		want    int
		err     string
	}{
		{"1", 3, 1, ""},
		{"cat", 3, 1, ""},
		{"7", 0, 7, ""},
		{"7", 3, 0, "7: there are classes 0 to 2"},
		{"do", 3, 0, `"do" is no number, and no label of the model (3 labels); did you mean "dog", "hot dog"?`},
		{"cow", 3, 0, `"cow" is no number, and no label of the model (3 labels)`},
	} {
		got, err := Class(names, c.text, c.classes)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%s of %d: %d, %v", c.text, c.classes, got, err)
		}
	}
	var unknown *UnknownError
	if _, err := Class(names, "cow", 3); !errors.As(err, &unknown) {
		t.Error(err)
	}
}
