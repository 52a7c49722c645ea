#!/usr/bin/env bash
# transformers.js (@huggingface/transformers) in Node: its image processors scale pictures
# down by taking single pixels.
#
# One would guess: `resample` of preprocessor_config.json means what it means in Python,
# where 2 is PIL's BILINEAR and 3 its BICUBIC: both average over all pixels that a new one
# covers. A comb with one white column in four, made a fourth as wide, is 64 everywhere.
#
# What happens: 2, 3 and their names go to libvips' affine transformation with that
# interpolator, which looks at the pixels around one point and has no filter. Made a
# fourth as wide, bilinear and bicubic are the same as nearest: every fourth pixel, to the
# bit, and the point is each cell's corner and not its middle. The comb comes out as black,
# or as white if its teeth stand one column to the left. Only 1 (LANCZOS) averages.
#
# Why it matters: this is how most published image models are prepared there. What the
# network sees of a large photograph is noise, hair lines and moire where Python shows it
# smooth colour, shifted by half a cell less half a pixel; predictions differ between the two
# for the same model, file and configuration, and a heat map explains another picture.
#
# Known in part: lovell/sharp#3642 (how the transformation came to be used);
# huggingface/transformers.js#1101 (other open work on bilinear scaling).
#
# Versions: @huggingface/transformers 4.3.2 with its sharp, Node.js 20, linux x64.
# Checked on 29 Nov 2026. Output then:
#   @huggingface/transformers 4.3.2
#   comb                 bilinear 0   bicubic 0   lanczos 64   sharp's own resize 64
#   comb, teeth shifted  bilinear 255   bicubic 255   lanczos 64   sharp's own resize 64
#   ViTImageProcessor, resample 2: 0
#   ViTImageProcessor, resample 2, teeth shifted: 1
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @huggingface/transformers@4.3.2
cat > try.mjs <<'JS'
import { createRequire } from 'node:module';
import { RawImage, ViTImageProcessor } from '@huggingface/transformers';
import fs from 'node:fs';
const library = './node_modules/@huggingface/transformers/package.json';
const sharp = createRequire(new URL(library, import.meta.url))('sharp');
const side = 64, small = 16, channels = 3;
const comb = tooth => Uint8ClampedArray.from({ length: side * side * channels }, (_, i) => Math.floor(i / channels) % 4 === tooth ? 255 : 0);
const picture = tooth => new RawImage(comb(tooth), side, side, channels);
const middle = (data, step) => data[(8 * small + 8) * step]; // away from the borders
console.log('@huggingface/transformers', JSON.parse(fs.readFileSync(library)).version);
const got = [];
for (const [name, tooth] of [['comb               ', 1], ['comb, teeth shifted', 0]]) {
  const line = [];
  for (const resample of ['bilinear', 'bicubic', 'lanczos']) {
    const out = await picture(tooth).resize(small, small, { resample });
    line.push([resample, middle(out.data, channels)]);
  }
  const own = await sharp(Buffer.from(comb(tooth)), { raw: { width: side, height: side, channels } }).resize(small, small, { kernel: 'linear' }).raw().toBuffer();
  line.push(["sharp's own resize", middle(own, channels)]);
  console.log(name, '', line.map(pair => pair.join(' ')).join('   '));
  got.push(...line.map(pair => pair[1]));
}
const prepare = new ViTImageProcessor({ do_resize: true, size: { width: small, height: small }, resample: 2, do_rescale: true, rescale_factor: 1 / 255, do_normalize: false });
for (const [name, tooth] of [['', 1], [', teeth shifted', 0]]) {
  const { pixel_values: pixels } = await prepare(picture(tooth));
  console.log(`ViTImageProcessor, resample 2${name}: ${middle(pixels.data, 1)}`);
  got.push(middle(pixels.data, 1));
}
const same = got.join() === '0,0,64,64,255,255,64,64,0,1';
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.mjs
