#!/usr/bin/env bash
# utif2, and jimp by it (Node, browser): of a colour TIFF whose colours are stored one behind the
# other, a third is the red plane in false colours, and the rest is black.
#
# One would guess: PlanarConfiguration 2 (TIFF 6.0, page 38: the colours in planes of their own)
# is read, as libtiff does, or refused: it changes nothing about the picture.
#
# What happens: how many colours there are is looked at, and that they are apart is not: three
# neighbours of the red plane become red, green and blue of one pixel, and green and blue are
# never read. Where a plane is one strip, its pixels fill the upper third of the picture; where
# it has a strip for each row, the left third. The rest is black. No error, no warning.
#
# Why it matters: arrays of (colour, row, column), the order that networks have, become such
# files (tifffile's planarconfig "separate"), and bands of satellites (GDAL's INTERLEAVE=BAND) and
# channels of microscopes are kept so. A network sees a squeezed grey picture in a corner and
# names something; an occlusion map says that two thirds of it do not matter.
#
# tiff 7.1.3 (and image-js by it) ends with an error; sharp and geotiff.js read them. No thread found.
#
# Versions: jimp 1.6.1, utif2 4.1.0, geotiff 3.0.5, sharp 0.34.5 (libvips 8.17.3), linux x64.
# Checked on 30 Nov 2026. Output then (6 x 3 pixels; red is 10 to 27, green 100 to 117, blue 200
# to 217; the first three pixels of each row):
#   together, jimp: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
#   together, utif2: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
#   together, geotiff: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
#   together, sharp: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
#   apart, one strip a plane, jimp: 10 11 12, 13 14 15, 16 17 18 / 0 0 0, 0 0 0, 0 0 0 / 0 0 0, 0 0 0, 0 0 0
#   apart, one strip a plane, utif2: 10 11 12, 13 14 15, 16 17 18 / 0 0 0, 0 0 0, 0 0 0 / 0 0 0, 0 0 0, 0 0 0
#   apart, one strip a plane, geotiff: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
#   apart, one strip a plane, sharp: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
#   apart, one strip a row, jimp: 10 11 12, 13 14 15, 0 0 0 / 16 17 18, 19 20 21, 0 0 0 / 22 23 24, 25 26 27, 0 0 0
#   apart, one strip a row, utif2: 10 11 12, 13 14 15, 0 0 0 / 16 17 18, 19 20 21, 0 0 0 / 22 23 24, 25 26 27, 0 0 0
#   apart, one strip a row, geotiff: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
#   apart, one strip a row, sharp: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts jimp@1.6.1 utif2@4.1.0 geotiff@3.0.5 sharp@0.34.5
cat > try.mjs <<'JS'
import { createRequire } from 'node:module';
import { Jimp } from 'jimp';
import { fromArrayBuffer } from 'geotiff';
import sharp from 'sharp';

