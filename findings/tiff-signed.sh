#!/usr/bin/env bash
# Node's TIFF readers: one file of signed 16-bit numbers, three pictures, no error.
#
# One would guess: a TIFF whose SampleFormat says "signed" (2), as slices of computed
# tomography in Hounsfield units are saved (air -1000, water 0, bone 1000 and more), is read
# as such, or refused.
#
# What happens: image-js (and the package tiff below it) reads the words as unsigned: air is
# 64536, brighter than any bone. utif2, which jimp uses, takes the upper byte of the same:
# air 252, water 0, bone 3. sharp cuts what is below 0 to 0: air, lung (-500) and water are
# one. Bone is brighter than water in all three, so that each looks like a scan.
#
# Why it matters: a network labels, and an occlusion map explains, a picture in which air
# shines or lungs are missing; which one depends on the package. One should add 1024 before
# saving, or read with a reader that knows (Go's golang.org/x/image/tiff v0.48.0 refuses
# such a file).
#
# Known elsewhere: image-rs/image-tiff#113 and tonycoz/imager#337 were the same and are
# mended; no thread found for these packages.
#
# Versions: image-js 1.1.0, tiff 7.1.3, utif2 4.1.0, sharp 0.34.5 (libvips 8.17.3), linux x64.
# Checked on 29 Nov 2026. Output then:
#   file                    -1000 -500 0 40 1000 3000
#   tiff 7.1.3              64536 65036 0 40 1000 3000
#   image-js 1.1.0          64536 65036 0 40 1000 3000
#   utif2 4.1.0             252 254 0 0 3 11
#   sharp 0.34.5, grey16    0 0 0 40 1000 3000
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts image-js@1.1.0 tiff@7.1.3 utif2@4.1.0 sharp@0.34.5
cat > try.js <<'JS'
const sharp = require('sharp'), utif = require('utif2'), tiff = require('tiff'), imagejs = require('image-js');
const numbers = [-1000, -500, 0, 40, 1000, 3000];
const version = name => JSON.parse(require('fs').readFileSync(`node_modules/${name}/package.json`)).version;
// One strip of signed words, little endian; SHORT is type 3, LONG 4.
const pixels = Buffer.from(Int16Array.from(numbers).buffer);
const tags = [[256, 3, numbers.length], [257, 3, 1], [258, 3, 16], [259, 3, 1], [262, 3, 1], [273, 4, 8], [277, 3, 1], [278, 3, 1], [279, 4, pixels.length], [339, 3, 2]];
const directory = Buffer.alloc(2 + 12 * tags.length + 4);
directory.writeUInt16LE(tags.length, 0);
tags.forEach(([tag, type, value], i) => {
  directory.writeUInt16LE(tag, 2 + 12 * i);
  directory.writeUInt16LE(type, 4 + 12 * i);
  directory.writeUInt32LE(1, 6 + 12 * i);
  directory.writeUInt32LE(value, 10 + 12 * i);
});
const head = Buffer.from([0x49, 0x49, 42, 0, 8 + pixels.length, 0, 0, 0]);
const file = Buffer.concat([head, pixels, directory]);
const got = [];
const show = (name, values) => { got.push(Array.from(values).join(' ')); console.log(name.padEnd(23), got.at(-1)); };
(async () => {
  console.log('file'.padEnd(23), numbers.join(' '));
  show(`tiff ${version('tiff')}`, tiff.decode(file)[0].data);
  show(`image-js ${version('image-js')}`, imagejs.decode(file).getRawImage().data);
  const [page] = utif.decode(file);
  utif.decodeImage(file, page);
  show(`utif2 ${version('utif2')}`, utif.toRGBA8(page).filter((_, i) => i % 4 === 0));
  const raw = await sharp(file).toColourspace('grey16').raw({ depth: 'ushort' }).toBuffer();
  show(`sharp ${version('sharp')}, grey16`, new Uint16Array(raw.buffer, raw.byteOffset, raw.length / 2));
  const unsigned = '64536 65036 0 40 1000 3000';
  const same = got.join('; ') === `${unsigned}; ${unsigned}; 252 254 0 0 3 11; 0 0 0 40 1000 3000`;
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
