package explain

import (
	"slices"
	"strconv"
	"strings"

	"krypton/internal/failure"
	"krypton/internal/heatmap"
	"krypton/internal/model"
	"krypton/internal/recording"
)

// OccludeEach hides each channel by itself.
const OccludeEach = "each"

// maxGroups bounds how many groups of channels are hidden one after the other.
const maxGroups = 256

// groups are the channels of a recording that patches hide, group by group; "" is all of them
// together. Channels of a group have + between them; #3 is the third that the network reads.
func (r *Recording) groups(series func() (model.Series, bool)) ([]string, error) {
	switch {
	case r.Occlude == nil:
		return []string{""}, nil
	case !slices.Equal(r.Occlude, []string{OccludeEach}):
		return r.Occlude, nil
	}
	s, ok := series()
	if !ok {
		return nil, failure.Wrongf("%v is for networks of series", failure.Setting("occlude"))
	}
	if s.Leads > maxGroups {
		return nil, failure.Wrongf("%v %s: the network reads %d channels, at most %d are hidden by themselves", failure.Setting("occlude"), OccludeEach, s.Leads, maxGroups)
	}
	var all []string
	for i := range s.Leads {
		all = append(all, "#"+strconv.Itoa(i+1))
	}
	return all, nil
}

// checkOcclude fails where groups of channels make no sense, or with what else is asked.
func (q *Question) checkOcclude() error {
	groups := q.Recording.Occlude
	for i, g := range groups {
		if g == "" || slices.Contains(groups[:i], g) || len(groups) > 1 && g == OccludeEach {
			return failure.Wrongf("%v is %q, want %s, or groups of channels, each once, with + between those of a group", failure.Setting("occlude"), strings.Join(groups, ","), OccludeEach)
		}
	}
	switch {
	case len(groups) > maxGroups:
		return failure.Wrongf("%v: %d groups, at most %d are hidden", failure.Setting("occlude"), len(groups), maxGroups)
	case groups != nil && (len(q.Patches) > 1 || len(q.Fills) > 1 || q.Patches[0].Listed()):
		return failure.Wrongf("%v: groups of channels have a map each, of one %v and one %v", failure.Setting("occlude"), failure.Setting("patch"), failure.Setting("fill"))
	}
	return nil
}

// occluded says which channels a group hides; nil are all.
func (k *recordingKind) occluded(group string) ([]bool, error) {
	if group == "" {
		return nil, nil
	}
	hidden := make([]bool, len(k.channels))
	for part := range strings.SplitSeq(group, "+") {
		i := slices.IndexFunc(k.channels, func(c recording.Channel) bool { return c.Name == part })
		if n, err := strconv.Atoi(strings.TrimPrefix(part, "#")); i < 0 && err == nil && n >= 1 && n <= len(k.channels) {
			i = n - 1
		}
		if i < 0 {
			return nil, failure.Wrongf("%s: %v %s: the network reads no channel %q", k.name, failure.Setting("occlude"), group, part)
		}
		hidden[i] = true
	}
	return hidden, nil
}

// hidden are the channels of a group by their numbers, nil of all together, and where there is
// no recording.
func (in *Input) hidden(group string) (all []int) {
	if in == nil || group == "" {
		return nil
	}
	k, ok := in.kind.(*recordingKind)
	if !ok {
		return nil
	}
	hidden, _ := k.occluded(group) // reading it said what is wrong with it
	for i, h := range hidden {
		if h {
			all = append(all, i)
		}
	}
	return all
}

// groupName is what a group is called: by its channels' names.
func (k *recordingKind) groupName(group string) string {
	hidden, err := k.occluded(group)
	if err != nil {
		return group
	}
	var names []string
	for i, c := range k.channels {
		if hidden == nil || hidden[i] {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, "+")
}

// byChannels are the maps of a record that each hide a group of channels, nil of others.
func (r *Record) byChannels() []ScaleRecord {
	if len(r.Scales) == 0 || r.Scales[0].Occluded == "" {
		return nil
	}
	return r.Scales
}

// laneRows is how many rows of a map the lane of a channel has: what is drawn is smoothed from
// row to row, and lanes are to end where channels do.
const laneRows = 16

// lanes is the map of the first class over the channels of a recording, below each other, time
// going to the right: at each position the score with the channel hidden, the mean over the
// groups that it is in, and no number for a channel that is in none. It is nil unless patches
// hid groups of channels.
func (j *Job) lanes(in *Input, maps []variant, of *Record) *heatmap.Map {
	k, ok := in.kind.(*recordingKind)
	groups := of.byChannels()
	if !ok || len(groups) != len(maps) {
		return nil
	}
	places, others, long, all := of.Xs, of.Ys, of.Patch[1], of.Input[1]
	if k.series.TimeIsRow {
		places, others, long, all = of.Ys, of.Xs, of.Patch[0], of.Input[0]
	}
	if len(others) != 1 || of.Shape.Stamp() != nil {
		return nil // patches have places along the channels, or a shape
	}
	m := &heatmap.Map{Xs: places, Patch: [2]int{laneRows, long}, Input: [2]int{laneRows * len(k.channels), all}, Base: float32(of.Classes[0].BaseScore)}
	for lead := range k.channels {
		m.Ys = append(m.Ys, laneRows*lead)
		sums, n := make([]float64, len(places)), 0.0
		for g, v := range maps {
			hidden, err := k.occluded(j.fills[v.fill].group)
			if err != nil || hidden != nil && !hidden[lead] {
				continue
			}
			n++
			for i, v := range slices.Concat(groups[g].Classes[0].Scores...) {
				sums[i] += float64(v)
			}
		}
		for _, sum := range sums {
			m.Scores = append(m.Scores, float32(sum/n)) // 0/0 is NaN
		}
	}
	return m
}

// groupNames are the channels that maps hide, in words.
func groupNames(groups []ScaleRecord) string {
	var names []string
	for _, g := range groups {
		names = append(names, g.Occluded)
	}
	return strings.Join(names, ", ")
}
