#!/usr/bin/env bash
# itk-wasm (ITK in WebAssembly): numbers of DICOM files that are MONOCHROME1 come out turned
# over, before slope and intercept are applied to them.
#
# One would guess: a reader that gives numbers and not a picture gives slope times stored
# plus intercept (the modality transformation, PS3.3 C.11.1.1), whatever is to be drawn
# white. MONOCHROME1 says how to show them: the least as white, behind all windows
# (C.7.6.3.1.2).
#
# What happens: of 12 bits 0, 100, 2000, 4095 with slope 1 and intercept -1024 the reader
# gives 3071, 2971, 1071, -1024: 4095 minus stored, and then the intercept. Signed numbers
# become -1 minus stored. The same file with MONOCHROME2 is right. Neither the image nor its
# metadata says that this was done: the metadata still holds 0028|0004 MONOCHROME1, so that
# whoever inverts by it, as one would, gets the negative.
#
# Why it matters: thresholds, densities and what a network was trained on by pydicom, which
# gives stored numbers, are others. Radiographs are often MONOCHROME1.
#
# Known as a habit of ITK: SimpleITK/SimpleITK#2336.
#
# Versions: @itk-wasm/image-io 1.6.1.
# Checked on 30 Nov 2026. Output then:
#   MONOCHROME2 unsigned: -1024 -924 976 3071
#   MONOCHROME1 unsigned: 3071 2971 1071 -1024
#   MONOCHROME2 signed: -1024 0 100 2000
#   MONOCHROME1 signed: 1023 -1 -101 -2001
#   metadata of the last: 0028|0004 MONOCHROME1
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @itk-wasm/image-io@1.6.1
cat > try.mjs <<'JS'
import fs from 'node:fs';
import { readImageNode } from '@itk-wasm/image-io';

// One element of explicit little-endian DICOM.
const element = (group, number, vr, value) => {
  if (value.length % 2) value = Buffer.concat([value, Buffer.from(vr === 'UI' ? '\0' : ' ')]);
  const long = vr === 'OW' || vr === 'OB';
  const head = Buffer.alloc(long ? 12 : 8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(number, 2);
  head.write(vr, 4);
  if (long) head.writeUInt32LE(value.length, 8); else head.writeUInt16LE(value.length, 6);
  return Buffer.concat([head, value]);
};
const text = s => Buffer.from(s);
const short = v => { const b = Buffer.alloc(2); b.writeUInt16LE(v); return b; };
const file = (photometric, stored, bits, signed, intercept) => {
  const meta = Buffer.concat([
    element(2, 2, 'UI', text('1.2.840.10008.5.1.4.1.1.7')),
    element(2, 3, 'UI', text('1.2.3.4')),
    element(2, 16, 'UI', text('1.2.840.10008.1.2.1')),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  const pixels = Buffer.alloc(stored.length * 2);
  stored.forEach((v, i) => signed ? pixels.writeInt16LE(v, 2 * i) : pixels.writeUInt16LE(v, 2 * i));
  return Buffer.concat([
    Buffer.alloc(128), text('DICM'), element(2, 0, 'UL', length), meta,
    element(8, 0x16, 'UI', text('1.2.840.10008.5.1.4.1.1.7')),
    element(8, 0x18, 'UI', text('1.2.3.4')),
    element(8, 0x60, 'CS', text('OT')),
    element(0x28, 2, 'US', short(1)),
    element(0x28, 4, 'CS', text(photometric)),
    element(0x28, 0x10, 'US', short(1)),
    element(0x28, 0x11, 'US', short(stored.length)),
    element(0x28, 0x100, 'US', short(16)),
    element(0x28, 0x101, 'US', short(bits)),
    element(0x28, 0x102, 'US', short(bits - 1)),
    element(0x28, 0x103, 'US', short(signed ? 1 : 0)),
    element(0x28, 0x1052, 'DS', text(String(intercept))),
    element(0x28, 0x1053, 'DS', text('1')),
    element(0x7fe0, 0x10, 'OW', pixels),
  ]);
};
const lines = [];
let last;
for (const [kind, stored, bits, signed, intercept] of [
  ['unsigned', [0, 100, 2000, 4095], 12, false, -1024],
  ['signed', [-1024, 0, 100, 2000], 16, true, 0],
])
  for (const photometric of ['MONOCHROME2', 'MONOCHROME1']) {
    const name = `${photometric}-${kind}.dcm`;
    fs.writeFileSync(name, file(photometric, stored, bits, signed, intercept));
    last = await readImageNode(name);
    lines.push(`${photometric} ${kind}: ${Array.from(last.data).join(' ')}`);
  }
lines.push(`metadata of the last: 0028|0004 ${String(last.metadata.get('0028|0004')).trim()}`);
console.log(lines.join('\n'));
const same = lines.join('\n') === `MONOCHROME2 unsigned: -1024 -924 976 3071
MONOCHROME1 unsigned: 3071 2971 1071 -1024
MONOCHROME2 signed: -1024 0 100 2000
MONOCHROME1 signed: 1023 -1 -101 -2001
metadata of the last: 0028|0004 MONOCHROME1`;
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.mjs
