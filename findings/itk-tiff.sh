#!/usr/bin/env bash
# itk-wasm (ITK in WebAssembly): a TIFF of whole numbers of 32 bits is read as zeros.
#
# One would guess: maps of labels (cells, organs; scikit-image, Cellpose and ImageJ number
# them with 32 bits) and counts have the numbers that are in the file, or are refused, as
# this reader refuses float64.
#
# What happens: type (int32, uint32), size and metadata are right, and every number is 0.
# float16 comes as uint16 that holds the bits of the halves: 1 is 15360. 16 bits with and
# without sign, signed 8 bits and float32 are right. No error, no warning.
#
# Why it matters: a mask without any label is a plausible answer, and statistics over it
# are, too. Write labels with 16 bits, or another format (PNG of 16 bits, NRRD).
#
# Known: InsightSoftwareConsortium/ITK#6541 has mended 32 bits in ITK's sources (July 2026),
# ITK-Wasm#1547 is to bring that into the package. The files are TIFF 6.0: one strip, not
# compressed, with SampleFormat.
#
# Versions: @itk-wasm/image-io 1.6.1.
# Checked on 30 Nov 2026. Output then:
#   uint16  1 2 300 60000 -> uint16 1 2 300 60000
#   int16   -1 0 300 -20000 -> int16 -1 0 300 -20000
#   float32 0.5 1 300 70000 -> float32 0.5 1 300 70000
#   uint32  1 2 300 70000 -> uint32 0 0 0 0
#   int32   -1 2 300 70000 -> int32 0 0 0 0
#   float16 0.5 1 2 300 -> uint16 14336 15360 16384 23728
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @itk-wasm/image-io@1.6.1
cat > try.mjs <<'JS'
import fs from 'node:fs';
import { readImageNode } from '@itk-wasm/image-io';

// A little-endian TIFF of one row and one strip. format: 1 unsigned, 2 signed, 3 float.
const tiff = (data, width, format) => {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const tags = [
    [256, width], [257, 1], [258, data.BYTES_PER_ELEMENT * 8], [259, 1], [262, 1],
    [273, 8], [277, 1], [278, 1], [279, bytes.length], [339, format],
  ];
  const head = Buffer.alloc(8);
  head.write('II');
  head.writeUInt16LE(42, 2);
  head.writeUInt32LE(8 + bytes.length, 4);
  const directory = Buffer.alloc(2 + 12 * tags.length + 4);
  directory.writeUInt16LE(tags.length, 0);
  tags.forEach(([tag, value], i) => {
    const at = 2 + 12 * i;
    const long = [256, 257, 273, 278, 279].includes(tag);
    directory.writeUInt16LE(tag, at);
    directory.writeUInt16LE(long ? 4 : 3, at + 2);
    directory.writeUInt32LE(1, at + 4);
    directory.writeUInt32LE(value, at + 8);
  });
  return Buffer.concat([head, bytes, directory]);
};
const cases = [
  ['uint16', Uint16Array.of(1, 2, 300, 60000), 1, [1, 2, 300, 60000], 'uint16 1 2 300 60000'],
  ['int16', Int16Array.of(-1, 0, 300, -20000), 2, [-1, 0, 300, -20000], 'int16 -1 0 300 -20000'],
  ['float32', Float32Array.of(0.5, 1, 300, 70000), 3, [0.5, 1, 300, 70000], 'float32 0.5 1 300 70000'],
  ['uint32', Uint32Array.of(1, 2, 300, 70000), 1, [1, 2, 300, 70000], 'uint32 0 0 0 0'],
  ['int32', Int32Array.of(-1, 2, 300, 70000), 2, [-1, 2, 300, 70000], 'int32 0 0 0 0'],
  // IEEE 754 half precision of these numbers.
  ['float16', Uint16Array.of(0x3800, 0x3c00, 0x4000, 0x5cb0), 3, [0.5, 1, 2, 300], 'uint16 14336 15360 16384 23728'],
];
let same = true;
for (const [name, data, format, numbers, expected] of cases) {
  fs.writeFileSync(`${name}.tif`, tiff(data, 4, format));
  const image = await readImageNode(`${name}.tif`);
  const got = `${image.imageType.componentType} ${Array.from(image.data).join(' ')}`;
  console.log(`${name.padEnd(7)} ${numbers.join(' ')} -> ${got}`);
  same &&= got === expected;
}
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.mjs
