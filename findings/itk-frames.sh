#!/usr/bin/env bash
# itk-wasm (ITK in WebAssembly): of a DICOM file of many frames, the first frame's slope is taken
# for all, and their order is the file's.
#
# One would guess: in an enhanced object (MR, CT, PET in one file) each frame has its own slope and
# intercept, as PS3.3 C.7.6.16.2.9 (pixel value transformation) lets it, and its own place, in
# any order (C.7.6.16.2.3, plane position). A reader that gives numbers and a volume applies
# them, or says that it cannot.
#
# What happens: slope and intercept of the first frame go over all frames: with slopes 1, 2, 4
# the stored 100 is 100 in all three, where 100, 200, 400 are meant; with 4, 2, 1 it is 400.
# Frames stay in the file's order whatever their positions are; where these do not go up in
# equal steps the volume's spacing is 1 mm, and where they go down it is negative. No error, no
# warning; a slope that all frames share is right.
#
# Why it matters: PET and quantitative MR scale each frame to its own 16 bits, so that dynamic
# series, and lesions across slices, come out with wrong ratios by factors. A network for
# volumes sees steps between slices, or its slices shuffled.
#
# Known in part: InsightSoftwareConsortium/ITK#2010 (a remark that only the first group is read);
# pydicom/pydicom#2353 (its apply_modality_lut looks at no frame's slope and gives what is
# stored).
#
# Versions: @itk-wasm/image-io 1.6.1, Node.js 20.
# Checked on 30 Nov 2026. Output then (three frames of 2 x 1 that hold 0 and 100 each):
#   slopes 2, at 0 5 10 mm: 0 200, 0 200, 0 200; from 0, spacing 5, direction 1
#   slopes 1 2 4, at 0 5 10 mm: 0 100, 0 100, 0 100; from 0, spacing 5, direction 1
#   slopes 4 2 1, at 0 5 10 mm: 0 400, 0 400, 0 400; from 0, spacing 5, direction 1
#   slopes 1 2 4, at 0 10 5 mm: 0 100, 0 100, 0 100; from 0, spacing 1, direction 1
#   slopes 1 2 4, at 10 5 0 mm: 0 100, 0 100, 0 100; from 10, spacing -5, direction 1
#   slopes 1 2 4, at 0 5 50 mm: 0 100, 0 100, 0 100; from 0, spacing 1, direction 1
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @itk-wasm/image-io@1.6.1
cat > try.mjs <<'JS'
import fs from 'node:fs';
import { readImageNode } from '@itk-wasm/image-io';

// One element of explicit little-endian DICOM, and an item of a sequence.
const element = (group, number, vr, value) => {
  if (value.length % 2) value = Buffer.concat([value, Buffer.from(vr === 'UI' ? '\0' : ' ')]);
  const long = vr === 'OW' || vr === 'SQ';
  const head = Buffer.alloc(long ? 12 : 8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(number, 2);
  head.write(vr, 4);
  if (long) head.writeUInt32LE(value.length, 8); else head.writeUInt16LE(value.length, 6);
  return Buffer.concat([head, value]);
};
const item = (...parts) => {
  const content = Buffer.concat(parts), head = Buffer.alloc(8);
  head.writeUInt16LE(0xfffe, 0);
  head.writeUInt16LE(0xe000, 2);
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content]);
};
const text = s => Buffer.from(String(s));
const short = v => { const b = Buffer.alloc(2); b.writeUInt16LE(v); return b; };
const ENHANCED_MR = '1.2.840.10008.5.1.4.1.1.4.1';
const scaling = slope => element(0x28, 0x9145, 'SQ', item(element(0x28, 0x1052, 'DS', text(0)), element(0x28, 0x1053, 'DS', text(slope)), element(0x28, 0x1054, 'LO', text('US'))));
const file = (slopes, places) => {
  const meta = Buffer.concat([
    element(2, 2, 'UI', text(ENHANCED_MR)),
    element(2, 3, 'UI', text('1.2.3.4')),
    element(2, 16, 'UI', text('1.2.840.10008.1.2.1')),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  const stored = Uint16Array.from(places.flatMap(() => [0, 100]));
  const shared = [
    element(0x20, 0x9116, 'SQ', item(element(0x20, 0x37, 'DS', text('1\\0\\0\\0\\1\\0')))),
    element(0x28, 0x9110, 'SQ', item(element(0x18, 0x50, 'DS', text(5)), element(0x28, 0x30, 'DS', text('1\\1')))),
    ...slopes.length === 1 ? [scaling(slopes[0])] : [],
  ];
  const frames = places.map((z, i) => item(
    element(0x20, 0x9113, 'SQ', item(element(0x20, 0x32, 'DS', text(`0\\0\\${z}`)))),
    ...slopes.length > 1 ? [scaling(slopes[i])] : [],
  ));
  return Buffer.concat([
    Buffer.alloc(128), text('DICM'), element(2, 0, 'UL', length), meta,
    element(8, 0x16, 'UI', text(ENHANCED_MR)),
    element(8, 0x18, 'UI', text('1.2.3.4')),
    element(8, 0x60, 'CS', text('MR')),
    element(0x28, 2, 'US', short(1)),
    element(0x28, 4, 'CS', text('MONOCHROME2')),
    element(0x28, 8, 'IS', text(places.length)),
    element(0x28, 0x10, 'US', short(1)),
    element(0x28, 0x11, 'US', short(2)),
    element(0x28, 0x100, 'US', short(16)),
    element(0x28, 0x101, 'US', short(16)),
    element(0x28, 0x102, 'US', short(15)),
    element(0x28, 0x103, 'US', short(0)),
    element(0x5200, 0x9229, 'SQ', item(...shared)),
    element(0x5200, 0x9230, 'SQ', Buffer.concat(frames)),
    element(0x7fe0, 0x10, 'OW', Buffer.from(stored.buffer)),
  ]);
};
const lines = [];
for (const [slopes, places] of [
  [[2], [0, 5, 10]],
  [[1, 2, 4], [0, 5, 10]],
  [[4, 2, 1], [0, 5, 10]],
  [[1, 2, 4], [0, 10, 5]],
  [[1, 2, 4], [10, 5, 0]],
  [[1, 2, 4], [0, 5, 50]],
]) {
  fs.writeFileSync('frames.dcm', file(slopes, places));
  const image = await readImageNode('frames.dcm');
  const data = Array.from(image.data);
  lines.push(`slopes ${slopes.join(' ')}, at ${places.join(' ')} mm: ${places.map((_, i) => data.slice(2 * i, 2 * i + 2).join(' ')).join(', ')}; from ${image.origin[2]}, spacing ${image.spacing[2]}, direction ${image.direction[8]}`);
}
console.log(lines.join('\n'));
const same = lines.join('\n') === `slopes 2, at 0 5 10 mm: 0 200, 0 200, 0 200; from 0, spacing 5, direction 1
slopes 1 2 4, at 0 5 10 mm: 0 100, 0 100, 0 100; from 0, spacing 5, direction 1
slopes 4 2 1, at 0 5 10 mm: 0 400, 0 400, 0 400; from 0, spacing 5, direction 1
slopes 1 2 4, at 0 10 5 mm: 0 100, 0 100, 0 100; from 0, spacing 1, direction 1
slopes 1 2 4, at 10 5 0 mm: 0 100, 0 100, 0 100; from 10, spacing -5, direction 1
slopes 1 2 4, at 0 5 50 mm: 0 100, 0 100, 0 100; from 0, spacing 1, direction 1`;
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.mjs
