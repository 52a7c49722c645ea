#!/usr/bin/env bash
# onnxruntime: Cast of the same file gives other pixels in the browser than in Node,
# and wraps on both where one would guess that it clamps.
#
# One would guess: one version of one runtime gives the same integers for the same file;
# and, as a network whose output is a picture ends in Cast to uint8, that 300 becomes 255
# and -1.5 becomes 0, as QuantizeLinear and every picture library do.
#
# What happens: onnxruntime-node (x64) gives 44 and 255 (white for slightly below black);
# onnxruntime-web (wasm) gives 44 and 0. Numbers too large come out modulo 256 on both, so
# neither clamps; below 0 only one wraps. 3e9 to int8 is 0 and -1, to uint16 24064 and 0
# the other way round. NaN to int64 is the least integer in Node and 0 on the web: an index
# made of it points elsewhere. No error, no warning.
#
# The operator's text leaves numbers out of range undefined, and so does C++; what one
# would not guess is that both packages are the "cpu" code of one release and differ on
# one machine.
#
# Why it matters: heat maps, masks and quantized inputs that a graph makes itself have
# speckles on one side only. Put Clip before Cast.
#
# Known for other pairs: microsoft/onnxruntime#25207 (CPU and CUDA),
# webmachinelearning/webnn#489; no thread found for Node against wasm.
#
# Versions: onnxruntime-node 1.30.0, onnxruntime-web 1.30.0, onnx-proto 8.0.1, linux x64.
# Checked on 29 Nov 2026. Output then:
#   input             -1.5 300 -200 255.9 3000000000
#   node 1.30.0 uint8: 255 44 56 255 0
#   web  1.30.0 uint8: 0 44 0 255 0
#   node 1.30.0 int64 of NaN: -9223372036854775808
#   web  1.30.0 int64 of NaN: 0
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts onnxruntime-node@1.30.0 onnxruntime-web@1.30.0 onnx-proto@8.0.1
cat > try.js <<'JS'
const { onnx } = require('onnx-proto');
const UINT8 = 2, INT64 = 7;
const cast = (to, n) => Buffer.from(onnx.ModelProto.encode({
  irVersion: 8, opsetImport: [{ domain: '', version: 13 }],
  graph: {
    name: 'g',
    node: [{ opType: 'Cast', input: ['x'], output: ['y'], attribute: [{ name: 'to', type: 2, i: to }] }],
    input: [{ name: 'x', type: { tensorType: { elemType: 1, shape: { dim: [{ dimValue: n }] } } } }],
    output: [{ name: 'y', type: { tensorType: { elemType: to, shape: { dim: [{ dimValue: n }] } } } }],
  },
}).finish());
(async () => {
  const numbers = [-1.5, 300, -200, 255.9, 3e9];
  const got = {};
  console.log('input            ', numbers.join(' '));
  for (const [to, name, x] of [[UINT8, 'uint8', numbers], [INT64, 'int64 of NaN', [NaN]]])
    for (const [side, provider] of [['node', 'cpu'], ['web', 'wasm']]) {
      const ort = require(`onnxruntime-${side}`);
      const session = await ort.InferenceSession.create(cast(to, x.length), { executionProviders: [provider] });
      const { y } = await session.run({ x: new ort.Tensor('float32', Float32Array.from(x), [x.length]) });
      got[`${side} ${name}`] = Array.from(y.data).join(' ');
      console.log(`${side.padEnd(4)} ${require('./node_modules/onnxruntime-' + side + '/package.json').version} ${name}: ${got[`${side} ${name}`]}`);
    }
  const same = got['node uint8'] === '255 44 56 255 0' && got['web uint8'] === '0 44 0 255 0' &&
    got['node int64 of NaN'] === '-9223372036854775808' && got['web int64 of NaN'] === '0';
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
