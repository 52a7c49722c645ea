#!/usr/bin/env bash
# dcmjs-imaging (Node, browser): a DICOM window whose function is LINEAR_EXACT is moved up by
# half its width.
#
# One would guess: LINEAR_EXACT is LINEAR without LINEAR's half a number (PS3.3 C.11.2.1.3.2
# and C.11.2.1.2.1): the window's center is middle grey, its lower end black, its upper end
# white, and the two functions differ by a level or two.
#
# What happens: the center is black, the upper end middle grey, and white comes half a width
# behind it. A window from -160 to 240 is drawn as one from 40 to 440: fat and water are
# black, soft tissue nearly so, and bone is grey. The same file with LINEAR, or without a
# function, is right. No error, no note.
#
# Where it comes from: the standard's own formula lacked its "+ 0.5" up to edition 2019c and has
# it since 2019d (fo-dicom/fo-dicom#1730); a reader written by the older text has it from there.
#
# Why it matters: LINEAR_EXACT is for numbers that are no integers (perfusion, diffusion, dose,
# uptake), for which LINEAR, which takes 1 off the width, is wrong or impossible. A network
# gets a picture whose lower half is gone, and a heat map says that nothing there mattered.
#
# Known elsewhere: the same thread, of a library in C#, mended in 2024; none found for this
# package. pydicom 2.3.1 has the + 0.5; dcmtk 3.6.7 takes LINEAR_EXACT for LINEAR.
#
# Versions: dcmjs-imaging 0.2.5, Node.js 20.
# Checked on 30 Nov 2026. Output then (center 40, width 400):
#   number:          -160 -100 0 40 100 200 240 300 440 1000
#   no function:     0 38 102 127 166 230 255 255 255 255
#   LINEAR:          0 38 102 127 166 230 255 255 255 255
#   LINEAR_EXACT:    0 0 0 0 38 102 127 165 255 255
#   by C.11.2.1.3.2: 0 38 102 127 165 229 255 255 255 255
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts dcmjs-imaging@0.2.5
cat > try.js <<'JS'
const { DicomImage } = require('dcmjs-imaging');

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
const CENTER = 40, WIDTH = 400;
const file = (stored, how) => {
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
    element(0x28, 0x103, 'US', short(1)),
    element(0x28, 0x1050, 'DS', text(CENTER)),
    element(0x28, 0x1051, 'DS', text(WIDTH)),
    element(0x28, 0x1052, 'DS', text(0)),
    element(0x28, 0x1053, 'DS', text(1)),
    ...how ? [element(0x28, 0x1056, 'CS', text(how))] : [],
    element(0x7fe0, 0x10, 'OW', Buffer.from(Int16Array.from(stored).buffer)),
  ]);
};
const drawn = (...about) => {
  const bytes = file(...about);
  const image = new DicomImage(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  return Array.from(new Uint8Array(image.render().pixels)).filter((_, i) => i % 4 === 0).join(' ');
};
const told = numbers => numbers.map(x => Math.trunc(255 * Math.min(1, Math.max(0, (x - CENTER) / WIDTH + 0.5)))).join(' ');
const scan = [-160, -100, 0, 40, 100, 200, 240, 300, 440, 1000];
const lines = [
  ['number', scan.join(' ')],
  ['no function', drawn(scan)],
  ['LINEAR', drawn(scan, 'LINEAR')],
  ['LINEAR_EXACT', drawn(scan, 'LINEAR_EXACT')],
  ['by C.11.2.1.3.2', told(scan)],
].map(([name, values]) => `${`${name}:`.padEnd(17)}${values}`);
console.log(lines.join('\n'));
const same = lines.join('\n') === `number:          -160 -100 0 40 100 200 240 300 440 1000
no function:     0 38 102 127 166 230 255 255 255 255
LINEAR:          0 38 102 127 166 230 255 255 255 255
LINEAR_EXACT:    0 0 0 0 38 102 127 165 255 255
by C.11.2.1.3.2: 0 38 102 127 165 229 255 255 255 255`;
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.js
