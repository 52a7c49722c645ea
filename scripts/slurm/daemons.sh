# Sourced by test.sh: a Slurm cluster of one node, this machine, that needs
# neither systemd nor root, in the folder $scratch. Nothing of it outlives
# stop_slurm.

# install_slurm gets what is missing through apt-get.
install_slurm() {
	local missing='' program
	for program in munged slurmctld slurmd sbatch scontrol; do
		PATH=$PATH:/usr/sbin:/sbin command -v "$program" >/dev/null || missing="$missing $program"
	done
	[ -n "$missing" ] || return 0
	echo "no$missing: install Slurm through apt-get"
	local sudo=''
	[ "$(id -u)" = 0 ] || sudo=sudo
	$sudo apt-get update -qq
	# Without a runlevel that starts services the packages only install.
	$sudo env RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
		slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge >"$scratch/apt.log" 2>&1 ||
		{ cat "$scratch/apt.log"; return 1; }
}

# write_slurm_conf makes $scratch/slurm.conf for $1 processors.
write_slurm_conf() {
	local host user port
	host=$(hostname -s)
	user=$(id -un)
	port=$((20000 + $$ % 10000 * 2))
	cat >"$scratch/slurm.conf" <<END
ClusterName=krypton
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$scratch/munge.sock
SlurmUser=$user
SlurmdUser=$user
StateSaveLocation=$scratch/state
SlurmdSpoolDir=$scratch/spool
SlurmctldPidFile=$scratch/slurmctld.pid
SlurmdPidFile=$scratch/slurmd.pid
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/filetxt
JobCompLoc=$scratch/jobcomp.txt
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$1 RealMemory=1000 State=UNKNOWN
PartitionName=test Nodes=$host Default=YES MaxTime=INFINITE State=UP
END
}

daemons=()

# start_slurm starts the three daemons and waits until the node is idle.
start_slurm() {
	PATH=$PATH:/usr/sbin:/sbin
	export SLURM_CONF=$scratch/slurm.conf
	mkdir -p "$scratch/state" "$scratch/spool"
	(umask 077 && head -c 128 /dev/urandom >"$scratch/munge.key") && chmod 400 "$scratch/munge.key"
	munged --foreground --force --socket="$scratch/munge.sock" --key-file="$scratch/munge.key" \
		--pid-file="$scratch/munged.pid" --log-file="$scratch/munged.log" --seed-file="$scratch/munge.seed" >"$scratch/munged.out" 2>&1 &
	daemons+=($!)
	until_true 10 test -S "$scratch/munge.sock" || { cat "$scratch/munged.out"; return 1; }
	slurmctld -D -f "$SLURM_CONF" >"$scratch/slurmctld.log" 2>&1 &
	daemons+=($!)
	slurmd -D -f "$SLURM_CONF" >"$scratch/slurmd.log" 2>&1 &
	daemons+=($!)
	until_true 30 node_is_idle || { tail -n 20 "$scratch/slurmctld.log" "$scratch/slurmd.log"; return 1; }
}

node_is_idle() { [ "$(sinfo --noheader --format=%t 2>/dev/null)" = idle ]; }

# stop_slurm ends all jobs, then the daemons, each by its process id.
stop_slurm() {
	local pid
	if [ ${#daemons[@]} = 3 ] && [ -n "$(squeue --noheader 2>/dev/null)" ]; then
		scancel --user="$(id -un)" 2>/dev/null
		until_true 10 queue_is_empty
	fi
	for pid in $(printf '%s\n' "${daemons[@]}" | tac); do
		kill -TERM "$pid" 2>/dev/null
		until_true 10 gone "$pid" || kill -KILL "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	daemons=()
}

queue_is_empty() { [ -z "$(squeue --noheader 2>/dev/null)" ]; }
gone() { ! kill -0 "$1" 2>/dev/null; }

# until_true runs a command every tenth of a second until it succeeds, for $1
# seconds at most.
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}
