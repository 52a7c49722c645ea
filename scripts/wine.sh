#!/usr/bin/env bash
# Runs a Windows program under wine: go test -exec "$PWD/scripts/wine.sh". The prefix is
# bin/wine, or where WINEPREFIX says; go run ./scripts/wine makes it.
set -euo pipefail
: "${WINEPREFIX:=$(cd "$(dirname "$0")/.." && pwd)/bin/wine}"
export WINEPREFIX WINEDEBUG="${WINEDEBUG:--all}" WINEDLLOVERRIDES="${WINEDLLOVERRIDES:-mscoree,mshtml=}"
unset DISPLAY
exec wine "$@"
