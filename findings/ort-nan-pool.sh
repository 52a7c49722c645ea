#!/usr/bin/env bash
# onnxruntime: a NaN vanishes in a max pooling, or becomes the lowest number there is.
#
# One would guess: once a network computes a NaN, what depends on it is NaN, up to the
# scores, where a check finds it: Relu, Clip, Max, Softmax and convolutions of this runtime
# do so, as does PyTorch's max_pool2d.
#
# What happens (onnxruntime-node, x64): MaxPool gives NaN only where the NaN is the last
# number that its window reads. Of a 2 x 2 window over one NaN and three ones, three of four
# places give 1. With padding, a NaN in the last column gives -3.4028234663852886e+38 in one
# of its windows, below everything in it. GlobalMaxPool and ReduceMax give NaN if it comes
# first, else 1. onnxruntime-web (wasm) of the same release keeps every NaN in MaxPool and
# GlobalMaxPool, and loses it in ReduceMax. No error, no warning.
#
# The operators' text says nothing of NaN; the reference code of ONNX gives NaN. Known of
# ReduceMax: microsoft/onnxruntime#10514.
#
# Why it matters: a check of the scores for NaN passes a network that has broken down in its
# first layers: most classifiers have a max pooling there. Look at the layer before it.
#
# Versions: onnxruntime-node 1.30.0, onnxruntime-web 1.30.0, onnx-proto 8.0.1, linux x64.
# Checked on 30 Nov 2026. Output then (ones of 8 x 8 with a NaN at each place in turn; how
# often the windows over it gave which number):
#   node MaxPool 2x2, stride 2: NaN 16, 1 48
#   node MaxPool 3x3, stride 1, padded: NaN 56, 1 420, -3.4028234663852886e+38 8
#   node GlobalMaxPool: NaN 1, 1 63
#   node ReduceMax: NaN 1, 1 63
#   web MaxPool 2x2, stride 2: NaN 64
#   web MaxPool 3x3, stride 1, padded: NaN 484
#   web GlobalMaxPool: NaN 64
#   web ReduceMax: NaN 1, 1 63
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts onnxruntime-node@1.30.0 onnxruntime-web@1.30.0 onnx-proto@8.0.1
cat > try.js <<'JS'
const { onnx } = require('onnx-proto');
const SIDE = 8;
const ints = (name, v) => ({ name, type: 7, ints: v });
const shape = (...d) => ({ tensorType: { elemType: 1, shape: { dim: [1, 1, ...d].map(dimValue => ({ dimValue })) } } });
const model = (opType, side, attribute) => Buffer.from(onnx.ModelProto.encode({
  irVersion: 8, opsetImport: [{ domain: '', version: 13 }],
  graph: {
    name: 'g',
    node: [{ opType, input: ['x'], output: ['y'], attribute }],
    input: [{ name: 'x', type: shape(SIDE, SIDE) }],
    output: [{ name: 'y', type: shape(side, side) }],
  },
}).finish());
// Each case: its name, the model, and whether output o's window covers the input at row r, column c.
const pool = (size, stride, pad) => {
  const side = Math.floor((SIDE + 2 * pad - size) / stride) + 1;
  const inside = (o, at) => o * stride - pad <= at && at < o * stride - pad + size;
  return [
    model('MaxPool', side, [ints('kernel_shape', [size, size]), ints('strides', [stride, stride]), ints('pads', [pad, pad, pad, pad])]),
    (o, r, c) => inside(Math.floor(o / side), r) && inside(o % side, c),
  ];
};
const cases = [
  ['MaxPool 2x2, stride 2', ...pool(2, 2, 0)],
  ['MaxPool 3x3, stride 1, padded', ...pool(3, 1, 1)],
  ['GlobalMaxPool', model('GlobalMaxPool', 1, []), () => true],
  ['ReduceMax', model('ReduceMax', 1, [ints('axes', [2, 3])]), () => true],
];
const expected = [
  'node MaxPool 2x2, stride 2: NaN 16, 1 48',
  'node MaxPool 3x3, stride 1, padded: NaN 56, 1 420, -3.4028234663852886e+38 8',
  'node GlobalMaxPool: NaN 1, 1 63',
  'node ReduceMax: NaN 1, 1 63',
  'web MaxPool 2x2, stride 2: NaN 64',
  'web MaxPool 3x3, stride 1, padded: NaN 484',
  'web GlobalMaxPool: NaN 64',
  'web ReduceMax: NaN 1, 1 63',
];
(async () => {
  const got = [];
  for (const [side, provider] of [['node', 'cpu'], ['web', 'wasm']]) {
    const ort = require(`onnxruntime-${side}`);
    for (const [name, bytes, covers] of cases) {
      const session = await ort.InferenceSession.create(bytes, { executionProviders: [provider] });
      const count = { NaN: 0, 1: 0 };
      for (let k = 0; k < SIDE * SIDE; k++) {
        const x = new Float32Array(SIDE * SIDE).fill(1);
        x[k] = NaN;
        const { y } = await session.run({ x: new ort.Tensor('float32', x, [1, 1, SIDE, SIDE]) });
        y.data.forEach((v, o) => {
          if (covers(o, Math.floor(k / SIDE), k % SIDE)) count[v] = (count[v] ?? 0) + 1;
        });
      }
      const seen = ['NaN', ...Object.keys(count).filter(v => v !== 'NaN')].filter(v => count[v]);
      got.push(`${side} ${name}: ${seen.map(v => `${v} ${count[v]}`).join(', ')}`);
      console.log(got.at(-1));
    }
  }
  const same = got.length === expected.length && got.every((line, i) => line === expected[i]);
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
