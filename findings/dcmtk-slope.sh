#!/usr/bin/env bash
# dcmtk (dcm2pnm, dcmj2pnm, what is built upon it): numbers of a DICOM file are cut to integers
# behind slope and intercept, so that a small slope leaves a few levels of grey, or none.
#
# One would guess: slope and intercept are decimals (PS3.3 C.11.1: output = slope times stored
# plus intercept), and the window, a decimal too, is laid over what they give. From least to
# greatest, 16 bits of stored numbers fill 256 levels, whatever the slope is.
#
# What happens: the numbers behind the slope are held as integers, fractions cut off. With slope
# 0.0001 a ramp from 0 to 3.264 becomes 0, 1, 2, 3: four levels of grey and no word. With 1/65535
# all is black but the greatest number itself: that is the standard's own example of how
# numbers from 0 to 1 may be stored (A.8.4.4, grayscale word secondary capture). With slope 0.01
# a fifth of the levels is gone. The file's own window goes the same way.
#
# Why it matters: parametric maps (diffusion, perfusion, uptake), normalized pictures, and
# probabilities and heat maps that networks write are stored like this. A PNG made of them looks
# like a segmentation, and whatever is trained or judged on it has lost all but two bits.
#
# Known: forum.dcmtk.org, topic 2992 (such numbers are not what the pixels are for, says a
# developer). dcmjs-imaging 0.2.5 (Node) cuts as well, and takes a slope below 0.1 for 1, with a
# warning, but keeps the window. pydicom 2.3.1 gives float64.
#
# Versions: dcmtk 3.6.7-9~deb12u4 (Debian 12, x64; this script needs its apt), Node.js 20.
# Checked on 30 Nov 2026. Output then (256 stored numbers, 0 128 256 ... 32640, or 0 257 ...
# 65535 for the slope of 1/65535; "least to greatest" is dcm2pnm's +Wm, "window" its +Wi 1):
#   slope 1, 0 to 32640.000: least to greatest 256 levels (0 63 127 191 254 255), window 256 levels (0 63 127 191 254 255)
#   slope 0.01, 0 to 326.400: least to greatest 206 levels (0 62 126 190 254 255), window 245 levels (0 62 126 190 253 254)
#   slope 0.001, 0 to 32.640: least to greatest 33 levels (0 63 127 191 255 255), window 33 levels (0 62 125 187 250 250)
#   slope 0.0001, 0 to 3.264: least to greatest 4 levels (0 0 85 170 255 255), window 4 levels (0 0 78 156 234 234)
#   slope 0.000015259022, 0 to 1.000: least to greatest 2 levels (0 0 0 0 0 255), window 2 levels (0 0 0 0 0 255)
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get download -qq -o APT::Sandbox::User=root dcmtk=3.6.7-9~deb12u4 libdcmtk17=3.6.7-9~deb12u4 libtiff6 libpng16-16 \
    libxml2 libwebp7 libzstd1 liblzma5 liblerc4 libjbig0 libjpeg62-turbo libdeflate0 libicu72
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH="$dir/root/usr/lib/x86_64-linux-gnu" DCMDICTPATH="$dir/root/usr/share/libdcmtk17/dicom.dic"
cat > try.js <<'JS'
const fs = require('fs');
const { execFileSync } = require('child_process');

// One element of explicit little-endian DICOM.
const element = (group, number, vr, value) => {
  if (value.length % 2) value = Buffer.concat([value, Buffer.from(vr === 'UI' ? '\0' : ' ')]);
  const long = vr === 'OW';
  const head = Buffer.alloc(long ? 12 : 8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(number, 2);
  head.write(vr, 4);
  if (long) head.writeUInt32LE(value.length, 8); else head.writeUInt16LE(value.length, 6);
  return Buffer.concat([head, value]);
};
const text = s => Buffer.from(String(s));
const short = v => { const b = Buffer.alloc(2); b.writeUInt16LE(v); return b; };
const file = (stored, slope, center, width) => {
  const meta = Buffer.concat([
    element(2, 2, 'UI', text('1.2.840.10008.5.1.4.1.1.7')),
    element(2, 3, 'UI', text('1.2.3.4')),
    element(2, 16, 'UI', text('1.2.840.10008.1.2.1')),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  return Buffer.concat([
    Buffer.alloc(128), text('DICM'), element(2, 0, 'UL', length), meta,
    element(8, 0x16, 'UI', text('1.2.840.10008.5.1.4.1.1.7')),
    element(8, 0x18, 'UI', text('1.2.3.4')),
    element(0x28, 2, 'US', short(1)),
    element(0x28, 4, 'CS', text('MONOCHROME2')),
    element(0x28, 0x10, 'US', short(1)),
    element(0x28, 0x11, 'US', short(stored.length)),
    element(0x28, 0x100, 'US', short(16)),
    element(0x28, 0x101, 'US', short(16)),
    element(0x28, 0x102, 'US', short(15)),
    element(0x28, 0x103, 'US', short(0)),
    element(0x28, 0x1050, 'DS', text(center)),
    element(0x28, 0x1051, 'DS', text(width)),
    element(0x28, 0x1052, 'DS', text(0)),
    element(0x28, 0x1053, 'DS', text(slope)),
    element(0x7fe0, 0x10, 'OW', Buffer.from(Uint16Array.from(stored).buffer)),
  ]);
};
const lines = [];
for (const [slope, step] of [['1', 128], ['0.01', 128], ['0.001', 128], ['0.0001', 128], ['0.000015259022', 257]]) {
  const stored = Array.from({ length: 256 }, (_, i) => i * step), most = slope * stored[255];
  // A window of width 1 + the range, as LINEAR takes 1 off (C.11.2.1.2.1), and 0.5 beside the middle.
  fs.writeFileSync('ramp.dcm', file(stored, slope, (most / 2 + 0.5).toFixed(6), (most + 1).toFixed(6)));
  const levels = option => {
    const picture = execFileSync('root/usr/bin/dcm2pnm', [...option, '+op', 'ramp.dcm'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const grey = Array.from(picture.subarray(picture.length - 256)); // a PGM: the pixels come last
    return `${new Set(grey).size} levels (${[0, 63, 127, 191, 254, 255].map(i => grey[i]).join(' ')})`;
  };
  lines.push(`slope ${slope}, 0 to ${most.toFixed(3)}: least to greatest ${levels(['+Wm'])}, window ${levels(['+Wi', '1'])}`);
}
console.log(lines.join('\n'));
const same = lines.join('\n') === `slope 1, 0 to 32640.000: least to greatest 256 levels (0 63 127 191 254 255), window 256 levels (0 63 127 191 254 255)
slope 0.01, 0 to 326.400: least to greatest 206 levels (0 62 126 190 254 255), window 245 levels (0 62 126 190 253 254)
slope 0.001, 0 to 32.640: least to greatest 33 levels (0 63 127 191 255 255), window 33 levels (0 62 125 187 250 250)
slope 0.0001, 0 to 3.264: least to greatest 4 levels (0 0 85 170 255 255), window 4 levels (0 0 78 156 234 234)
slope 0.000015259022, 0 to 1.000: least to greatest 2 levels (0 0 0 0 0 255), window 2 levels (0 0 0 0 0 255)`;
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.js
