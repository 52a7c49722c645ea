#!/usr/bin/env bash
# Runs every fuzz target of the module, or of the packages named, for FUZZTIME each
# (a minimization for at most FUZZMINIMIZE), and ends at the first one that fails.
#
# A target whose time ends while an input runs can "fail" with a bare "context
# deadline exceeded" and nothing found (go.dev/issue/75804, in Go up to 1.26): that
# is the end of its time and no failure. Whatever else is wrong is one.
set -euo pipefail
go="${GO:-go}"
fuzztime="${FUZZTIME:-10s}"
minimize="${FUZZMINIMIZE:-50x}"
log="$(mktemp)"
trap 'rm -f "$log"' EXIT

# only_out_of_time tells whether the log's failure is that of the Go issue: its one
# line of cause is the deadline, and no input was kept.
only_out_of_time() {
	[ "$(grep -c '^ \{4\}' "$log")" = 1 ] && grep -qx ' \{4\}context deadline exceeded' "$log" &&
		! grep -qE 'Failing input written|^panic:|hung or terminated' "$log"
}

packages=("$@")
[ $# -gt 0 ] || mapfile -t packages < <(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u)
for package in "${packages[@]}"; do
	listed="$("$go" test -list '^Fuzz' "$package")"
	for target in $(grep '^Fuzz' <<<"$listed"); do
		echo "$package $target"
		status=0
		"$go" test -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" -fuzzminimizetime "$minimize" "$package" 2>&1 | tee "$log" || status=$?
		[ $status = 0 ] && continue
		only_out_of_time || exit $status
		echo "$package $target: out of time, nothing found (go.dev/issue/75804)"
	done
done
