#!/usr/bin/env bash
# FFmpeg: grey pictures of floats are stretched when they become pictures of 16 bits, black
# and white cut off; to 8 bits they come out right.
#
# One would guess: grayf32 holds 0 for black and 1 for white, and 0.5 becomes 32768 of
# gray16, as it becomes 128 of gray. 16 bits lose less than 8.
#
# What happens: from grayf32 to gray16 (gray10, gray12, rgb24 and rgb48 too) the numbers are taken
# for video with headroom, in which black lies at 16 of 255 and white at 235: what is below
# 0.063 becomes 0, what is above 0.922 white, and the rest is stretched by a sixth: 0.25
# becomes 0.218. Also without asking: a PFM file made a PNG becomes one of 16 bits. The other
# way, 5.1 puts black at 0.0625 and white at 0.92; 8.1 has mended that way only, so that
# floats that are written and read back there are others. No warning, as nothing marks grey
# as one or the other range.
#
# Why it matters: depth maps, heat and attribution maps, temperatures and simulated pictures
# are kept as floats (PFM, EXR), and made PNGs of 16 bits for networks and for comparing; the
# lowest 6 and the highest 8 of a hundred levels are gone.
#
# Versions: @ffmpeg/core 0.12.10 (FFmpeg 5.1.4 in WebAssembly; Debian 12's 5.1.9 does the
# same), @seydx/node-av-linux-x64 6.1.1 (libswscale of FFmpeg 8.1, x64), Node.js 20.
# Checked on 30 Nov 2026. Output then:
#   in:                      0.000 0.010 0.050 0.100 0.250 0.500 0.750 0.900 0.950 1.000
#   5.1, float to 8 bits:    0.000 0.012 0.051 0.102 0.251 0.502 0.749 0.902 0.949 1.000
#   5.1, 8 bits to float:    0.000 0.012 0.051 0.102 0.251 0.502 0.749 0.902 0.949 1.000
#   5.1, float to 16 bits:   0.000 0.000 0.000 0.044 0.218 0.509 0.800 0.975 1.000 1.000
#   5.1, 16 bits to float:   0.063 0.071 0.105 0.148 0.277 0.492 0.706 0.835 0.878 0.921
#   8.1, float to 8 bits:    0.000 0.012 0.051 0.102 0.251 0.502 0.749 0.902 0.949 1.000
#   8.1, 8 bits to float:    0.000 0.012 0.051 0.102 0.251 0.502 0.749 0.902 0.949 1.000
#   8.1, float to 16 bits:   0.000 0.000 0.000 0.044 0.219 0.511 0.804 0.979 1.000 1.000
#   8.1, 16 bits to float:   0.000 0.010 0.050 0.100 0.250 0.500 0.750 0.900 0.950 1.000
#   5.1, a PFM made a PNG, which has 16 bits: 0.000 0.000 0.000 0.044 0.218 0.509 0.800 0.975 1.000 1.000
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @ffmpeg/core@0.12.10 @seydx/node-av-linux-x64@6.1.1
cat > try.mjs <<'JS'
import fs from 'node:fs';
import { createRequire } from 'node:module';
const require = createRequire(import.meta.url);
const native = require('@seydx/node-av-linux-x64'); // the binding below node-av
const numbers = [0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1];
const formats = {
  float: { name: 'grayf32le', bytes: 4, read: (b, i) => b.readFloatLE(4 * i), write: (b, v, i) => b.writeFloatLE(v, 4 * i) },
  '16 bits': { name: 'gray16le', bytes: 2, read: (b, i) => b.readUInt16LE(2 * i) / 65535, write: (b, v, i) => b.writeUInt16LE(Math.round(v * 65535), 2 * i) },
  '8 bits': { name: 'gray', bytes: 1, read: (b, i) => b[i] / 255, write: (b, v, i) => { b[i] = Math.round(v * 255); } },
};
const packed = format => { const b = Buffer.alloc(numbers.length * format.bytes); numbers.forEach((v, i) => format.write(b, v, i)); return b; };
const text = (format, b) => numbers.map((_, i) => format.read(b, i).toFixed(3)).join(' ');

