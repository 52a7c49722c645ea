package wfdb

import (
	"bufio"
	"io"
	"math"

	"github.com/mewkiz/flac"

	"krypton/internal/recording"
)

// missing is a sample that is not there.
var missing = math.NaN()

// flacSamples reads the samples of a FLAC stream, a channel for each signal, in the order in
// which other formats have them.
func flacSamples(b *bufio.Reader, depth int, group []signal) (func() (int64, error), error) {
	stream, err := flac.New(b)
	if err != nil {
		return nil, recording.Bad("FLAC: %w", err)
	}
	if n, bits := int(stream.Info.NChannels), int(stream.Info.BitsPerSample); n != len(group) || bits != depth {
		return nil, recording.Bad("FLAC: %d channels of %d bits, the header has %d signals of %d", n, bits, len(group), depth)
	}
	for _, s := range group {
		if s.perFrame != group[0].perFrame {
			return nil, recording.Bad("FLAC: signals of %d and %d samples a frame in one file", group[0].perFrame, s.perFrame)
		}
	}
	queues := make([][]int32, len(group))
	turn := turns{group: group}
	return func() (int64, error) {
		at := turn.next()
		if len(queues[at]) == 0 {
			f, err := stream.ParseNext()
			if err == io.EOF {
				return 0, err
			}
			if err != nil {
				return 0, recording.Bad("FLAC: %w", err)
			}
			if len(f.Subframes) != len(group) {
				return 0, recording.Bad("FLAC: a frame of %d channels", len(f.Subframes))
			}
			for i, s := range f.Subframes {
				queues[i] = append(queues[i], s.Samples...)
			}
			if len(queues[at]) == 0 {
				return 0, recording.Bad("FLAC: an empty frame")
			}
		}
		v := queues[at][0]
		queues[at] = queues[at][1:]
		return int64(v), nil
	}, nil
}
