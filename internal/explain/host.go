package explain

import (
	"math"
	"runtime/debug"
	"sync"

	"krypton/internal/failure"
	"krypton/internal/incremental"
	"krypton/internal/obe"
)

// Host is what the program that asks has for the work, and how it speaks.
type Host struct {
	// Threads is the number of cores.
	Threads int
	// Memory bounds what the process takes, in bytes, 0 for no limit; Resident says what
	// it holds, nil for nothing.
	Memory   int64
	Resident func() int64
	// Updates, if not 0, is the memory for the updates of one answer in bytes, in place of
	// what Memory leaves when the first is computed.
	Updates int64
	// Pixels bounds pictures, 0 for the usual number.
	Pixels int64
	// Overlapping says that a picture is read while another is computed.
	Overlapping bool
	// Version is the program's, for records. Spell writes the names of fields in notes,
	// nil as they are.
	Version string
	Spell   func(failure.Setting) string
	// Device, if set, answers the positions of maps that give nothing up but for its
	// precision, and is called DeviceName in records; Failed is obe.Task's.
	Device     obe.Device
	DeviceName string
	Failed     func(err error)
	// References remembers what features were compared with, nil to find it out each time.
	References *References
}

func (h *Host) spell(f failure.Setting) string {
	if h.Spell == nil {
		return string(f)
	}
	return h.Spell(f)
}

func (h *Host) resident() int64 {
	if h.Resident == nil {
		return 0
	}
	return h.Resident()
}

// Free is what is left of the memory beside what the process holds: 1 if nothing is, 0
// if there is no limit.
func (h *Host) Free() int64 {
	if h.Memory == 0 {
		return 0
	}
	return max(1, h.Memory-h.resident())
}

// Working is what is left of the memory for the updates of all workers, once a plan is
// made and its views are: weights, the program and its files count too. Half of it
// stays free for the workers' scratch space and for what the collector has not returned
// yet. It is 1 where nothing is left: the work then says what it would need. 0
// is no limit.
func (h *Host) Working(views int64) int64 {
	if h.Memory == 0 {
		return 0
	}
	debug.FreeOSMemory()
	const fixed = 16 << 20 // of scratch space and pictures
	return max(1, (h.Memory-h.resident()-views-fixed)/2)
}

// Some is Working where work follows: it fails before that if nothing is left.
func (h *Host) Some(views int64) (int64, error) {
	left := h.Working(views)
	if left == 1 {
		return 0, failure.Settingf("%w: beside %d MiB for the program and its weights, views take %d MiB: %v is %d MiB", incremental.ErrMemory, h.resident()>>20, views>>20, failure.Setting("memory"), h.Memory>>20)
	}
	return left, nil
}

// room is the memory that pictures and updates may take. It is measured once: what one
// picture leaves behind, the next uses again.
type room struct {
	host    Host
	reserve int64 // for views and scores

	measurePicture, measureUpdates sync.Once
	picture, ofUpdates             int64
}

// pictures is what one picture may take, from its file to the network's input: what the
// model, its views and scores leave of the memory; half of that where another picture is
// computed meanwhile.
func (r *room) pictures() int64 {
	if r.host.Memory == 0 {
		return math.MaxInt64 // nobody has set a limit
	}
	r.measurePicture.Do(func() {
		debug.FreeOSMemory()
		r.picture = max(1, r.host.Memory-r.host.resident()-r.reserve)
		if r.host.Overlapping {
			r.picture = max(1, r.picture/2)
		}
	})
	return r.picture
}

// updates is what the updates of one answer may take.
func (r *room) updates() int64 {
	if r.host.Updates > 0 {
		return r.host.Updates
	}
	r.measureUpdates.Do(func() { r.ofUpdates = r.host.Working(r.reserve) })
	return r.ofUpdates
}
