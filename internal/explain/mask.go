package explain

import (
	"krypton/internal/failure"
	"krypton/internal/imagein"
)

// readMask reads the mask of a picture.
func (r *Reader) readMask(in *Input, from Source) error {
	limits, err := r.limits(from.Called, 0)
	if err != nil {
		return failure.As(failure.Temporary, failure.Settingf("%v: %w", failure.Setting("mask"), err))
	}
	f, err := from.Open()
	if err != nil {
		return failure.As(failure.Data, failure.Settingf("%v: %w", failure.Setting("mask"), err))
	}
	defer f.Close()
	m, err := imagein.DecodeMask(f, from.Called, limits)
	if err != nil {
		return pictureError(failure.Settingf("%v: %w", failure.Setting("mask"), err))
	}
	if m.Transparent {
		return failure.As(failure.Data, failure.Settingf("%v: %s: has transparent parts: what counts must be painted, the rest black", failure.Setting("mask"), from.Called))
	}
	plane := r.model.Plan.InputPlane()
	in.mask, err = imagein.Mask(m, in.Backdrop.Image().Bounds().Size(), in.Backdrop.Transform(), plane.W, plane.H)
	if err != nil {
		return failure.As(failure.Data, failure.Settingf("%v: %s: %w", failure.Setting("mask"), from.Called, err))
	}
	in.MaskSHA256, in.masked = m.SHA256, &MaskRecord{File: from.Name, SHA256: m.SHA256}
	for _, v := range in.mask {
		if v {
			in.masked.Pixels++
		}
	}
	if in.masked.Pixels == 0 {
		return failure.As(failure.Data, failure.Settingf("%v: %s: nothing counts in what the network sees", failure.Setting("mask"), from.Called))
	}
	return nil
}