const utif = createRequire(import.meta.url)('utif2');
const WIDTH = 6, HEIGHT = 3;
const planes = [10, 100, 200].map(first => Array.from({ length: WIDTH * HEIGHT }, (_, i) => first + i));
// Little endian, 8 bits a colour; SHORT is type 3, LONG 4.
const file = (separate, rows) => {
  const strips = [];
  for (let row = 0; row < HEIGHT * (separate ? 3 : 1); row += rows) {
    const [plane, from] = separate ? [planes[Math.floor(row / HEIGHT)], row % HEIGHT] : [null, row];
    const part = Array.from({ length: rows * WIDTH }, (_, i) => from * WIDTH + i);
    strips.push(Buffer.from(separate ? part.map(i => plane[i]) : part.flatMap(i => planes.map(p => p[i]))));
  }
  let end = 8;
  const place = length => { const at = end; end += length; return at; };
  const at = strips.map(s => place(s.length)), parts = [...strips];
  const list = (type, numbers) => {
    const b = Buffer.alloc(numbers.length * (type === 3 ? 2 : 4));
    numbers.forEach((v, i) => type === 3 ? b.writeUInt16LE(v, 2 * i) : b.writeUInt32LE(v, 4 * i));
    if (numbers.length === 1) return [1, numbers[0]];
    parts.push(b);
    return [numbers.length, place(b.length)];
  };
  const tags = [
    [256, 3, 1, WIDTH], [257, 3, 1, HEIGHT], [258, 3, ...list(3, [8, 8, 8])], [259, 3, 1, 1], [262, 3, 1, 2],
    [273, 4, ...list(4, at)], [277, 3, 1, 3], [278, 3, 1, rows], [279, 4, ...list(4, strips.map(s => s.length))],
    [284, 3, 1, separate ? 2 : 1],
  ];
  const directory = Buffer.alloc(2 + 12 * tags.length + 4);
  directory.writeUInt16LE(tags.length, 0);
  tags.forEach(([tag, type, count, value], i) => {
    directory.writeUInt16LE(tag, 2 + 12 * i);
    directory.writeUInt16LE(type, 4 + 12 * i);
    directory.writeUInt32LE(count, 6 + 12 * i);
    directory.writeUInt32LE(value, 10 + 12 * i);
  });
  const head = Buffer.from([0x49, 0x49, 42, 0, 0, 0, 0, 0]);
  head.writeUInt32LE(end, 4);
  return Buffer.concat([head, ...parts, directory]);
};
const readers = {
  async 'jimp'(bytes) { return Array.from((await Jimp.read(bytes)).bitmap.data).filter((_, i) => i % 4 !== 3); },
  async 'utif2'(bytes) {
    const [page] = utif.decode(bytes);
    utif.decodeImage(bytes, page);
    return Array.from(utif.toRGBA8(page)).filter((_, i) => i % 4 !== 3);
  },
  async 'geotiff'(bytes) {
    const image = await (await fromArrayBuffer(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))).getImage();
    return Array.from(await image.readRasters({ interleave: true }));
  },
  async 'sharp'(bytes) { return Array.from(await sharp(bytes).raw().toBuffer()); },
};
const lines = [];
for (const [name, separate, rows] of [['together', false, HEIGHT], ['apart, one strip a plane', true, HEIGHT], ['apart, one strip a row', true, 1]])
  for (const reader of Object.keys(readers)) {
    const got = await readers[reader](file(separate, rows));
    const row = y => [0, 1, 2].map(x => got.slice(3 * (y * WIDTH + x), 3 * (y * WIDTH + x) + 3).join(' ')).join(', ');
    lines.push(`${name}, ${reader}: ${[0, 1, 2].map(row).join(' / ')}`);
  }
console.log(lines.join('\n'));
const same = lines.join('\n') === `together, jimp: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
together, utif2: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
together, geotiff: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
together, sharp: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
apart, one strip a plane, jimp: 10 11 12, 13 14 15, 16 17 18 / 0 0 0, 0 0 0, 0 0 0 / 0 0 0, 0 0 0, 0 0 0
apart, one strip a plane, utif2: 10 11 12, 13 14 15, 16 17 18 / 0 0 0, 0 0 0, 0 0 0 / 0 0 0, 0 0 0, 0 0 0
apart, one strip a plane, geotiff: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
apart, one strip a plane, sharp: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
apart, one strip a row, jimp: 10 11 12, 13 14 15, 0 0 0 / 16 17 18, 19 20 21, 0 0 0 / 22 23 24, 25 26 27, 0 0 0
apart, one strip a row, utif2: 10 11 12, 13 14 15, 0 0 0 / 16 17 18, 19 20 21, 0 0 0 / 22 23 24, 25 26 27, 0 0 0
apart, one strip a row, geotiff: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214
apart, one strip a row, sharp: 10 100 200, 11 101 201, 12 102 202 / 16 106 206, 17 107 207, 18 108 208 / 22 112 212, 23 113 213, 24 114 214`;
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.mjs
