#!/usr/bin/env bash
# Node's JPEG readers: where a file keeps colours at half resolution, as cameras do, readers
# that are written in JavaScript give edges other colours, by a quarter of the whole range.
#
# One would guess: readers of one JPEG differ by rounding, a level or two of 255; the format
# leaves no more open than the transform's last bit.
#
# What happens: jpeg-js, and jimp by it, write each colour four times; libjpeg-turbo, which
# sharp, canvas, Pillow and browsers use, interpolates them (its "fancy upsampling", on by
# default). Of a red square on blue at quality 95 pixels at its edges differ by up to 68 of
# 255. With colours at full resolution (4:4:4) all of them agree to 2.
#
# Why it matters: a network that was trained with Pillow and is served in Node sees other
# pixels at every coloured edge, and so do heatmaps that are compared across the two. The
# standard (ITU-T T.81) says nothing on how to enlarge colours, so neither reader is wrong.
#
# Versions: jpeg-js 0.4.4, jimp 1.6.1, sharp 0.35.5, @napi-rs/canvas 1.1.1.
# Checked on 30 Nov 2026. Output then (largest difference from sharp, of 255):
#   4:2:0 jpeg-js 68, jimp 68, canvas 0
#   4:4:4 jpeg-js 2, jimp 2, canvas 0
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts jpeg-js@0.4.4 jimp@1.6.1 sharp@0.35.5 @napi-rs/canvas@1.1.1
cat > try.mjs <<'JS'
import { createCanvas, loadImage } from '@napi-rs/canvas';
import { Jimp } from 'jimp';
import jpeg from 'jpeg-js';
import sharp from 'sharp';

const SIDE = 32;
const scene = Buffer.alloc(SIDE * SIDE * 3);
for (let y = 0; y < SIDE; y++)
  for (let x = 0; x < SIDE; x++) {
    const inside = Math.min(x, y) >= 9 && Math.max(x, y) < 23;
    scene[3 * (y * SIDE + x) + (inside ? 0 : 2)] = 255;
  }
const lines = [];
for (const chromaSubsampling of ['4:2:0', '4:4:4']) {
  const file = await sharp(scene, { raw: { width: SIDE, height: SIDE, channels: 3 } }).jpeg({ quality: 95, chromaSubsampling }).toBuffer();
  const ours = await sharp(file).raw().toBuffer();
  const context = createCanvas(SIDE, SIDE).getContext('2d');
  context.drawImage(await loadImage(file), 0, 0);
  const others = {
    'jpeg-js': jpeg.decode(file, { useTArray: true }).data,
    jimp: (await Jimp.read(file)).bitmap.data,
    canvas: context.getImageData(0, 0, SIDE, SIDE).data,
  };
  const largest = rgba => Math.max(...ours.map((v, i) => Math.abs(v - rgba[Math.floor(i / 3) * 4 + i % 3])));
  lines.push(`${chromaSubsampling} ${Object.entries(others).map(([name, rgba]) => `${name} ${largest(rgba)}`).join(', ')}`);
}
console.log(lines.join('\n'));
const same = lines.join('\n') === `4:2:0 jpeg-js 68, jimp 68, canvas 0
4:4:4 jpeg-js 2, jimp 2, canvas 0`;
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.mjs
