#!/usr/bin/env bash
# @napi-rs/webcodecs (Node): a video frame made RGBA comes out by BT.601 in limited range,
# whatever its colour space says.
#
# One would guess: VideoFrame.copyTo with the format RGBA converts by the frame's own colorSpace
# (matrix, range), as drawing it on a canvas does ("Convert to RGB frame" of WebCodecs; its
# tests, videoFrame-copyTo-rgb, ask for both matrices). The object is handed in, or comes from
# the decoder, and reads back as it was.
#
# What happens: it is not looked at. High definition (BT.709), which is what nearly every camera
# and file of 720 lines and more has, gets standard definition's colours: pure red is 232 0 1.
# Full range (phones, screens, MJPEG) is stretched as if black were 16 and white 235: 16 becomes
# 0, 235 becomes 255, and between them contrast is a sixth too high. No warning.
#
# Why it matters: networks for videos were trained on frames that ffmpeg, PyAV or decord had
# made by the file's tags. Here every frame differs by as much as from another camera, and an
# occlusion map's numbers with it; it looks good enough that nobody asks. The I420 that copyTo
# gives without a format is right, for who converts by himself.
#
# ffmpeg 5.1.9 makes 255 0 0 of the same red by its tags. No thread found.
#
# Versions: @napi-rs/webcodecs 1.3.1 (the newest for Node.js 20), linux x64.
# Checked on 30 Nov 2026. Output then (16 x 16 pixels of one colour, made I420 by the matrix and
# range named):
#   given: 255 0 0, 0 255 0, 224 172 138, 16 16 16, 128 128 128, 235 235 235
#   smpte170m limited: 253 0 0, 0 254 0, 222 171 136, 16 16 16, 128 128 128, 235 235 235
#   bt709 limited: 232 0 1, 19 255 8, 218 167 139, 16 16 16, 128 128 128, 235 235 235
#   smpte170m full: 255 0 0, 0 255 0, 241 181 142, 0 0 0, 130 130 130, 255 255 255
#   bt709 full: 246 0 0, 7 255 0, 236 178 145, 0 0 0, 130 130 130, 255 255 255
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @napi-rs/webcodecs@1.3.1
cat > try.js <<'JS'
const { VideoFrame } = require('@napi-rs/webcodecs');
const SIDE = 16;
// Kr and Kb of ITU-R BT.601 and BT.709.
const weights = { smpte170m: [0.299, 0.114], bt709: [0.2126, 0.0722] };
const stored = ([r, g, b], matrix, full) => {
  const [kr, kb] = weights[matrix];
  const y = kr * r + (1 - kr - kb) * g + kb * b, u = (b - y) / (2 - 2 * kb), v = (r - y) / (2 - 2 * kr);
  return (full ? [y, 128 + u, 128 + v] : [16 + y * 219 / 255, 128 + u * 224 / 255, 128 + v * 224 / 255])
    .map(n => Math.min(255, Math.max(0, Math.round(n))));
};
const seen = async (colour, matrix, full) => {
  const [y, u, v] = stored(colour, matrix, full);
  const pixels = SIDE * SIDE, data = new Uint8Array(pixels * 3 / 2);
  data.fill(y, 0, pixels).fill(u, pixels, pixels * 5 / 4).fill(v, pixels * 5 / 4);
  const frame = new VideoFrame(data, {
    format: 'I420', codedWidth: SIDE, codedHeight: SIDE, timestamp: 0,
    colorSpace: { matrix, primaries: matrix, transfer: matrix, fullRange: full },
  });
  if (frame.colorSpace.matrix !== matrix || frame.colorSpace.fullRange !== full) throw new Error('another colour space than was given');
  const out = new Uint8Array(pixels * 4);
  await frame.copyTo(out, { format: 'RGBA' });
  frame.close();
  return [0, 1, 2].map(c => Math.round(out.filter((_, i) => i % 4 === c).reduce((a, b) => a + b) / pixels));
};
const colours = [[255, 0, 0], [0, 255, 0], [224, 172, 138], [16, 16, 16], [128, 128, 128], [235, 235, 235]];
(async () => {
  const lines = [`given: ${colours.map(c => c.join(' ')).join(', ')}`];
  for (const [matrix, full] of [['smpte170m', false], ['bt709', false], ['smpte170m', true], ['bt709', true]]) {
    const got = [];
    for (const colour of colours) got.push((await seen(colour, matrix, full)).join(' '));
    lines.push(`${matrix} ${full ? 'full' : 'limited'}: ${got.join(', ')}`);
  }
  console.log(lines.join('\n'));
  const same = lines.join('\n') === `given: 255 0 0, 0 255 0, 224 172 138, 16 16 16, 128 128 128, 235 235 235
smpte170m limited: 253 0 0, 0 254 0, 222 171 136, 16 16 16, 128 128 128, 235 235 235
bt709 limited: 232 0 1, 19 255 8, 218 167 139, 16 16 16, 128 128 128, 235 235 235
smpte170m full: 255 0 0, 0 255 0, 241 181 142, 0 0 0, 130 130 130, 255 255 255
bt709 full: 246 0 0, 7 255 0, 236 178 145, 0 0 0, 130 130 130, 255 255 255`;
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
