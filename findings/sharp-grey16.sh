#!/usr/bin/env bash
# sharp: a 16-bit picture read as 16 bits holds 8-bit numbers, in two ways.
#
# One would guess: raw({depth: 'ushort'}) of a 16-bit grey PNG gives its 16-bit numbers;
# greyscale() changes nothing about a picture that is grey; white padding is the greatest
# number.
#
# What happens: raw({depth: 'ushort'}) alone gives 16-bit words that hold 0..255 (three a
# pixel), although metadata() says depth ushort, space grey16. toColourspace('grey16') mends
# that, and then greyscale() undoes it without a word: 1000 becomes 1028, 300 becomes 257
# (multiples of 257: 256 levels are left, spread over 16 bits, so the range looks right).
# White of extend() and of resize's "contain" is 65280 in the same pipeline, not 65535:
# the letterbox's border is another white than the picture's.
#
# Why it matters: X-ray and microscope pictures use a part of the 16 bits. A lesion of 1060
# on a ground of 1000 is gone before the network sees it, and one who checks minimum,
# maximum or type of the array sees nothing wrong.
#
# Known in part: lovell/sharp#2762 (toColourspace is needed besides depth), #3808; no thread
# found for greyscale() nor for the white of 65280.
#
# Versions: sharp 0.34.5 (libvips 8.17.3), pngjs 7.0.0 (writes the picture), linux x64.
# Checked on 29 Nov 2026. Output then:
#   sharp 0.34.5 libvips 8.17.3: ushort grey16
#   picture                              0 1000 1060 300 65535
#   raw ushort (first channel of 3)      0 3 4 1 255
#   ... toColourspace('grey16')          0 1000 1060 300 65535
#   ... and greyscale()                  0 1028 1028 257 65535
#   ... without it, extended with white  65280 0 1000 1060 300 65535
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts sharp@0.34.5 pngjs@7.0.0
cat > try.js <<'JS'
const sharp = require('sharp'), { PNG } = require('pngjs');
const numbers = [0, 1000, 1060, 300, 65535];
const png = PNG.sync.write({ width: numbers.length, height: 1, data: Buffer.from(Uint16Array.from(numbers).buffer) },
  { bitDepth: 16, colorType: 0, inputColorType: 0, inputHasAlpha: false });
const got = [];
const show = async (name, pipeline) => {
  const { data, info } = await pipeline.raw({ depth: 'ushort' }).toBuffer({ resolveWithObject: true });
  const words = Array.from(new Uint16Array(data.buffer, data.byteOffset, data.length / 2)).filter((_, i) => i % info.channels === 0).join(' ');
  got.push(`${info.channels}: ${words}`);
  console.log(name.padEnd(36), words);
};
(async () => {
  const { depth, space } = await sharp(png).metadata();
  console.log(`sharp ${sharp.versions.sharp} libvips ${sharp.versions.vips}: ${depth} ${space}`);
  console.log('picture'.padEnd(36), numbers.join(' '));
  await show('raw ushort (first channel of 3)', sharp(png));
  await show("... toColourspace('grey16')", sharp(png).toColourspace('grey16'));
  await show('... and greyscale()', sharp(png).greyscale().toColourspace('grey16'));
  await show('... without it, extended with white', sharp(png).extend({ left: 1, background: '#fff' }).toColourspace('grey16'));
  const same = `${depth} ${space}` === 'ushort grey16' && got.join('; ') ===
    '3: 0 3 4 1 255; 1: 0 1000 1060 300 65535; 1: 0 1028 1028 257 65535; 1: 65280 0 1000 1060 300 65535';
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
