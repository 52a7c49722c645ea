#!/usr/bin/env bash
# TensorFlow.js: with rounding "ceil" the WebAssembly backend shears convolutions and poolings.
#
# One would guess: tf.maxPool(x, 3, 2, 0, 'ceil') gives the same numbers on every backend;
# the last window reaches beyond the picture and takes what is there, as PyTorch's
# ceil_mode=True and Caffe's pooling do. SqueezeNet and GoogLeNet are made of such poolings,
# so whoever writes them by hand for the browser needs this argument.
#
# What happens: the backend "cpu" does so. "wasm" announces the same shape (3 x 3 of 6 x 6),
# but computes the 2 x 2 numbers of rounding down and lays them into it one after the other:
# the second row's begin in the first row, and the rest of the tensor is not written.
# maxPool, avgPool, conv2d and depthwiseConv2d all do. No error, no warning.
#
# Why it matters: shapes fit all the way to the scores. Pad by hand (tf.pad) and round down,
# or compare backends before switching to the fast one.
#
# No thread found on this argument; tensorflow/tfjs#5920 and #5355 are of other poolings.
#
# Versions: @tensorflow/tfjs 4.22.0, @tensorflow/tfjs-backend-wasm 4.22.0.
# Checked on 30 Nov 2026. Output then (numbers 0 to 35 in a square, windows of 3 x 3 at
# stride 2, weights of a ninth; what was not computed is left out):
#   maxPool          cpu 3x3: 14 16 17 26 28 29 32 34 35
#   maxPool         wasm 3x3: 14 16 26 28 and 5 more
#   avgPool          cpu 3x3: 7 9 10.5 19 21 22.5 28 30 31.5
#   avgPool         wasm 3x3: 7 9 19 21 and 5 more
#   conv2d           cpu 3x3: 7 9 7 19 21 15 18.67 20 14
#   conv2d          wasm 3x3: 7 9 19 21 and 5 more
#   depthwiseConv2d  cpu 3x3: 7 9 7 19 21 15 18.67 20 14
#   depthwiseConv2d wasm 3x3: 7 9 19 21 and 5 more
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0
cat > try.js <<'JS'
console.warn = () => {}; // it recommends its native package
const path = require('path');
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
wasm.setWasmPaths(path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm')) + '/');
const ninth = () => tf.fill([3, 3, 1, 1], 1 / 9);
const operators = {
  maxPool: x => tf.maxPool(x, 3, 2, 0, 'ceil'),
  avgPool: x => tf.avgPool(x, 3, 2, 0, 'ceil'),
  conv2d: x => tf.conv2d(x, ninth(), 2, 0, 'NHWC', 1, 'ceil'),
  depthwiseConv2d: x => tf.depthwiseConv2d(x, ninth(), 2, 0, 'NHWC', 1, 'ceil'),
};
const expected = {
  maxPool: ['14 16 17 26 28 29 32 34 35', '14 16 26 28'],
  avgPool: ['7 9 10.5 19 21 22.5 28 30 31.5', '7 9 19 21'],
  conv2d: ['7 9 7 19 21 15 18.67 20 14', '7 9 19 21'],
  depthwiseConv2d: ['7 9 7 19 21 15 18.67 20 14', '7 9 19 21'],
};
(async () => {
  let same = true;
  for (const [name, run] of Object.entries(operators))
    for (const [i, backend] of ['cpu', 'wasm'].entries()) {
      await tf.setBackend(backend);
      await tf.ready();
      const y = run(tf.range(0, 36).reshape([1, 6, 6, 1]));
      const numbers = Array.from(y.dataSync(), v => +v.toPrecision(4));
      // What wasm did not compute is no result, and differs from run to run.
      const shown = numbers.slice(0, expected[name][i].split(' ').length).join(' ');
      const more = numbers.length - shown.split(' ').length;
      console.log(`${name.padEnd(15)} ${backend.padStart(4)} ${y.shape.slice(1, 3).join('x')}: ${shown}${more ? ` and ${more} more` : ''}`);
      same &&= y.shape.join() === '1,3,3,1' && shown === expected[name][i];
    }
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
