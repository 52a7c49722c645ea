#!/usr/bin/env bash
# A second opinion on the cards' kernels: pocl compiles their source for this machine's processors,
# and what it leaves in memory is compared, bit for bit, with what the interpreter of their PTX
# leaves, for every launch of the tests of internal/gpu (Debian: pocl-opencl-icd, opencl-headers,
# ocl-icd-opencl-dev, gcc). Fails where a kernel has not been compared, but for those of tensor
# cores, which are made of instructions that pocl has not.
set -euo pipefail
cd "$(dirname "$0")/../.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
export KRYPTON_OPENCL=1 POCL_CACHE_DIR="${POCL_CACHE_DIR:-$out}"
fails() {
	cat "$out/log" >&2
	exit 1
}
${GO:-go} test -count=1 -v ./internal/gpu/kernels >"$out/log" 2>&1 || fails
${GO:-go} test -count=1 -v -run '^Test(Kinds|Streams)$' ./internal/gpu >>"$out/log" 2>&1 || fails
grep '^opencl: OpenCL' "$out/log" | head -1
sed -n 's/^OpenCL: \(.*\): \([0-9]*\) launches compared$/\1 \2/p' "$out/log" |
	awk '{n[$1] += $2; all += $2} END {for (k in n) print k > "'"$out"'/compared"; printf "%d launches of %d kernels have the same bits\n", all, length(n)}'
missing=$(grep -o '^\.visible \.entry [a-z_0-9]*' internal/gpu/kernels/kernels.ptx | cut -d' ' -f3 | grep -vxE 'convolve_(tf32|bf16)' | grep -vxFf "$out/compared" || true)
if [ "$missing" ]; then
	echo "not compared:" $missing >&2
	exit 1
fi
