#!/usr/bin/env bash
# distance-transform (Node, browser): Euclidean distances to the nearest pixel of a mask that are
# the distances to no pixel at all.
#
# One would guess: the exact transform that its text promises (one pass along rows, one along each
# other axis, the paper is named), so 0 on the mask, and elsewhere the root of a sum of two squares.
#
# What happens: the passes after the first write their answers over the numbers that they still
# read. Where what is nearest lies further down the column and has been written already, its
# finished distance is taken for the distance along its row: of 4 x 4 with three pixels set one
# place gets the root of 6, which is no sum of two squares, where 8 is right. Values are too
# near or too far, by a pixel or two, beside a filled disc as well as between scattered pixels.
# A mask of one pixel comes out right, which is what the package's own text shows, and so does p = 1
# in two axes. No error.
#
# Why it matters: distances to a mask are what boundary losses, Hausdorff distances and
# watersheds of segmentations start from, and a score of how far a heat map's peak lies from the
# object. They look smooth, and only a comparison by brute force tells.
#
# scijs/distance-transform#3 asks for something else; no thread found.
#
# Versions: distance-transform 1.0.2, ndarray 1.1.1, Node.js 20.
# Checked on 1 Dec 2026. Output then (beside the distances by brute force):
#   squares of 4 x 4, set at 1000 0000 0100 0010: 0 1 4 6 1 1 2 3 1 0 1 2 2 1 0 1
#   by brute force: 0 1 4 8 1 1 2 5 1 0 1 2 2 1 0 1
#   one pixel in 32 x 32: 0 of 1024 wrong, by up to 0.000
#   a disc in 32 x 32: 98 of 1024 wrong, by up to 1.409
#   1 of 50 set in 32 x 32: 18 of 1024 wrong, by up to 1.472
#   1 of 50 set in 224 x 224: 1530 of 50176 wrong, by up to 2.614
#   1 of 50 set in 32 x 32, p = 1: 0 of 1024 wrong, by up to 0.000
#   1 of 50 set in 32 x 32, p = Infinity: 53 of 1024 wrong, by up to 5.000
#   1 of 50 set in 12 x 12 x 12: 53 of 1728 wrong, by up to 1.937
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts distance-transform@1.0.2 ndarray@1.1.1
cat > try.js <<'JS'
const transform = require('distance-transform'), ndarray = require('ndarray');

const norm = (deltas, p) => p === Infinity ? Math.max(...deltas) : deltas.reduce((sum, d) => sum + d ** p, 0) ** (1 / p);
const place = (i, shape) => shape.map((_, axis) => Math.floor(i / shape.slice(axis + 1).reduce((a, b) => a * b, 1)) % shape[axis]);
// The nearest set pixel of each place, by trying all.
const nearest = (mask, shape, p) => {
  const places = Array.from(mask, (_, i) => place(i, shape)), set = places.filter((_, i) => mask[i]);
  return places.map(at => Math.min(...set.map(other => norm(at.map((x, axis) => Math.abs(x - other[axis])), p))));
};
const compute = (mask, shape, p) => Array.from(transform(ndarray(Float64Array.from(mask), shape), p).data);
const wrong = (got, want) => got.map((v, i) => Math.abs(v - want[i])).filter(d => d > 1e-9);

const lines = [];
const small = Array.from('1000000001000010', Number);
lines.push(`squares of 4 x 4, set at 1000 0000 0100 0010: ${compute(small, [4, 4], 2).map(v => Math.round(v * v)).join(' ')}`);
lines.push(`by brute force: ${nearest(small, [4, 4], 2).map(v => Math.round(v * v)).join(' ')}`);
let seed = 1;
const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
const scattered = (shape, share) => Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => i === 0 || random() < share ? 1 : 0);
const disc = Array.from({ length: 1024 }, (_, i) => Math.hypot(i % 32 - 15, Math.floor(i / 32) - 12) < 7 ? 1 : 0);
for (const [name, shape, mask, p] of [
  ['one pixel in 32 x 32', [32, 32], disc.map((_, i) => i === 300 ? 1 : 0), 2],
  ['a disc in 32 x 32', [32, 32], disc, 2],
  ['1 of 50 set in 32 x 32', [32, 32], scattered([32, 32], 0.02), 2],
  ['1 of 50 set in 224 x 224', [224, 224], scattered([224, 224], 0.02), 2],
  ['1 of 50 set in 32 x 32, p = 1', [32, 32], scattered([32, 32], 0.02), 1],
  ['1 of 50 set in 32 x 32, p = Infinity', [32, 32], scattered([32, 32], 0.02), Infinity],
  ['1 of 50 set in 12 x 12 x 12', [12, 12, 12], scattered([12, 12, 12], 0.02), 2],
]) {
  const off = wrong(compute(mask, shape, p), nearest(mask, shape, p));
  lines.push(`${name}: ${off.length} of ${mask.length} wrong, by up to ${Math.max(0, ...off).toFixed(3)}`);
}
console.log(lines.join('\n'));
const same = lines.join('\n') === `squares of 4 x 4, set at 1000 0000 0100 0010: 0 1 4 6 1 1 2 3 1 0 1 2 2 1 0 1
by brute force: 0 1 4 8 1 1 2 5 1 0 1 2 2 1 0 1
one pixel in 32 x 32: 0 of 1024 wrong, by up to 0.000
a disc in 32 x 32: 98 of 1024 wrong, by up to 1.409
1 of 50 set in 32 x 32: 18 of 1024 wrong, by up to 1.472
1 of 50 set in 224 x 224: 1530 of 50176 wrong, by up to 2.614
1 of 50 set in 32 x 32, p = 1: 0 of 1024 wrong, by up to 0.000
1 of 50 set in 32 x 32, p = Infinity: 53 of 1024 wrong, by up to 5.000
1 of 50 set in 12 x 12 x 12: 53 of 1728 wrong, by up to 1.937`;
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.js
