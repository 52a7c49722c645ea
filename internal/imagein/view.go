package imagein

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"krypton/internal/dicom"
	"krypton/internal/failure"
)

// View says which of a file's own numbers are black and white.
type View struct {
	// Window are the two numbers themselves; of DICOM files they are center and width, as
	// radiologists say it. nil for a rule.
	Window *Window
	// Rule is auto, or "", for what the file says; full for the least and the greatest of a
	// picture's numbers; none for numbers as they are, which become neither black nor white;
	// else one of the windows of a DICOM file, by its number from 1 on or by its name.
	Rule string
}

// The rules that are not those of one file.
const (
	Auto = "auto"
	Full = "full"
	None = "none"
)

// maxRule bounds the name of a window, as PS3.5 does.
const maxRule = 64

// ParseView reads LO,HI, auto, full, none, or the number or the name of a window.
func ParseView(text string) (View, error) {
	parts := strings.Split(text, ",")
	numbers := make([]float64, len(parts))
	wrong := 0
	for i, p := range parts {
		var err error
		if numbers[i], err = strconv.ParseFloat(strings.TrimSpace(p), 64); err != nil {
			wrong++
		}
	}
	switch {
	case text == "":
		return View{}, nil
	case wrong == 0 && len(parts) == 2:
		v := View{Window: &Window{numbers[0], numbers[1]}}
		return v, v.Validate()
	case wrong == 0 && len(parts) > 2:
		return View{}, fmt.Errorf("window has %d numbers, want LO,HI, or of a DICOM file CENTER,WIDTH", len(parts))
	case len(text) > maxRule:
		return View{}, fmt.Errorf("the name of a window has up to %d letters", maxRule)
	}
	return View{Rule: text}, nil
}

// Validate fails for two numbers that can be neither black and white nor center and width.
func (v View) Validate() error {
	if v.Window == nil || v.Window.Validate() == nil {
		return nil
	}
	if _, err := dicom.Given(v.Window.Lo, v.Window.Hi); err != nil {
		return fmt.Errorf("%w; or of DICOM files CENTER,WIDTH: %w", v.Window.Validate(), err)
	}
	return nil
}

// plain is the window of files that have none of their own: nil is all that their numbers
// can be. full says that it is the range of those that there are.
func (v View) plain() (w *Window, full bool, err error) {
	switch {
	case v.Window != nil:
		return v.Window, false, failure.As(failure.Usage, v.Window.Validate())
	case v.Rule == "" || v.Rule == Auto:
		return nil, false, nil
	case v.Rule == Full:
		return nil, true, nil
	}
	return nil, false, failure.Wrongf("%v %s is for DICOM files: of others say LO,HI, %s or %s", failure.Setting("window"), v.Rule, Auto, Full)
}

// finite says whether a number is one.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