// 5.1, which wants to be in a browser's worker.
Object.assign(globalThis, { self: globalThis, location: { href: 'file:///' }, WorkerGlobalScope: function () {}, importScripts: () => {} });
const file = require.resolve('@ffmpeg/core');
const settings = Buffer.from(JSON.stringify({ wasmURL: 'unused' })).toString('base64');
const old = await require(file)({ wasmBinary: fs.readFileSync(file.replace(/\.js$/, '.wasm')), mainScriptUrlOrBlob: `unused#${settings}` });
const said = [];
old.setLogger(({ message }) => said.push(message));
const ffmpeg = (...args) => old.exec('-y', ...args);
const raw = (format, ...more) => ['-f', 'rawvideo', '-pix_fmt', format.name, ...more];
const by51 = (from, to) => {
  old.FS.writeFile('in', packed(from));
  ffmpeg(...raw(from, '-s', `${numbers.length}x1`), '-i', 'in', ...raw(to), 'out');
  return Buffer.from(old.FS.readFile('out'));
};
const photo = () => { // PFM to PNG, nothing said about formats
  old.FS.writeFile('in.pfm', Buffer.concat([Buffer.from(`Pf\n${numbers.length} 1\n-1.0\n`), packed(formats.float)]));
  ffmpeg('-i', 'in.pfm', 'out.png');
  const bits = old.FS.readFile('out.png')[24];
  ffmpeg('-i', 'out.png', ...raw(formats['16 bits']), 'out');
  return `a PFM made a PNG, which has ${bits} bits: ${text(formats['16 bits'], Buffer.from(old.FS.readFile('out')))}`;
};
// 8.1
const BICUBIC = 4; // SWS_BICUBIC, the default of ffmpeg
const by8 = (from, to) => {
  const width = numbers.length, spare = 64, context = new native.SoftwareScaleContext(), code = format => native.avGetPixFmtFromName(format.name); // room for vector instructions past a row's end
  const source = Buffer.concat([packed(from), Buffer.alloc(spare)]), target = Buffer.alloc(width * to.bytes + spare);
  context.getContext(width, 1, code(from), width, 1, code(to), BICUBIC);
  context.scaleSync([source], [width * from.bytes], 0, 1, [target], [width * to.bytes]);
  return target;
};
const got = [`in:                      ${numbers.map(v => v.toFixed(3)).join(' ')}`];
ffmpeg('-version');
const versions = [[/version (\d+\.\d+)/.exec(said.join(' '))[1], by51], [/^\d+\.\d+/.exec(native.getFFmpegInfo().version)[0], by8]];
for (const [version, convert] of versions) {
  for (const [from, to] of [['float', '8 bits'], ['8 bits', 'float'], ['float', '16 bits'], ['16 bits', 'float']]) {
    got.push(`${version}, ${from} to ${to}:`.padEnd(25) + text(formats[to], convert(formats[from], formats[to])));
  }
}
got.push(`${versions[0][0]}, ${photo()}`);
console.log(got.join('\n'));
const same = got.join('\n') === `in:                      0.000 0.010 0.050 0.100 0.250 0.500 0.750 0.900 0.950 1.000
5.1, float to 8 bits:    0.000 0.012 0.051 0.102 0.251 0.502 0.749 0.902 0.949 1.000
5.1, 8 bits to float:    0.000 0.012 0.051 0.102 0.251 0.502 0.749 0.902 0.949 1.000
5.1, float to 16 bits:   0.000 0.000 0.000 0.044 0.218 0.509 0.800 0.975 1.000 1.000
5.1, 16 bits to float:   0.063 0.071 0.105 0.148 0.277 0.492 0.706 0.835 0.878 0.921
8.1, float to 8 bits:    0.000 0.012 0.051 0.102 0.251 0.502 0.749 0.902 0.949 1.000
8.1, 8 bits to float:    0.000 0.012 0.051 0.102 0.251 0.502 0.749 0.902 0.949 1.000
8.1, float to 16 bits:   0.000 0.000 0.000 0.044 0.219 0.511 0.804 0.979 1.000 1.000
8.1, 16 bits to float:   0.000 0.010 0.050 0.100 0.250 0.500 0.750 0.900 0.950 1.000
5.1, a PFM made a PNG, which has 16 bits: 0.000 0.000 0.000 0.044 0.218 0.509 0.800 0.975 1.000 1.000`;
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.mjs
