#!/usr/bin/env bash
# go install ADDRESS/cmd/krypton@VERSION, as users would run it if the module's path were
# ADDRESS: a copy of the last commit gets such a path, a folder serves it as a proxy, and the
# command that is installed from there must know its version from what go wrote into it.
#   scripts/install.sh [ADDRESS VERSION]
set -euo pipefail
cd "$(dirname "$0")/.."
address=${1:-example.org/krypton} version=${2:-v0.0.1}
work=$(mktemp -d)
modules=$(go env GOMODCACHE)
forget() { for d in "$modules"/{,cache/download/}"$address"*; do [ ! -e "$d" ] || { chmod -R u+w "$d"; rm -rf "$d"; }; done; }
trap 'forget; rm -rf "$work"' EXIT
mkdir -p "$work/copy/$address@$version" "$work/proxy/$address/@v"
copy=$work/copy/$address@$version at=$work/proxy/$address/@v/$version
git archive HEAD | tar -x -C "$copy"
# The address stands for the path in go.mod, and in imports and tests' lists of them.
sed -i "s,^module krypton\$,module $address," "$copy/go.mod"
grep -rlZ --include='*.go' '"krypton/' "$copy" | xargs -0 sed -i "s,\"krypton/,\"$address/,g"
# Modules of their own are not part of this one.
find "$copy" -mindepth 2 -name go.mod -printf '%h\0' | xargs -0 -r rm -rf
cp "$copy/go.mod" "$at.mod"
printf '{"Version":"%s","Time":"%s"}\n' "$version" "$(TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)" > "$at.info"
echo "$version" > "$work/proxy/$address/@v/list"
python3 - "$work/copy" "$at.zip" <<'PY'
import pathlib, sys, zipfile
root = pathlib.Path(sys.argv[1])
with zipfile.ZipFile(sys.argv[2], 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as z:
    for path in sorted(root.rglob('*')):
        if path.is_file():
            z.write(path, path.relative_to(root))
PY
GOFLAGS= CGO_ENABLED=0 GOBIN=$work/bin GONOSUMDB=$address GOPROXY="file://$work/proxy,$(go env GOPROXY)" \
	go install "$address/cmd/krypton@$version"
said=$("$work/bin/krypton" --version)
echo "$said"
[[ $said == "krypton $version "* ]] || { echo "not $version" >&2; exit 1; }
"$work/bin/krypton" obe --stride 16 -q -o "$work/map.png"
