#!/usr/bin/env bash
# MNE (Python): a discontinuous EDF+ file loses its gaps, and its events stay where they were, so
# that they name other samples than those they were written beside.
#
# One would guess: each data record of EDF+D has its own time (EDF+ 2.2.4, the first annotation of
# a record), gaps are what the format is for, and MNE has marks for them (BAD_ACQ_SKIP, in FIF and
# others). Or that such a file is refused, or warned of.
#
# What happens: the records are put one behind the other from time 0, without a word. The events,
# whose times count from the file's beginning, keep these: each gap moves all that follow it
# away from their samples. What then lies behind the end is omitted, with a warning about
# annotations outside of the data.
#
# Why it matters: long-term EEG and sleep recordings are stored like this (pauses, electrodes
# changed, clips of seizures cut out of days). Epochs around events hold something else, a
# few seconds off where the gaps are short, which no plot shows; a network learns from them.
#
# Known: github.com/mne-tools/mne-python, issue 13429 (of 2025, open when this was written).
# libbiosig 2.5.0 leaves gaps out as well.
#
# Versions: MNE 1.3.0+dfsg-1, NumPy 1.24.2, SciPy 1.10.1, Python 3.11 (Debian 12, x64; this script
# needs its apt).
# Checked on 30 Nov 2026. Output then (four records of a second, which begin at 0, 1, 3 and 4 s;
# the signal is 10 microvolts, 20, 30 and 40 in them; an event in the middle of each is called
# by the number of microvolts beside it):
#   4 s of data, warnings: Omitted 1 annotation(s) that were outside data range.
#   event 10 at 0.5 s: the signal is 10 there
#   event 20 at 1.5 s: the signal is 20 there
#   event 30 at 3.5 s: the signal is 40 there
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get download -qq -o APT::Sandbox::User=root python3-mne=1.3.0+dfsg-1 python3-numpy=1:1.24.2-1+deb12u1 python3-scipy=1.10.1-2 \
    python3-decorator python3-tqdm python3-packaging python3-jinja2 python3-markupsafe python3-pkg-resources \
    python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libblas3 liblapack3 libgfortran5 libquadmath0 libexpat1 libffi8 libssl3 \
    libbz2-1.0 liblzma5 zlib1g libsqlite3-0 libstdc++6
for package in *.deb; do dpkg-deb -x "$package" root; done
lib="$dir/root/usr/lib/x86_64-linux-gnu"
export LD_LIBRARY_PATH="$lib:$lib/blas:$lib/lapack:$dir/root/lib/x86_64-linux-gnu" HOME="$dir"
export PYTHONHOME="$dir/root/usr" PYTHONPATH="$dir/root/usr/lib/python3/dist-packages"
cat > try.py <<'PY'
import sys
import warnings
import numpy as np
import mne

begins, rate = [0, 1, 3, 4], 100


def field(values, width):
    return b''.join(str(v).encode().ljust(width) for v in values)


# Two signals: the EEG, 0.1 microvolts a step, and annotations (EDF+ 2.2).
head = field(['0'], 8) + field(['X X X X', 'Startdate 01-JAN-2020 X X X'], 80) + b'01.01.2000.00.00'
head += field([768], 8) + field(['EDF+D'], 44) + field([len(begins)], 8) + field([1], 8) + field([2], 4)
for width, values in [(16, ['EEG Fz', 'EDF Annotations']), (80, ['', '']), (8, ['uV', '']), (8, ['-3276.8', '-1']),
                      (8, ['3276.7', '1']), (8, ['-32768', '-32768']), (8, ['32767', '32767']), (80, ['', '']), (8, [rate, 30]), (32, ['', ''])]:
    head += field(values, width)
with open('gaps.edf', 'wb') as f:
    f.write(head)
    for i, begin in enumerate(begins):
        microvolts = 10 * (i + 1)
        f.write(np.full(rate, 10 * microvolts, '<i2').tobytes())
        f.write(f'+{begin}\x14\x14\0+{begin}.5\x14{microvolts}\x14\0'.encode().ljust(60, b'\0'))

lines = []
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter('always')
    raw = mne.io.read_raw_edf('gaps.edf', preload=True, verbose='WARNING')
said = [str(w.message) for w in said if issubclass(w.category, RuntimeWarning)]
lines.append(f"{raw.n_times // rate} s of data, warnings: {' '.join(said)}")
for a in raw.annotations:
    there = raw.get_data()[0, int(a['onset'] * rate)] * 1e6
    lines.append(f"event {a['description']} at {a['onset']} s: the signal is {there:.0f} there")
print('\n'.join(lines))
same = '\n'.join(lines) == """4 s of data, warnings: Omitted 1 annotation(s) that were outside data range.
event 10 at 0.5 s: the signal is 10 there
event 20 at 1.5 s: the signal is 20 there
event 30 at 3.5 s: the signal is 40 there"""
print('still so' if same else 'CHANGED')
sys.exit(0 if same else 1)
PY
root/usr/bin/python3.11 -S try.py
