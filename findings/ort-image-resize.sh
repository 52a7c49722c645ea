#!/usr/bin/env bash
# onnxruntime-common (the Tensor of onnxruntime-web and -node): Tensor.fromImage with
# resizedWidth and resizedHeight cuts; it does not resize.
#
# One would guess: fromImage(imageData, {resizedWidth: 224, resizedHeight: 224}) scales the
# picture to what the network wants. The options are described as "the resized height. If
# omitted, original height will be used".
#
# What happens: the picture is laid into a canvas of that size at its corner, unscaled.
# A larger picture loses all but its upper left part; a smaller one is filled up with
# (transparent) black to the right and below. The tensor has the shape asked for, and
# nothing is said. With 640x480 photographs and 224x224, the network sees a sixth of the
# picture: often a part of sky.
#
# Why it matters: labels are plausible often enough that nobody looks, and a heat map over
# the whole picture explains a prediction that was made for its corner.
#
# Known: microsoft/onnxruntime#24050 (closed as stale, unchanged).
#
# Versions: onnxruntime-common 1.30.0, with the canvas of @napi-rs/canvas 0.1.80 in place of
# the browser's. Checked on 29 Nov 2026. Output then:
#   onnxruntime-common 1.30.0
#   4x4 picture:  0 10 20 30 / 40 50 60 70 / 80 90 100 110 / 120 130 140 150
#   "resized" to 2x2:  0 10 / 40 50
#   "resized" to 6x6:  0 10 20 30 0 0 / 40 50 60 70 0 0 / 80 90 100 110 0 0 / 120 130 140 150 0 0 / 0 0 0 0 0 0 / 0 0 0 0 0 0
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts onnxruntime-common@1.30.0 @napi-rs/canvas@0.1.80
cat > try.js <<'JS'
const { Tensor } = require('onnxruntime-common'), canvas = require('@napi-rs/canvas');
globalThis.ImageData = canvas.ImageData;
globalThis.HTMLCanvasElement = canvas.createCanvas(1, 1).constructor;
globalThis.document = { createElement: () => canvas.createCanvas(1, 1) };
const picture = () => new ImageData(Uint8ClampedArray.from({ length: 64 }, (_, i) => i % 4 === 3 ? 255 : (i >> 2) * 10), 4, 4);
const rows = (t, width) => Array.from({ length: width }, (_, y) => Array.from(t.data.slice(y * width, (y + 1) * width)).join(' ')).join(' / ');
const norm = { mean: 1, bias: 0 };
(async () => {
  console.log('onnxruntime-common', require('./node_modules/onnxruntime-common/package.json').version);
  console.log('4x4 picture: ', rows(await Tensor.fromImage(picture(), { norm }), 4));
  const got = [];
  for (const size of [2, 6]) {
    const t = await Tensor.fromImage(picture(), { norm, resizedWidth: size, resizedHeight: size });
    got.push(`${t.dims}: ${rows(t, size)}`);
    console.log(`"resized" to ${size}x${size}: `, rows(t, size));
  }
  const same = got[0] === '1,3,2,2: 0 10 / 40 50' && got[1].endsWith('120 130 140 150 0 0 / 0 0 0 0 0 0 / 0 0 0 0 0 0');
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
