#!/usr/bin/env bash
# OpenCV's DNN module: a product with weights of its own for each head or group is right for one
# picture, and for a batch of pictures multiplies with the weights of others.
#
# One would guess: MatMul broadcasts as numpy does (the operator's text says so): of x (B x H x
# T x D) and weights (H x D x K) the result (b, h) is x (b, h) times weights (h), for every b.
# What a network says of a picture does not depend on what else is in the batch.
#
# What happens, in 4.12 and 5.0, if the weights are constants of the file: with B pictures,
# head h gets the weights of about head h / B. In a batch of eight, eight heads have those of 0,
# 0, 0, 0, 1, 1, 1, 1; in a batch of 32 all of 24 heads had those of the first. If the second
# factor is computed, as in attention, all is right. The shape is right and there is no error,
# and what one tries first, a single picture, agrees with the framework.
#
# Why it matters: weights for each head, channel, group or time step are written like this
# (torch.matmul or einsum with a parameter of three axes: capsules, mixtures of experts,
# embeddings of features in time series). Occlusion maps are computed in batches: each size of
# batch is another network, none of them the one that gave the label.
#
# opencv/opencv#22828 added this broadcast, with 2x3x4x5 times 3x5x6 as its example; no thread
# found on its numbers.
#
# Versions: @techstark/opencv-js 4.12.0-release.1 and 5.0.0-release.1 (OpenCV 4.12.0 and
# 5.0.0 in WebAssembly; native builds were not tried), onnx-proto 8.0.1.
# Checked on 30 Nov 2026. Output then (all numbers of picture b are b, the weights of head h are
# the identity times 1, 10, 100: each result tells both; one of each pair of D = 2 is shown):
#   1 picture, 3 heads: 1 10 100; 4.12.0 1 10 100; 5.0.0 1 10 100
#   2 pictures, 3 heads: 1 10 100 / 2 20 200; 4.12.0 1 10 10 / 2 20 20; 5.0.0 1 10 10 / 2 20 20
#   3 pictures, 3 heads: 1 10 100 / 2 20 200 / 3 30 300; 4.12.0 1 1 10 / 2 2 20 / 3 3 30; 5.0.0 1 1 10 / 2 2 20 / 3 3 30
#   2 pictures, the same x for all heads: 1 10 100 / 2 20 200; 4.12.0 1 10 10 / 2 20 20; 5.0.0 1 10 10 / 2 20 20
#   2 pictures, 3 heads, weights computed: 1 10 100 / 2 20 200; 4.12.0 1 10 100 / 2 20 200; 5.0.0 1 10 100 / 2 20 200
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts \
    cv4@npm:@techstark/opencv-js@4.12.0-release.1 cv5@npm:@techstark/opencv-js@5.0.0-release.1 onnx-proto@8.0.1
