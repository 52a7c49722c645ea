//go:build gpu

package card

import (
	"errors"

	"krypton/internal/gpu/driver"
)

// Built says whether cards can be opened at all.
const Built = true

// Open takes the first card into use that is new enough. Its errors are of one line.
func Open() (*Card, error) {
	d, err := driver.Open()
	if err != nil {
		return nil, err
	}
	cards, err := d.Cards()
	if err != nil {
		return nil, err
	}
	var first error
	for _, c := range cards {
		device, err := d.Open(c)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		free, _, err := device.Memory()
		if err != nil {
			return nil, errors.Join(err, device.Close())
		}
		return &Card{Device: device, Name: c.Name, Driver: d.Version(), Multiprocessors: c.Multiprocessor, Available: int64(free), close: device.Close}, nil
	}
	return nil, first
}
