//go:build gpu

package gpu

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"krypton/internal/gpu/driver"
	"krypton/internal/onnxload"
)

// card takes the first card into use; without one, or without a driver, the test is skipped.
func card(t *testing.T) *driver.Device {
	t.Helper()
	d, err := driver.Open()
	if err == nil {
		var cards []driver.Card
		if cards, err = d.Cards(); err == nil {
			var dev *driver.Device
			if dev, err = d.Open(cards[0]); err == nil {
				t.Logf("%s, driver for CUDA %s", dev.Card().Name, d.Version())
				t.Cleanup(func() {
					if err := dev.Close(); err != nil {
						t.Error(err)
					}
				})
				return dev
			}
		}
	}
	if errors.Is(err, driver.ErrNoDriver) || errors.Is(err, driver.ErrNoCard) {
		t.Skip(err)
	}
	t.Fatal(err)
	return nil
}

// TestCard has a card do what the interpreter does in TestRandomNetworks and
// TestTrainedNetworks, whole networks among them.
func TestCard(t *testing.T) {
	dev := card(t)
	for seed := range uint64(50) {
		m := &maker{rng: rand.New(rand.NewPCG(seed, 23))}
		g, err := onnxload.LoadBytes(m.network().Marshal(), "random", "", onnxload.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Run(fmt.Sprint(seed), func(t *testing.T) { compare(t, dev, g, m.rng, 4, 24, true) })
	}
	trained(t, true, func(*testing.T) Device { return dev })
}
