package labels

import (
	"errors"
	"fmt"
)

// Class is Find, with labels suggested where none is called like that. It fails for
// numbers that are none of so many classes, unless classes is 0.
func Class(labels []string, text string, classes int) (int, error) {
	c, err := Find(labels, text, classes)
	var unknown *UnknownError
	switch {
	case errors.As(err, &unknown):
		return 0, fmt.Errorf("%w%s", err, Suggestion(text, labels))
	case err != nil:
		return 0, err
	case classes > 0 && c >= classes:
		return 0, fmt.Errorf("%d: there are classes 0 to %d", c, classes-1)
	}
	return c, nil
}
