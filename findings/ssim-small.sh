#!/usr/bin/env bash
# SSIM on npm: a black and a white map of 9 x 9 are the same (1), of 10 x 10 nothing or 0.
#
# One would guess: where a map is smaller than SSIM's window of 11 x 11, a library says so
# (scikit-image raises an error), or takes a smaller window.
#
# What happens: @blazediff/ssim and ssim.js (as it is, with Weber's sums) answer 1, "the
# same", for any two pictures with both sides below 10, black against white among them (in
# ssim.js how many windows fit is the product of two numbers that are both negative then).
# At 10 ssim.js says 0 and @blazediff/ssim NaN, also of a picture and itself. image-ssim has
# windows of 8 and takes what is left over at the border as smaller ones; where both sides
# leave one pixel (9, 17, 25, 57, 225, ...) the last one's variance is 0 / 0, and the whole
# answer NaN.
#
# Why it matters: occlusion maps are small: one number for each position of the patch, 8 x 8
# or 7 x 9 are usual for coarse ones. A check such as "both maps agree: SSIM > 0.95" passes
# for any two of them; and NaN passes "not below 0.95". Maps should be enlarged to the
# picture's size first, as they are drawn.
#
# Known elsewhere: darosh/image-ms-ssim-js#1 (2016, open) is NaN of another package at sides
# that its windows do not divide; no thread found for these.
#
# Versions: ssim.js 3.5.0, @blazediff/ssim 1.7.1, image-ssim 0.2.0, node 20.
# Checked on 30 Nov 2026. Output then:
#   black against white     8 x 8   9 x 9   5 x 7   10 x 10 11 x 11 16 x 16 17 x 17 57 x 57
#   ssim.js 3.5.0           1       1       1       0       0.0001  0.0001  0.0001  0.0001
#   @blazediff/ssim 1.7.1   1       1       1       NaN     0.0001  0.0001  0.0001  0.0001
#   image-ssim 0.2.0        0.0001  NaN     0.0001  0.0001  0.0001  0.0001  NaN     NaN
#   a ramp and itself       8 x 8   9 x 9   5 x 7   10 x 10 11 x 11 16 x 16 17 x 17 57 x 57
#   ssim.js 3.5.0           1       1       1       0       1       1       1       1
#   @blazediff/ssim 1.7.1   1       1       1       NaN     1       1       1       1
#   image-ssim 0.2.0        1       NaN     1       1       1       1       NaN     NaN
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts ssim.js@3.5.0 @blazediff/ssim@1.7.1 image-ssim@0.2.0
cat > try.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import blazediff from '@blazediff/ssim';
const require = createRequire(import.meta.url);
const ssimjs = require('ssim.js'), imagessim = require('image-ssim');
const version = name => JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version;
const sizes = [[8, 8], [9, 9], [5, 7], [10, 10], [11, 11], [16, 16], [17, 17], [57, 57]];
const picture = (width, height, gray) => {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < width * height; i++) data.set([gray(i), gray(i), gray(i), 255], 4 * i);
  return { width, height, data, channels: 4 };
};
const libraries = {
  'ssim.js': (a, b) => ssimjs.ssim(a, b).mssim,
  '@blazediff/ssim': (a, b) => blazediff(a.data, b.data, undefined, a.width, a.height),
  'image-ssim': (a, b) => imagessim.compare(a, b).ssim,
};
const got = {};
const table = (title, a, b) => {
  console.log(title.padEnd(23), sizes.map(s => s.join(' x ').padEnd(7)).join(' ').trimEnd());
  for (const [name, compare] of Object.entries(libraries)) {
    const row = sizes.map(([w, h]) => String(+compare(picture(w, h, a), picture(w, h, b)).toFixed(4)));
    (got[name] ??= []).push(row.join(' '));
    console.log(`${name} ${version(name)}`.padEnd(23), row.map(v => v.padEnd(7)).join(' ').trimEnd());
  }
};
table('black against white', () => 0, () => 255);
table('a ramp and itself', i => i % 256, i => i % 256);
const so = got['ssim.js'][0].startsWith('1 1 1 0 ') && got['ssim.js'][1].startsWith('1 1 1 0 ')
  && got['@blazediff/ssim'][0].startsWith('1 1 1 NaN ') && got['image-ssim'].every(row => row.split(' ')[1] === 'NaN');
console.log(so ? 'still so' : 'CHANGED');
process.exit(so ? 0 : 1);
JS
node try.mjs
