#!/usr/bin/env bash
# pydicom (Python): apply_voi_lut turns a picture's greys around where its slope is negative.
#
# One would guess: the window is laid over what slope and intercept give (PS3.3 C.11.2.1.2: what
# lies below it becomes the least number of the output, what lies above the greatest), so that
# two files of the same numbers are the same picture, however they store them.
#
# What happens: the ends of the output are the slope times the least and the greatest number that
# can be stored, plus intercept. With a negative slope the first is the greater one: what lies
# below the window becomes the greatest number, and the scan comes out as its negative. What
# follows (less the least, by the range, times 255) hides it. LINEAR_EXACT and SIGMOID go the
# same way. apply_modality_lut is right. No warning.
#
# Why it matters: such files are real (CR by Agfa with slope -10 and intercept 3000, as
# github.com/OHIF/Viewers, issue 127, has them; detectors count light, and film is dark where
# there is much). The two calls are what pydicom's own documentation shows for display, and what
# data sets are made with: lungs become white, and a network is trained on both.
#
# No thread found about pydicom; its later versions have the same lines (pixels/processing.py).
#
# Versions: pydicom 2.3.1-1, NumPy 1.24.2, Python 3.11 (Debian 12, x64; this script needs its apt).
# Checked on 30 Nov 2026. Output then (the numbers behind slope and intercept are 450, 700, 950,
# 1200 and 1450 in both files, the window goes from 550 to 1350; brightness of 0 to 255):
#   LINEAR, slope 10: 0 48 128 207 255
#   LINEAR, slope -10: 255 207 127 48 0
#   LINEAR_EXACT, slope 10: 0 48 128 207 255
#   LINEAR_EXACT, slope -10: 255 207 128 48 0
#   SIGMOID, slope 10: 0 44 128 211 255
#   SIGMOID, slope -10: 255 211 128 44 0
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get download -qq -o APT::Sandbox::User=root python3-pydicom=2.3.1-1 python3-numpy=1:1.24.2-1+deb12u1 \
    python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libblas3 liblapack3 libgfortran5 libquadmath0 libexpat1 libffi8 libssl3 \
    libbz2-1.0 liblzma5 zlib1g libsqlite3-0
for package in *.deb; do dpkg-deb -x "$package" root; done
lib="$dir/root/usr/lib/x86_64-linux-gnu"
export LD_LIBRARY_PATH="$lib:$lib/blas:$lib/lapack:$dir/root/lib/x86_64-linux-gnu" PYTHONHOME="$dir/root/usr" PYTHONPATH="$dir/root/usr/lib/python3/dist-packages"
cat > try.py <<'PY'
import sys
import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixel_data_handlers.util import apply_modality_lut, apply_voi_lut

lines = []
for function in ['LINEAR', 'LINEAR_EXACT', 'SIGMOID']:
    # The same five numbers: bright places are stored high, and, as on film, low.
    for slope, intercept, stored in [(10, 450, [0, 25, 50, 75, 100]), (-10, 3000, [255, 230, 205, 180, 155])]:
        ds = Dataset()
        ds.PhotometricInterpretation, ds.PixelRepresentation, ds.BitsStored = 'MONOCHROME2', 0, 8
        ds.RescaleSlope, ds.RescaleIntercept = str(slope), str(intercept)
        ds.WindowCenter, ds.WindowWidth, ds.VOILUTFunction = '950', '800', function
        numbers = apply_modality_lut(np.array(stored, np.uint8), ds)
        assert numbers.tolist() == [450, 700, 950, 1200, 1450], numbers
        shown = apply_voi_lut(numbers, ds)
        grey = (shown - shown.min()) / (shown.max() - shown.min()) * 255
        lines.append(f"{function}, slope {slope}: {' '.join(str(int(round(v))) for v in grey)}")
print('\n'.join(lines))
same = '\n'.join(lines) == """LINEAR, slope 10: 0 48 128 207 255
LINEAR, slope -10: 255 207 127 48 0
LINEAR_EXACT, slope 10: 0 48 128 207 255
LINEAR_EXACT, slope -10: 255 207 128 48 0
SIGMOID, slope 10: 0 44 128 211 255
SIGMOID, slope -10: 255 211 128 44 0"""
print('still so' if same else 'CHANGED')
sys.exit(0 if same else 1)
PY
root/usr/bin/python3.11 -S try.py
