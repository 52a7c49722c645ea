#!/usr/bin/env bash
# onnxruntime-common: the norm of Tensor.fromImage divides by the "mean", adds the "bias",
# and toImageData with the same norm does not bring the picture back.
#
# One would guess: norm {mean, bias} takes the mean away (ImageNet's 123.7 116.3 103.5), or,
# whatever it does, that fromImage and toImageData with equal options are each other's
# reverse.
#
# What happens: fromImage computes (pixel + bias) / mean: "mean" is a divisor, what others
# call std. toImageData computes (number - bias) * mean, where the reverse is
# number * mean - bias. Both agree only while bias is 0 (the default). With the norm for
# -1..1, {mean: 127.5, bias: -127.5}, every colour comes back as 255: a white picture.
# ImageNet's mean given as "mean" leaves numbers from 0 to 2.5, which a network takes
# without complaint.
#
# Why it matters: numbers of the right size and the wrong meaning give predictions that are
# a little worse, which nobody sees; and a picture drawn back from the tensor, as one does
# to check what the network saw, is no help, because that is wrong also when the input was
# right.
#
# The norm of each channel came with microsoft/onnxruntime#14705; no thread found about the two not being reverses.
#
# Versions: onnxruntime-common 1.30.0, with the canvas of @napi-rs/canvas 0.1.80 in place of
# the browser's. Checked on 29 Nov 2026. Output then:
#   onnxruntime-common 1.30.0
#   pixels                            0 100 255, 200 50 10
#   mean 255 bias 0: tensor 0.00 0.39 1.00, 0.78 0.20 0.04 -> back 0 100 255, 200 50 10
#   mean 127.5 bias -127.5: tensor -1.00 -0.22 1.00, 0.57 -0.61 -0.92 -> back 255 255 255, 255 255 255
#   mean 123.7 116.3 103.5 bias 0: tensor 0.00 0.86 2.46, 1.62 0.43 0.10
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
const picture = () => new ImageData(Uint8ClampedArray.of(0, 100, 255, 255, 200, 50, 10, 255), 2, 1);
const colours = data => [0, 4].map(i => Array.from(data.slice(i, i + 3)).join(' ')).join(', ');
const numbers = t => [0, 1].map(i => [0, 2, 4].map(c => t.data[c + i].toFixed(2)).join(' ')).join(', ');
(async () => {
  console.log('onnxruntime-common', require('./node_modules/onnxruntime-common/package.json').version);
  console.log('pixels                           ', colours(picture().data));
  const back = {};
  for (const norm of [{ mean: 255, bias: 0 }, { mean: 127.5, bias: -127.5 }]) {
    const t = await Tensor.fromImage(picture(), { tensorFormat: 'RGB', norm });
    back[norm.bias] = colours(t.toImageData({ format: 'RGB', norm }).data);
    console.log(`mean ${norm.mean} bias ${norm.bias}: tensor ${numbers(t)} -> back ${back[norm.bias]}`);
  }
  const t = await Tensor.fromImage(picture(), { tensorFormat: 'RGB', norm: { mean: [123.7, 116.3, 103.5], bias: 0 } });
  console.log('mean 123.7 116.3 103.5 bias 0: tensor', numbers(t));
  const same = back[0] === '0 100 255, 200 50 10' && back[-127.5] === '255 255 255, 255 255 255' && Math.abs(t.data[0]) < 1e-6 && t.data[2] > 0.8;
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
