#!/usr/bin/env bash
# A graphics card's first ten minutes: what it says of itself, whether the kernels load, their
# bits and speed, and whole maps, in float32 and by tensor cores, beside this machine's processors,
# PyTorch and, where python has one that sees the card, ONNX Runtime.
#
#   scripts/gpu/first.sh [--dry] OUT [MODEL.onnx...]
#
# OUT/first.txt and OUT/first.json hold all results. Steps that are done leave a file in OUT and
# are not done again; all together take FIRST_SECONDS (540) at most, and what is left then is done
# when the script is started anew (exit code 75; 1 if a step failed). MODEL.onnx are mapped too,
# each with what its .krypton.yaml says. Without go, bin/krypton-gpu and bin/gpu.test are taken as
# they lie there. --dry needs no card: an interpreter computes small cases, slowly, to try this
# script out; its times mean nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
dry=
if [ "${1:-}" = --dry ]; then
	dry=1
	shift
fi
if [ $# = 0 ] || [[ $1 = -* ]]; then
	sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//p}' scripts/gpu/first.sh >&2
	exit 64
fi
out=$1
shift
budget=${FIRST_SECONDS:-540}
export CGO_ENABLED=0
if command -v go >/dev/null; then
	make -s build-gpu
	go test -c -tags gpu -ldflags '-s -w' -o bin/gpu.test ./internal/gpu
	[ -z "$dry" ] || go build -o bin/standin ./scripts/gpu/standin
fi
for f in bin/krypton-gpu bin/gpu.test; do
	[ -x "$f" ] || { echo "first.sh: no go, and no $f that was made elsewhere" >&2; exit 1; }
done
mkdir -p "$out"
# What another build or a dry run has left is not taken for this one's.
this="$(bin/krypton-gpu --version | head -1)${dry:+, dry}"
[ -e "$out/of" ] || echo "$this" >"$out/of"
[ "$(cat "$out/of")" = "$this" ] || { echo "first.sh: $out is of $(cat "$out/of"), and this is $this: name another folder" >&2; exit 1; }
SECONDS=0 # the budget is for the card
card=() short=() positions=(--patch 16 --stride 4) verify=8 time=1s
if [ -n "$dry" ]; then
	card=(bin/standin) short=(-test.short) positions=(--patch 32 --stride 96) verify=1 time=1x
	unset KRYPTON_DATA
fi

failed=() left=() notes=()
# step NAME SECONDS FUNCTION [ARGUMENT...]: what the function prints are rows "what TAB value TAB
# unit"; it is a step's result if the function succeeds within that time.
step() {
	local name=$1 limit=$2 rc=0
	shift 2
	[ ! -e "$out/$name.tsv" ] || { order+=("$name"); return 0; }
	if [ $((budget - SECONDS)) -lt 5 ]; then
		left+=("$name")
		return 0
	fi
	deadline=$((SECONDS + limit < budget ? SECONDS + limit : budget))
	echo "$name (at most $((deadline - SECONDS)) s)" >&2
	# Not in an if, where set -e would do nothing.
	set +e
	(set -e; "$@") >"$out/$name.part" 2>"$out/$name.log"
	rc=$?
	set -e
	if [ $rc = 0 ]; then
		mv "$out/$name.part" "$out/$name.tsv"
		order+=("$name")
		return 0
	fi
	if [ $SECONDS -ge "$budget" ]; then
		left+=("$name")
		return 0
	fi
	[ $rc != 124 ] || echo "it took more than $limit s" >>"$out/$name.log"
	failed+=("$name")
	echo "  failed: $(tail -n 1 "$out/$name.log") ($out/$name.log)" >&2
}
order=()
bounded() {
	local seconds=$((deadline - SECONDS))
	[ $seconds -gt 0 ] || return 124
	timeout -k 5 "$seconds" "$@"
}
row() { printf '%s\t%s\t%s\n' "$1" "$2" "${3:-}"; }

environment() {
	bounded "${card[@]}" bin/krypton-gpu env >"$out/env.txt"
	sed -n '/^graphics/,$s/^.\{13\}//p' "$out/env.txt" | while IFS= read -r line; do row "krypton-gpu env" "$line"; done
	if [ -z "$dry" ] && command -v nvidia-smi >/dev/null; then
		bounded nvidia-smi --query-gpu=name,driver_version,compute_cap,memory.total,clocks.max.sm,power.limit --format=csv,noheader | while IFS= read -r line; do row nvidia-smi "$line"; done || row nvidia-smi "does not answer"
	fi
}

# tests PATTERN: a test that finds no card skips itself, which is a failure here.
tests() {
	local log=$out/tests-$BASHPID.txt
	bounded "${card[@]}" bin/gpu.test -test.v "${short[@]}" -test.run "$1" >"$log" 2>&1 || { local rc=$?; grep -E '^ *(--- FAIL|[a-z_]*\.go:)' "$log" >&2 || tail -n 5 "$log" >&2; rm "$log"; return $rc; }
	cat "$log" >&2
	if grep -q '^--- SKIP' "$log" || ! grep -q '^--- PASS' "$log"; then
		echo "a test was skipped, or there was none: $(grep -m1 '\.go:' "$log")" >&2
		rm "$log"
		return 1
	fi
	grep -E '^--- PASS' "$log" | while read -r _ _ name seconds; do row "$name" pass "$seconds"; done
	[ "$1" != '^TestCardOpens$' ] || sed -n 's/^ *card_test\.go:[0-9]*: \(.*\)/card\t\1\t/p' "$log"
	rm "$log"
}

# number NAME FILE: a number of a map's record.
number() { sed -n "s/^ \"$1\": \([-+0-9.e]*\),*\$/\1/p" "$2"; }

# map NAME MODEL...: the card's scores must be those of the processors, and of whole runs, with
# Winograd's convolutions as processors choose them and without.
map() {
	local at=$out/map-$1 by
	shift
	one() {
		by=$1
		shift
		bounded "$@" obe models/sample.png "${model[@]}" "${positions[@]}" -q --force -o "$at-$by.png" --scores "$at-$by.npy" --scores "$at-$by.json" "${more[@]}" >&2
	}
	model=("$@")
	more=(); one cpu bin/krypton-gpu
	more=(--device gpu --verify "$verify"); one verified "${card[@]}" bin/krypton-gpu
	cmp "$at-cpu.npy" "$at-verified.npy" >&2
	more=(--device gpu); one card "${card[@]}" bin/krypton-gpu
	cmp "$at-cpu.npy" "$at-card.npy" >&2
	grep -q '"device": ' "$at-card.json" || { echo "the card did not answer" >&2; return 1; }
	more=(--kernels direct); one cpu-direct bin/krypton-gpu
	more=(--kernels direct --device gpu); one direct "${card[@]}" bin/krypton-gpu
	cmp "$at-cpu-direct.npy" "$at-direct.npy" >&2
	row "scores of the card and of processors" equal
	row "whole runs that updates equal" "$(number positions_verified "$at-verified.json")"
	row positions "$(number positions "$at-card.json")"
	local ran=(card direct) p
	for p in tf32 bf16; do # the card's own bits: some positions are run whole there
		more=(--device gpu --precision "$p" --verify "$verify"); one "$p-verified" "${card[@]}" bin/krypton-gpu
		if ! grep -q '"precision": "'"$p"'"' "$at-$p-verified.json"; then
			row "$p" "no layer takes it"
			continue
		fi
		row "whole runs in $p that updates equal" "$(number positions_verified "$at-$p-verified.json")"
		more=(--device gpu --precision "$p"); one "$p" "${card[@]}" bin/krypton-gpu
		cmp "$at-$p.npy" "$at-$p-verified.npy" >&2
		ran+=("$p")
	done
	for by in "${ran[@]}" cpu-direct cpu; do
		row "$by" "$(number positions "$at-$by.json" | awk -v s="$(number seconds_map "$at-$by.json")" '{ printf "%.6g", $1 / s }')" positions/s
	done
}

# Rows of $rows are what Go tells: of each kernel why it is as fast as it is.
kernels() {
	local rows=$out/kernels-rows.txt
	rm -f "$rows"
	KRYPTON_ROWS=$rows bounded "${card[@]}" bin/gpu.test "${short[@]}" -test.run '^$' -test.bench '^BenchmarkCard$' -test.benchtime "$time" >"$out/kernels.txt" 2>&1 || { cat "$out/kernels.txt" >&2; return 1; }
	cat "$out/kernels.txt" >&2
	awk '/^BenchmarkCard\// { for (i = 3; i < NF; i++) if ($(i + 1) == "GFLOP/s") { sub(/^BenchmarkCard\//, "", $1); sub(/-[0-9]+$/, "", $1); printf "%s\t%s\tGFLOP/s\n", $1, $i; n++ } }
		END { exit n == 0 }' "$out/kernels.txt"
	cat "$rows"
}

# profile MODEL: how the time of a chunk is spread over kernels.
profile() {
	local rows=$out/profile-rows-$BASHPID.txt
	KRYPTON_ROWS=$rows KRYPTON_PROFILE=$1 tests '^TestCardProfile$' >&2 || return
	cat "$rows"
	rm "$rows"
}

export_models() {
	bounded "$python" scripts/peers/export_models.py "$out/models" --only "$1" >&2
	row "$1" exported
}
torch() { bounded "$python" scripts/gpu/naive.py ${dry:+--dry} --seconds "$((deadline - SECONDS - 5))" "$1"; }
runtime() { bounded "$ort" scripts/gpu/naive.py ${dry:+--dry} --seconds "$((deadline - SECONDS - 5))" --onnx "$1" "$2"; }

step env 30 environment
step load 120 tests '^TestCardOpens$'
if [ -e "$out/load.tsv" ]; then
	step kinds 120 tests '^TestCardKinds$'
	[ -n "$dry${KRYPTON_DATA:-}" ] || notes+=("networks: random ones alone, as KRYPTON_DATA names no folder of trained ones")
	step networks 180 tests '^TestCard$'
	step tensor 60 tests '^TestCardPrecisions$'
	step map-builtin 120 map builtin
	step kernels 90 kernels
	step profile-builtin 30 profile models/shapes.onnx
	for m in "$@"; do
		name=$(basename "$m" .onnx)
		step "map-$name" 120 map "$name" --model "$m"
		step "profile-$name" 60 profile "$m"
	done
	python='' ort=''
	provider=$([ -n "$dry" ] && echo CPU || echo CUDA)ExecutionProvider
	for p in ${PYTHON:-} python3 /usr/bin/python3; do
		sees="import sys, torch; sys.exit(not (${dry:-0} or torch.cuda.is_available()))"
		timeout 60 "$p" -c "$sees" 2>/dev/null || continue
		python=${python:-$p}
		[ -n "$ort" ] || ! timeout 60 "$p" -c "import onnxruntime as o; assert '$provider' in o.get_available_providers()" 2>/dev/null || ort=$p
	done
	[ -n "$python" ] || notes+=("PyTorch: skipped, no python here has a torch that sees a card (PYTHON names one)")
	[ -n "$ort" ] || notes+=("ONNX Runtime: skipped, no python here has an onnxruntime with $provider beside such a torch")
	if [ -n "$dry" ]; then
		[ -z "$python" ] || step torch-builtin 60 torch builtin
		[ -z "$ort" ] || step onnxruntime-builtin 60 runtime models/shapes.onnx 128
	elif [ -n "$python" ]; then
		for net in vgg16 resnet18 inception_v3; do
			side=$([ $net = inception_v3 ] && echo 299 || echo 224)
			step "export-$net" 60 export_models "$net"
			[ ! -e "$out/export-$net.tsv" ] || step "map-$net" 120 map "$net" --model "$out/models/$net.onnx" --size "${side}x$side"
			[ ! -e "$out/export-$net.tsv" ] || step "profile-$net" 60 profile "$out/models/$net.onnx"
			step "torch-$net" 120 torch "$net"
			[ -z "$ort" ] || [ ! -e "$out/export-$net.tsv" ] || step "onnxruntime-$net" 60 runtime "$out/models/$net.onnx" "$side"
		done
	fi
else
	notes+=("nothing else was tried, as long as no card has loaded the kernels")
fi

# All rows, and how much faster than PyTorch and ONNX Runtime the card's maps are.
for name in "${order[@]}"; do sed "s/^/$name\t/" "$out/$name.tsv"; done | awk -F '\t' -v OFS='\t' '
	BEGIN { split("card direct tf32 bf16", by, " "); called["card"] = ""; called["direct"] = " by plain sums"; called["tf32"] = " in tf32"; called["bf16"] = " in bf16" }
	{ print; if ($1 ~ /^map-/ && $4 == "positions/s" && $2 in called) rate[substr($1, 5), $2] = $3
	  if ($1 ~ /^(torch|onnxruntime)-/ && $4 == "positions/s") { n++; net[n] = $1; sub(/^[a-z]*-/, "", net[n]); how[n] = $2; naive[n] = $3 } }
	END { for (i = 1; i <= n; i++) for (k = 1; k <= 4; k++) if ((net[i], by[k]) in rate && naive[i] > 0) printf "%s\tmap on the card%s, against %s\t%.3g\ttimes\n", net[i], called[by[k]], how[i], rate[net[i], by[k]] / naive[i] }' >"$out/rows.tsv"
for name in "${failed[@]}"; do printf '%s\t\tfailed: %s\t\n' "$name" "$(tail -n 1 "$out/$name.log" | tr '\t' ' ')"; done >>"$out/rows.tsv"
for name in "${left[@]}"; do printf '%s\t\tleft for the next start\t\n' "$name"; done >>"$out/rows.tsv"
for note in "${notes[@]}"; do printf 'note\t\t%s\t\n' "$note"; done >>"$out/rows.tsv"
{
	echo "$this"
	[ -z "$dry" ] || echo "An interpreter stood in for the card: times mean nothing."
	awk -F '\t' '{ printf "%-18s %-60s %s%s\n", $1, $2, $3, $4 == "" ? "" : " " $4 }' "$out/rows.tsv"
} | tee "$out/first.txt"
awk -F '\t' -v of="$this" -v dry="${dry:+true}" '
	function quoted(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); gsub(/[[:cntrl:]]/, " ", s); return "\"" s "\"" }
	BEGIN { printf "{\"of\": %s, \"dry\": %s, \"rows\": [", quoted(of), dry == "" ? "false" : "true" }
	{ printf "%s\n {\"step\": %s, \"what\": %s, \"value\": %s, \"unit\": %s}", (NR > 1 ? "," : ""), quoted($1), quoted($2), ($3 ~ /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$/ ? $3 : quoted($3)), quoted($4) }
	END { print "\n]}" }' "$out/rows.tsv" >"$out/first.json"
[ ${#failed[@]} = 0 ] || exit 1
[ ${#left[@]} = 0 ] || exit 75
