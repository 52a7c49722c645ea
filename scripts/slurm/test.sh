#!/usr/bin/env bash
# Runs a batch as a Slurm array, on a cluster of one node made for it here;
# interrupts tasks in all the ways that a cluster knows; and compares all outputs,
# byte for byte, with those of one process. Uses bin/krypton, or $KRYPTON.
set -euo pipefail
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d "${TMPDIR:-/tmp}/krypton-slurm.XXXXXX")
work=$scratch/work
. scripts/slurm/daemons.sh

end() {
	local code=$?
	set +e
	stop_slurm
	if [ $code != 0 ]; then
		echo "FAILED; the end of each log:"
		tail -n 15 "$scratch"/*.log "$work"/*.log
	fi
	rm -rf "$scratch"
	exit $code
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
fail() { echo "test-slurm: $*" >&2; exit 1; }
step() { printf '%3ds  %s\n' "$SECONDS" "$*"; }

KRYPTON=$(realpath "${KRYPTON:-bin/krypton}")
export KRYPTON
[ -x "$KRYPTON" ] || fail "no $KRYPTON: make build"
array=$PWD/deploy/slurm/krypton-array.sbatch
merge=$PWD/deploy/slurm/merge.sbatch
shards=8 pictures=200
mkdir "$work"

install_slurm
step "draw $pictures pictures"
go run ./scripts/slurm/pictures -n "$pictures" -side 64 -o "$scratch/pictures"
run=(--manifest "$scratch/pictures/list.txt" --stride 8)

cpus=$(nproc)
[ "$cpus" -le 4 ] || cpus=4
write_slurm_conf "$cpus"
start_slurm
step "$(sbatch --version) is up, $cpus processors"

# submit starts the array and the merging that waits for it.
submit() {
	job=$(sbatch --parsable --chdir="$work" --array="1-$shards" --cpus-per-task=1 --time=10 "$array" "${run[@]}" --out-dir "$scratch/array")
	merging=$(sbatch --parsable --chdir="$work" --dependency="afterany:$job" "$merge" "$scratch/array")
}

# term has a task's script told TERM, as Slurm does shortly before the time limit.
# scancel would repeat that five seconds later, for the task is being requeued
# when it asks whether the signal was heard.
term() { timeout 3 scancel --signal=TERM --batch "$1" & }

field() { scontrol --oneliner show job "$1" | sed -n "s/.* $2=\([^ ]*\).*/\1/p"; }
running() { [ "$(squeue --noheader --jobs="$1" --format=%T)" = RUNNING ]; }

# in_midrun waits until a task has done some of its items, and not all.
in_midrun() {
	local journal="$scratch/array/.krypton/shard-$1-of-$shards.jsonl"
	until_true 60 has_lines "$journal" 4 || fail "task $1 has done nothing"
	running "${job}_$1" || fail "task $1 was too quick to be interrupted"
}
has_lines() { [ -f "$1" ] && [ "$(wc -l <"$1")" -ge "$2" ]; }

# wait_for waits for a job; what was requeued starts without its two minutes.
wait_for() {
	local end=$((SECONDS + 90)) id
	while [ "$(squeue --noheader --jobs="$1" --format=%T 2>/dev/null)" != "" ]; do
		[ "$SECONDS" -lt "$end" ] || { squeue; fail "job $1 does not end"; }
		for id in $(squeue --noheader --array --states=PENDING --format='%i %r' | awk '$2 == "BeginTime" {print $1}'); do
			scontrol update jobid="$id" StartTime=now || true # it may have started by now
		done
		sleep 0.3
	done
}

submit
step "array $job of $shards tasks; $merging merges"
in_midrun 1
term "${job}_1"
step "task 1: TERM, as shortly before the time limit"
in_midrun 2
scontrol requeue "${job}_2"
step "task 2: requeued by Slurm, as at a preemption"
in_midrun 3
scancel "${job}_3"
step "task 3: cancelled"
in_midrun $shards
term "${job}_$shards"
step "task $shards: TERM"
wait_for "$merging"
step "all tasks have ended"

for task in $(seq "$shards"); do
	want=0
	case $task in 1 | 2 | "$shards") want=1 ;; esac
	got=$(field "${job}_$task" Restarts)
	[ "$got" = "$want" ] || fail "task $task was restarted ${got:-?} times, not $want"
	log=$work/krypton-${job}_$task.log
	if [ $want = 1 ]; then
		grep -q "task ${job}_$task, restart 1\$" "$log" || fail "task $task has not seen SLURM_RESTART_COUNT=1"
	fi
	state=COMPLETED
	[ "$task" != 3 ] || state=CANCELLED
	got=$(field "${job}_$task" JobState)
	[ "$got" = $state ] || fail "task $task is $got, not $state"
done
for task in 1 $shards; do
	grep -q 'exit code 143, requeue after 0 restarts' "$work/krypton-${job}_$task.log" || fail "task $task did not requeue itself"
done
! grep -q 'requeue after' "$work/krypton-${job}_2.log" "$work/krypton-${job}_3.log" || fail "task 2 or 3 requeued itself"
[ "$(field "$merging" ExitCode)" = 3:0 ] || fail "merging exited with $(field "$merging" ExitCode), though task 3 was cancelled"
cat "$work/krypton-merge-$merging.log" | tail -n 1
step "1, 2 and $shards were requeued once and went on; 3 stayed cancelled; merging says so"

submit
step "array $job: the same again"
wait_for "$merging"
[ "$(field "$merging" ExitCode)" = 0:0 ] || fail "merging exited with $(field "$merging" ExitCode)"
cat "$work/krypton-merge-$merging.log"

step "the same in one process"
"$KRYPTON" obe "${run[@]}" --out-dir "$scratch/one" --quiet
compared=$(find "$scratch/one" -name '*.png' | wc -l)
[ "$compared" = "$pictures" ] || fail "one process wrote $compared pictures"
[ "$(wc -l <"$scratch/one/results.jsonl")" = "$pictures" ] || fail "results.jsonl has not $pictures lines"
diff -r --exclude=.krypton --exclude=timings.jsonl "$scratch/array" "$scratch/one" || fail "the array's outputs differ from those of one process"
step "results.jsonl and $compared outputs are the same, byte for byte"