cat > try.js <<'JS'
const { onnx } = require('onnx-proto');
const HEADS = 3, DEPTH = 2;
const size = shape => shape.reduce((a, b) => a * b, 1);
const value = (name, shape) => ({ name, type: { tensorType: { elemType: 1, shape: { dim: shape.map(dimValue => ({ dimValue })) } } } });
const weights = Array.from({ length: HEADS * DEPTH * DEPTH }, (_, i) => i % (DEPTH * DEPTH) % (DEPTH + 1) ? 0 : 10 ** Math.floor(i / (DEPTH * DEPTH)));
// The input comes as one row, since a cv.Mat of JavaScript has two axes, and gets its shape
// inside; so do the weights where they are to be computed: they are added to zeros of the input.
const model = (shape, computed) => onnx.ModelProto.encode({
  irVersion: 8, opsetImport: [{ domain: '', version: 13 }],
  graph: {
    name: 'g',
    node: [
      { opType: 'Reshape', input: ['row', 'shape'], output: ['x'] },
      ...computed ? [
        { opType: 'Reshape', input: ['zeros', 'sides'], output: ['z'] },
        { opType: 'Add', input: ['z', 'weights'], output: ['w'] },
      ] : [],
      { opType: 'MatMul', input: ['x', computed ? 'w' : 'weights'], output: ['y'] },
    ],
    initializer: [
      { name: 'shape', dims: [4], dataType: 7, int64Data: shape },
      { name: 'weights', dims: [HEADS, DEPTH, DEPTH], dataType: 1, floatData: weights },
      ...computed ? [{ name: 'sides', dims: [3], dataType: 7, int64Data: [HEADS, DEPTH, DEPTH] }] : [],
    ],
    input: [value('row', [1, size(shape)]), ...computed ? [value('zeros', [1, weights.length])] : []],
    output: [value('y', [shape[0], HEADS, 1, DEPTH])],
  },
}).finish();
const cases = [
  ['1 picture, 3 heads', [1, HEADS, 1, DEPTH], false],
  ['2 pictures, 3 heads', [2, HEADS, 1, DEPTH], false],
  ['3 pictures, 3 heads', [3, HEADS, 1, DEPTH], false],
  ['2 pictures, the same x for all heads', [2, 1, 1, DEPTH], false],
  ['2 pictures, 3 heads, weights computed', [2, HEADS, 1, DEPTH], true],
];
(async () => {
  const libraries = [];
  for (const name of ['cv4', 'cv5']) {
    const loaded = require(name);
    const cv = loaded instanceof Promise ? await loaded : loaded; // the module of 4.12 is itself thenable, and never done
    if (!cv.Mat) await new Promise(done => { cv.onRuntimeInitialized = done; });
    libraries.push(cv);
  }
  const got = cases.map(([name, shape, computed], n) => {
    const each = size(shape.slice(1)), pictures = Array.from({ length: shape[0] }, (_, b) => b + 1);
    const texts = [`${name}: ${pictures.map(b => Array.from({ length: HEADS }, (_, h) => b * 10 ** h).join(' ')).join(' / ')}`];
    for (const cv of libraries) {
      const version = /OpenCV (\d+\.\d+\.\d+)/.exec(cv.getBuildInformation())[1];
      cv.FS_createDataFile('/', `${n}.onnx`, model(shape, computed), true, true, true);
      const net = cv.readNetFromONNX(`${n}.onnx`);
      const row = (numbers, input) => {
        const mat = new cv.Mat(1, numbers.length, cv.CV_32F);
        mat.data32F.set(numbers);
        net.setInput(mat, input);
      };
      row(pictures.flatMap(b => Array(each).fill(b)), 'row');
      if (computed) row(weights.map(() => 0), 'zeros');
      const y = Array.from(net.forward('y').data32F).filter((_, i) => i % DEPTH === 0);
      texts.push(`${version} ${pictures.map((_, b) => y.slice(b * HEADS, (b + 1) * HEADS).join(' ')).join(' / ')}`);
    }
    return texts.join('; ');
  });
  console.log(got.join('\n'));
  const same = got.join('\n') === `1 picture, 3 heads: 1 10 100; 4.12.0 1 10 100; 5.0.0 1 10 100
2 pictures, 3 heads: 1 10 100 / 2 20 200; 4.12.0 1 10 10 / 2 20 20; 5.0.0 1 10 10 / 2 20 20
3 pictures, 3 heads: 1 10 100 / 2 20 200 / 3 30 300; 4.12.0 1 1 10 / 2 2 20 / 3 3 30; 5.0.0 1 1 10 / 2 2 20 / 3 3 30
2 pictures, the same x for all heads: 1 10 100 / 2 20 200; 4.12.0 1 10 10 / 2 20 20; 5.0.0 1 10 10 / 2 20 20
2 pictures, 3 heads, weights computed: 1 10 100 / 2 20 200; 4.12.0 1 10 100 / 2 20 200; 5.0.0 1 10 100 / 2 20 200`;
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
