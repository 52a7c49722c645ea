#!/usr/bin/env bash
# Runs every fuzz target of the module, or of the packages named, for FUZZTIME each: a
# time ("10s"), or a number of inputs ("2000x"; of the slow targets a tenth). A
# minimization takes at most FUZZMINIMIZE. Ends at the first target that fails. Each
# package's tests are built once.
#
# A target whose time ends while an input runs can "fail" with a bare "context
# deadline exceeded" and nothing found (go.dev/issue/75804, in Go up to 1.26): that
# is the end of its time and no failure. Whatever else is wrong is one.
set -euo pipefail
go="${GO:-go}"
fuzztime="${FUZZTIME:-10s}"
minimize="${FUZZMINIMIZE:-50x}"
tmp="$(mktemp -d)"
trap 'rm -rf "$tmp"' EXIT
log=$tmp/log

# only_out_of_time tells whether the log's failure is that of the Go issue: its one
# line of cause is the deadline, and no input was kept.
only_out_of_time() {
	[ "$(grep -c '^ \{4\}' "$log")" = 1 ] && grep -qx ' \{4\}context deadline exceeded' "$log" &&
		! grep -qE 'Failing input written|^panic:|hung or terminated' "$log"
}

# These run whole networks, or the command, on each input.
slow=" ./internal/incremental ./cmd/krypton "
packages=("$@")
[ $# -gt 0 ] || mapfile -t packages < <(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u)
ran=0
for package in "${packages[@]}"; do
	# -fuzz has the packages built so that they tell what they reached.
	"$go" test -c -fuzz=. -o "$tmp/test" "$package"
	cache="$("$go" env GOCACHE)/fuzz/$("$go" list "$package")"
	for target in $(cd "$package" && "$tmp/test" -test.list '^Fuzz'); do
		time=$fuzztime
		case "$slow$time" in *" $package "*x) time=$((${fuzztime%x} / 10))x ;; esac
		echo "$package $target"
		status=0
		(cd "$package" && "$tmp/test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "$time" -test.fuzzminimizetime "$minimize" -test.fuzzcachedir "$cache" 2>&1) | tee "$log" || status=$?
		! grep -q 'not built with coverage' "$log" || exit 1
		ran=$((ran + 1))
		[ $status = 0 ] && continue
		only_out_of_time || exit $status
		echo "$package $target: out of time, nothing found (go.dev/issue/75804)"
	done
done
[ "$ran" -gt 0 ] || { echo "no fuzz target was run" >&2; exit 1; }
echo "$ran targets"
