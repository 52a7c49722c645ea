#!/usr/bin/env bash
# mat-for-js (Node, browser): an array of three dimensions in a MATLAB file comes out with some
# of its numbers many times and most of them never.
#
# One would guess: a reader that turns MATLAB's order (the first index runs fastest) into nested
# arrays, and does so rightly for matrices, does so for volumes; its text speaks of
# multidimensional arrays, and the result has the sizes of the file's.
#
# What happens: the place of the number (i, j, k) of I x J x K is computed as i + I j + J k
# where i + I j + I J k is meant: from the third index on only the size before it counts. Of
# 4 x 5 x 6 numbers the last 75 are never read, and what should be slices are windows into the
# first numbers that overlap. Matrices and vectors are right, and so is a volume whose first
# size is 1, which is what one would try. No error.
#
# Why it matters: volumes (x, y, slice), videos (row, column, frame), recordings (channel,
# sample, trial) and colour pictures (row, column, colour) are what .mat files hold around
# networks. A picture of 512 x 512 gets its red plane three times, moved by one column each, and
# looks like a photograph in grey; epochs are windows into the first few, and look like epochs.
#
# The order is MATLAB's (MAT-file format, level 5: "column-major", the subelement of an array's
# real part). A volume that scipy.io 1.10.1 wrote and reads rightly fares the same here. No
# thread found.
#
# Versions: mat-for-js 1.1.0, Node.js 20.
# Checked on 30 Nov 2026. Output then (the file's numbers are 0, 1, 2 ... in its own order):
#   4 x 5: sizes 4 x 5, 20 of 20 in their places, 20 read at all
#   2 x 2 x 2: sizes 2 x 2 x 2, 4 of 8 in their places, 6 read at all
#   2 x 3 x 4: sizes 2 x 3 x 4, 6 of 24 in their places, 15 read at all
#   1 x 5 x 6: sizes 1 x 5 x 6, 30 of 30 in their places, 30 read at all
#   4 x 5 x 6: sizes 4 x 5 x 6, 20 of 120 in their places, 45 read at all
#   3 x 4 x 5 x 2: sizes 3 x 4 x 5 x 2, 12 of 120 in their places, 33 read at all
#   (1, 1, all) of 2 x 3 x 4 is 0 6 12 18: 0 3 6 9
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts mat-for-js@1.1.0
cat > try.js <<'JS'
const { read } = require('mat-for-js');

// One element of a level-5 MAT-file: type, length, content, filled up to a multiple of 8.
const INT8 = 1, INT32 = 5, UINT32 = 6, DOUBLE = 9, MATRIX = 14, DOUBLE_CLASS = 6;
const element = (type, content) => {
  const out = Buffer.alloc(8 + Math.ceil(content.length / 8) * 8);
  out.writeUInt32LE(type, 0);
  out.writeUInt32LE(content.length, 4);
  content.copy(out, 8);
  return out;
};
const bytes = typed => Buffer.from(typed.buffer);
const file = sizes => {
  const count = sizes.reduce((a, b) => a * b);
  const head = Buffer.alloc(128, 0);
  head.write('MATLAB 5.0 MAT-file'.padEnd(116));
  head.writeUInt16LE(0x100, 124);
  head.write('IM', 126);
  const all = Buffer.concat([head, element(MATRIX, Buffer.concat([
    element(UINT32, bytes(Uint32Array.of(DOUBLE_CLASS, 0))),
    element(INT32, bytes(Int32Array.from(sizes))),
    element(INT8, Buffer.from('x')),
    element(DOUBLE, bytes(Float64Array.from({ length: count }, (_, i) => i))),
  ]))]);
  return all.buffer.slice(all.byteOffset, all.byteOffset + all.length);
};
const shape = a => Array.isArray(a) ? [a.length, ...shape(a[0])] : [];
const lines = [];
for (const sizes of [[4, 5], [2, 2, 2], [2, 3, 4], [1, 5, 6], [4, 5, 6], [3, 4, 5, 2]]) {
  const got = read(file(sizes)).data.x;
  let right = 0, seen = new Set();
  const walk = (a, place, step, at) => {
    if (!Array.isArray(a)) {
      seen.add(a);
      if (a === place) right++;
      return;
    }
    a.forEach((part, i) => walk(part, place + i * step, step * sizes[at], at + 1));
  };
  walk(got, 0, 1, 0);
  const count = sizes.reduce((a, b) => a * b);
  lines.push(`${sizes.join(' x ')}: sizes ${shape(got).join(' x ')}, ${right} of ${count} in their places, ${seen.size} read at all`);
}
const volume = read(file([2, 3, 4])).data.x;
lines.push(`(1, 1, all) of 2 x 3 x 4 is 0 6 12 18: ${volume[0][0].join(' ')}`);
console.log(lines.join('\n'));
const same = lines.join('\n') === `4 x 5: sizes 4 x 5, 20 of 20 in their places, 20 read at all
2 x 2 x 2: sizes 2 x 2 x 2, 4 of 8 in their places, 6 read at all
2 x 3 x 4: sizes 2 x 3 x 4, 6 of 24 in their places, 15 read at all
1 x 5 x 6: sizes 1 x 5 x 6, 30 of 30 in their places, 30 read at all
4 x 5 x 6: sizes 4 x 5 x 6, 20 of 120 in their places, 45 read at all
3 x 4 x 5 x 2: sizes 3 x 4 x 5 x 2, 12 of 120 in their places, 33 read at all
(1, 1, all) of 2 x 3 x 4 is 0 6 12 18: 0 3 6 9`;
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.js
