#!/usr/bin/env bash
# Node's PNG readers shear masks: rows of 1, 2 or 4 bits a pixel that end inside of a byte.
#
# One would guess: a PNG is lossless, and a mask or a map of labels (two to sixteen classes,
# which tools that save space write with 1, 2 or 4 bits a pixel) has the same pixels with
# any reader, or is refused.
#
# What happens: each row of a PNG begins at a new byte. upng-js forgets that for gray ones
# (not for palettes), image-js for palettes (fast-png, which it is built on, does not): each
# row is shifted further, the picture leans. And of gray ones of 1 bit image-js leaves out
# bits at the rows' first byte for the last one's: where the width is a multiple of 8, all
# of the first byte; the rest moves up, and the end stays black. Gray ones of 2 and 4 bits it
# refuses. pngjs, which jimp uses, reads all of them.
#
# Why it matters: pictures of 8 bits come out right, so does a palette's mask of 512 pixels
# width; one of 500 leans. A mask that says where to hide, or labels that a network is held
# to, are then of other places, without an error. One should write masks with 8 bits.
#
# Known elsewhere: image-rs/image#133 (2014, closed) was the same in Rust; image-js/fast-png#50
# (2025) is about the values of such palettes; no thread found for these.
#
# Versions: upng-js 2.1.0, image-js 1.1.0, fast-png 8.0.0, pngjs 7.0.0, node 20.
# Checked on 30 Nov 2026. Output then (pixels of another value than the file's):
#   kind             size     pngjs    fast-png upng-js  image-js
#   gray 1 bit       64 x 48  0        packed   0        1136
#   gray 1 bit       61 x 47  0        packed   1044     1293
#   gray 2 bits      64 x 48  0        packed   0        refused
#   gray 2 bits      61 x 47  0        packed   1821     refused
#   gray 4 bits      64 x 48  0        packed   0        refused
#   gray 4 bits      61 x 47  0        packed   2547     refused
#   palette 1 bit    64 x 48  0        0        0        0
#   palette 1 bit    61 x 47  0        0        0        1044
#   palette 2 bits   64 x 48  0        0        0        0
#   palette 2 bits   61 x 47  0        0        0        1821
#   palette 4 bits   64 x 48  0        0        0        0
#   palette 4 bits   61 x 47  0        0        0        2547
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts upng-js@2.1.0 image-js@1.1.0 fast-png@8.0.0 pngjs@7.0.0
cat > try.mjs <<'JS'
import zlib from 'node:zlib';
import upng from 'upng-js';
import * as imagejs from 'image-js';
import * as fastpng from 'fast-png';
import { PNG } from 'pngjs';

const crc = bytes => {
  let c = ~0;
  for (const b of bytes) { c ^= b; for (let k = 0; k < 8; k++) c = (c >>> 1) ^ (c & 1 ? 0xedb88320 : 0); }
  return ~c >>> 0;
};
const chunk = (kind, data) => {
  const body = Buffer.concat([Buffer.from(kind), data]), out = Buffer.alloc(body.length + 8);
  out.writeUInt32BE(data.length); body.copy(out, 4); out.writeUInt32BE(crc(body), body.length + 4);
  return out;
};
// A PNG without filters, by hand; colour type 0 is gray, 3 a palette (entry i has red 10 i).
const png = (width, height, bits, type, label) => {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width); head.writeUInt32BE(height, 4); head[8] = bits; head[9] = type;
  const line = 1 + Math.ceil(width * bits / 8), raw = Buffer.alloc(height * line);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) raw[y * line + 1 + (x * bits >> 3)] |= label(x, y) << (8 - bits - (x * bits & 7));
  const palette = Buffer.from(Array.from({ length: 2 ** bits }, (_, i) => [10 * i, 0, 255 - 10 * i]).flat());
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), chunk('IHDR', head), ...(type === 3 ? [chunk('PLTE', palette)] : []), chunk('IDAT', zlib.deflateSync(raw)), chunk('IEND', Buffer.alloc(0))]);
};
const every = (data, n) => Array.from(data).filter((_, i) => i % n === 0);
const readers = {
  pngjs: file => every(PNG.sync.read(file).data, 4),
  'fast-png': file => {
    const p = fastpng.decode(file);
    return p.palette ? every(fastpng.convertIndexedToRgb(p), 3) : 'packed'; // bits as they are in the file
  },
  'upng-js': file => every(new Uint8Array(upng.toRGBA8(upng.decode(file))[0]), 4),
  'image-js': file => { const p = imagejs.decode(file); return every(p.getRawImage().data, p.channels); },
};
console.log('kind'.padEnd(16), 'size'.padEnd(8), Object.keys(readers).map(n => n.padEnd(8)).join(' ').trimEnd());
const got = [];
for (const [type, name] of [[0, 'gray'], [3, 'palette']]) for (const bits of [1, 2, 4]) for (const [width, height] of [[64, 48], [61, 47]]) {
  const label = (x, y) => (x * 3 + y * 5 + (x * y >> 1)) % 2 ** bits;
  const file = png(width, height, bits, type, label);
  const want = Array.from({ length: width * height }, (_, i) => label(i % width, Math.floor(i / width))).map(v => type === 3 ? 10 * v : v * 255 / (2 ** bits - 1));
  const row = Object.values(readers).map(read => {
    try {
      const pixels = read(file);
      return pixels === 'packed' ? pixels : String(want.filter((v, i) => v !== pixels[i]).length);
    } catch { return 'refused'; }
  });
  got.push(row);
  console.log(`${name} ${bits} bit${bits > 1 ? 's' : ''}`.padEnd(16), `${width} x ${height}`.padEnd(8), row.map(v => v.padEnd(8)).join(' ').trimEnd());
}
const [wide, odd] = [0, 1].map(k => got.filter((_, i) => i % 2 === k)); // rows that end at a byte, and others
const sheared = v => Number(v) > 500;
const so = got.every(r => r[0] === '0') && wide.every(r => r[2] === '0') && odd.slice(0, 3).every(r => sheared(r[2])) && odd.slice(3).every(r => r[2] === '0' && sheared(r[3]))
  && wide.slice(3).every(r => r[3] === '0') && sheared(got[0][3]) && sheared(got[1][3]);
console.log(so ? 'still so' : 'CHANGED');
process.exit(so ? 0 : 1);
JS
node try.mjs
