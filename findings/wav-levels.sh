#!/usr/bin/env bash
# wav-decoder, wavefile, audio-decode (Node): samples of WAV files come out on another
# scale than in Python, one of them with the other sign, and one too many.
#
# One would guess: integer samples become numbers by one factor, 1/32768 for 16 bits, as
# in libsndfile (Python's soundfile, librosa, torchaudio) and ffmpeg: what was a line
# stays a line.
#
# What happens:
# - all three divide negative samples by 32768 and positive ones by 32767, so that both
#   ends are at 1: the two halves of a wave have different gains, and 16384 is
#   0.50001526. wav-decoder has an option (`symmetric`) against it, which moves the zero
#   of 8 bits to 0.0039.
# - wav-decoder reads the lowest number of 24 bits, full scale downwards, as full scale
#   upwards: -8388608 is +1. A recording that clips gets needles.
# - wavefile counts the byte that RIFF puts behind a chunk of odd length as a sample: five
#   samples of 8 bits are six, and the sixth is -1, a click of full scale.
#
# Why it matters: networks for sound and for signals kept as WAV (heart sounds, bearings)
# were trained on Python's numbers. The differing gains put even harmonics into every
# input, small but there; the needle and the click are just what an occlusion map then
# finds to matter most.
#
# Versions: wav-decoder 1.3.0, wavefile 11.0.0, audio-decode 3.12.0, Node.js 20, linux x64.
# Checked on 29 Nov 2026. Output then:
#   16 bits -32768 -16384 16384 32767   wav-decoder: -1 -0.5 0.50001526 1   wavefile: -1 -0.5 0.50001526 1   audio-decode: -1 -0.5 0.50001526 1
#   24 bits -8388608 -8388607 8388607   wav-decoder: 1.0000001 -0.99999988 1   wavefile: -1 -0.99999988 1   audio-decode: -1 -0.99999988 1
#   8 bits 0 64 128 192 255             wav-decoder: -1 -0.5 0 0.50393701 1   wavefile: -1 -0.5 0 0.50393701 1 -1   audio-decode: -1 -0.5 0 0.50393701 1
#   the same, symmetric                 wav-decoder: -1 -0.49803922 0.0039215689 0.50588238 1
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts wav-decoder@1.3.0 wavefile@11.0.0 audio-decode@3.12.0
cat > try.mjs <<'JS'
import { createRequire } from 'node:module';
import decode from 'audio-decode';
const require = createRequire(import.meta.url);
const decoder = require('wav-decoder'), { WaveFile } = require('wavefile');
const chunk = (id, data) => {
  const head = Buffer.alloc(8);
  head.write(id);
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
};
const wav = (bits, samples) => {
  const bytes = bits / 8, data = Buffer.alloc(samples.length * bytes), format = Buffer.alloc(16);
  samples.forEach((s, i) => bits === 8 ? data.writeUInt8(s, i) : data.writeIntLE(s, i * bytes, bytes));
  [1, 1].forEach((v, i) => format.writeUInt16LE(v, i * 2));
  [8000, 8000 * bytes].forEach((v, i) => format.writeUInt32LE(v, 4 + i * 4));
  [bytes, bits].forEach((v, i) => format.writeUInt16LE(v, 12 + i * 2));
  return chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), chunk('fmt ', format), chunk('data', data)]));
};
const text = numbers => Array.from(numbers, n => +n.toPrecision(8)).join(' ');
const readers = {
  'wav-decoder': async file => (await decoder.decode(file)).channelData[0],
  wavefile: async file => { const w = new WaveFile(file); w.toBitDepth('32f'); return w.getSamples(false, Float32Array); },
  'audio-decode': async file => { const a = await decode(file); return a.channelData ? a.channelData[0] : a.getChannelData(0); },
};
const got = [];
const low = [0, 64, 128, 192, 255];
for (const [name, bits, samples] of [
  ['16 bits -32768 -16384 16384 32767  ', 16, [-32768, -16384, 16384, 32767]],
  ['24 bits -8388608 -8388607 8388607  ', 24, [-8388608, -8388607, 8388607]],
  ['8 bits 0 64 128 192 255            ', 8, low],
]) {
  const line = [];
  for (const [reader, read] of Object.entries(readers)) line.push(`${reader}: ${text(await read(wav(bits, samples)))}`);
  console.log(name, line.join('   '));
  got.push(...line);
}
const symmetric = text((await decoder.decode(wav(8, low), { symmetric: true })).channelData[0]);
console.log('the same, symmetric                 wav-decoder:', symmetric);
const uneven = '-1 -0.5 0.50001526 1', eight = '-1 -0.5 0 0.50393701 1', three = '-1 -0.99999988 1';
const same = [...got, symmetric].join('|') === [
  `wav-decoder: ${uneven}`, `wavefile: ${uneven}`, `audio-decode: ${uneven}`,
  'wav-decoder: 1.0000001 -0.99999988 1', `wavefile: ${three}`, `audio-decode: ${three}`,
  `wav-decoder: ${eight}`, `wavefile: ${eight} -1`, `audio-decode: ${eight}`,
  '-1 -0.49803922 0.0039215689 0.50588238 1',
].join('|');
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.mjs
