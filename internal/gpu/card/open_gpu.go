//go:build gpu

package card

import (
	"errors"
	"fmt"

	"krypton/internal/gpu/driver"
)

// Built says whether cards can be opened at all.
const Built = true

// List lists the cards, and tells the version of CUDA that their driver is for. Its errors are of
// one line. No card is taken into use.
func List() (cards []Listed, version string, err error) {
	d, err := driver.Open()
	if err != nil {
		return nil, "", err
	}
	known, err := d.Cards()
	for _, c := range known {
		cards = append(cards, Listed{c.Name, c.Memory, fmt.Sprintf("%d.%d", c.Major, c.Minor)})
	}
	return cards, d.Version(), err
}

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
