package limits

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// unlimited: version 1 says "no limit" as the largest number of whole pages.
const unlimited = 1 << 60

// group is a control group that the process is in.
type group struct {
	controllers []string // of version 1; none for the one group of version 2
	path        string
}

// mount is where a hierarchy of control groups is to be seen.
type mount struct {
	v2          bool
	controllers []string // of version 1
	root        string   // the group that lies at point
	point       string
}

// parseGroups reads /proc/self/cgroup.
func parseGroups(text string) (all []group) {
	for line := range strings.Lines(text) {
		id, rest, ok := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		controllers, where, ok2 := strings.Cut(rest, ":")
		if !ok || !ok2 || !strings.HasPrefix(where, "/") {
			continue
		}
		g := group{path: where}
		if id != "0" || controllers != "" {
			g.controllers = strings.Split(controllers, ",")
		}
		all = append(all, g)
	}
	return all
}

// parseMounts reads the control groups' lines of /proc/self/mountinfo: number,
// parent, device, root, mount point, options, any number of fields, a dash, kind
// of file system, source, its options.
func parseMounts(text string) (all []mount) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		dash := slices.Index(f, "-")
		if dash < 6 || len(f) < dash+4 {
			continue
		}
		m := mount{root: unescape(f[3]), point: unescape(f[4])}
		switch f[dash+1] {
		case "cgroup2":
			m.v2 = true
		case "cgroup":
			m.controllers = strings.Split(f[dash+3], ",")
		default:
			continue
		}
		all = append(all, m)
	}
	return all
}

// unescape undoes the kernel's octal escapes (\040 is a space).
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// shows says whether a mount is of the group's hierarchy.
func (m mount) shows(g group) bool {
	if m.v2 || g.controllers == nil {
		return m.v2 && g.controllers == nil
	}
	return slices.ContainsFunc(g.controllers, func(c string) bool { return slices.Contains(m.controllers, c) })
}

// folders are the group's own and those of all groups around it, as far as the
// mount shows them. Where it does not show the group, which is outside the
// container then, what it has at its point is the container's.
func (m mount) folders(g group) (all []string) {
	below, ok := "/", true
	if m.root == "/" {
		below = g.path
	} else if below, ok = strings.CutPrefix(g.path, m.root); !ok || below != "" && below[0] != '/' {
		below = "/"
	}
	if below == "/.." || strings.HasPrefix(below, "/../") {
		below = "/" // outside the process's namespace of control groups
	}
	for below = path.Clean("/" + below); ; below = path.Dir(below) {
		all = append(all, path.Join(m.point, below))
		if below == "/" {
			return all
		}
	}
}

// groupFolders are the folders of the groups that limit the process by a
// controller, from its own up, in hierarchies of both versions. Where
// /proc/self/mountinfo leads nowhere, they are sought in the usual places.
func (s System) groupFolders(controller string) (all []string) {
	mounts := parseMounts(s.read("/proc/self/mountinfo"))
	groups := parseGroups(s.read("/proc/self/cgroup"))
	if len(groups) == 0 {
		groups = []group{{path: "/"}, {path: "/", controllers: []string{controller}}}
	}
	for _, g := range groups {
		if g.controllers != nil && !slices.Contains(g.controllers, controller) {
			continue
		}
		found := s.existing(mounts, g)
		if len(found) == 0 {
			found = s.existing(usualMounts(g, controller), g)
		}
		for _, f := range found {
			if !slices.Contains(all, f) {
				all = append(all, f)
			}
		}
	}
	return all
}

// existing are the folders of a group that some mount shows.
func (s System) existing(mounts []mount, g group) (found []string) {
	for _, m := range mounts {
		if !m.shows(g) {
			continue
		}
		for _, f := range m.folders(g) {
			if i, err := os.Stat(filepath.Join(s.Root, f)); err == nil && i.IsDir() {
				found = append(found, f)
			}
		}
	}
	return found
}

func usualMounts(g group, controller string) (all []mount) {
	const base = "/sys/fs/cgroup"
	if g.controllers == nil {
		return []mount{{v2: true, root: "/", point: base}, {v2: true, root: "/", point: base + "/unified"}}
	}
	for _, name := range []string{controller, strings.Join(g.controllers, ",")} {
		all = append(all, mount{controllers: g.controllers, root: "/", point: path.Join(base, name)})
	}
	return all
}

// groupMemory is what the groups allow: memory.max kills, memory.high slows down
// until nothing moves.
func (s System) groupMemory() (all []Limit) {
	add := func(file string, n int64) {
		if n > 0 && n < unlimited {
			all = append(all, Limit{n, fmt.Sprintf("control group: %s, %d MiB", file, n>>20)})
		}
	}
	for _, folder := range s.groupFolders("memory") {
		for _, name := range []string{"memory.max", "memory.high", "memory.limit_in_bytes"} {
			file := path.Join(folder, name)
			if n, err := strconv.ParseInt(strings.TrimSpace(s.read(file)), 10, 64); err == nil {
				add(file, n)
			}
		}
		// Version 1 says here what groups that a container does not see allow.
		file := path.Join(folder, "memory.stat")
		for _, n := range s.numbersAfter(file, "hierarchical_memory_limit ") {
			add(file, n)
		}
	}
	return all
}

// groupProcessors is what the groups allow: shares of time, rounded up to whole
// processors as the Go runtime does, and sets.
func (s System) groupProcessors() (all []Limit) {
	add := func(file string, n int64) {
		if n > 0 {
			all = append(all, Limit{n, "control group: " + file})
		}
	}
	for _, folder := range s.groupFolders("cpu") {
		v2, v1 := path.Join(folder, "cpu.max"), path.Join(folder, "cpu.cfs_quota_us")
		add(v2, parseQuota(s.read(v2)))
		add(v1, parseQuota(s.read(v1)+" "+s.read(path.Join(folder, "cpu.cfs_period_us"))))
	}
	for _, folder := range s.groupFolders("cpuset") {
		for _, name := range []string{"cpuset.cpus.effective", "cpuset.effective_cpus", "cpuset.cpus"} {
			if n := parseSet(s.read(path.Join(folder, name))); n > 0 {
				add(path.Join(folder, name), n)
				break
			}
		}
	}
	return all
}

// parseQuota reads "quota period", both in microseconds: 0 if there is no limit.
func parseQuota(text string) int64 {
	f := strings.Fields(text)
	if len(f) != 2 {
		return 0
	}
	quota, err := strconv.ParseInt(f[0], 10, 64)
	period, err2 := strconv.ParseInt(f[1], 10, 64)
	if err != nil || err2 != nil || quota <= 0 || period <= 0 {
		return 0 // "max", or -1
	}
	return (quota-1)/period + 1
}

// parseSet counts the processors of a list such as 0-3,8: 0 if it is none.
func parseSet(text string) (count int64) {
	for part := range strings.SplitSeq(strings.TrimSpace(text), ",") {
		from, to, several := strings.Cut(part, "-")
		if !several {
			to = from
		}
		a, err := strconv.ParseUint(from, 10, 20)
		b, err2 := strconv.ParseUint(to, 10, 20)
		if err != nil || err2 != nil || b < a {
			return 0
		}
		count += int64(b-a) + 1
	}
	return count
}
