#!/usr/bin/env bash
# OpenCV's DNN module: the maximum, sum or mean over channels, rows and columns leaves out
# every channel but the first two.
#
# One would guess: ReduceMax over the axes 1, 2, 3 of a picture is its largest number, and
# ReduceMean its mean. Over two axes, or with no axes named (all), they are.
#
# What happens in 4.12: where three axes are reduced and the first of them is longer than 2,
# its first entry is taken once and its second one for all others. Of 64 channels that hold
# 1 .. 256 in turn the maximum is 8: the numbers of 62 channels are never read, and the mean
# divides by the right count. ReduceSum and ReduceL2 go the same way. The order in which the
# axes are written decides what is left out. The shape is right, there is no error, and
# pictures of one or two channels, on which one tries it, come out right. 5.0 is right.
#
# Why it matters: a picture standardized inside the network (its own mean and deviation), a
# LayerNorm over a whole feature map, and group normalization over axes 2, 3, 4 of five are
# written like this. The scores stay plausible, and a heat map says that the blue channel of
# a picture does not matter.
#
# opencv/opencv#25103 and #25456 were other faults of this layer, both closed before.
#
# Versions: @techstark/opencv-js 4.12.0-release.1 and 5.0.0-release.1 (OpenCV 4.12.0 and
# 5.0.0 in WebAssembly; native builds were not tried), onnx-proto 8.0.1.
# Checked on 30 Nov 2026. Output then (each input holds 1, 2, 3 ... in order):
#   axes 1,2,3 of 1x2x2x2: max 8, mean 4.50; OpenCV 4.12.0 8, 4.50; OpenCV 5.0.0 8, 4.50
#   axes 1,2,3 of 1x3x2x2: max 12, mean 6.50; OpenCV 4.12.0 8, 5.17; OpenCV 5.0.0 12, 6.50
#   axes 3,2,1 of 1x3x4x5: max 60, mean 30.50; OpenCV 4.12.0 57, 29.30; OpenCV 5.0.0 60, 30.50
#   axes 2,3 of 1x3x2x2: max 4 8 12, mean 2.50 6.50 10.50; OpenCV 4.12.0 4 8 12, 2.50 6.50 10.50; OpenCV 5.0.0 4 8 12, 2.50 6.50 10.50
#   axes 1,2,3 of 1x64x2x2: max 256, mean 128.50; OpenCV 4.12.0 8, 6.44; OpenCV 5.0.0 256, 128.50
#   axes 2,3,4 of 1x2x16x2x2: max 64 128, mean 32.50 96.50; OpenCV 4.12.0 8 72, 6.25 70.25; OpenCV 5.0.0 64 128, 32.50 96.50
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts \
    cv4@npm:@techstark/opencv-js@4.12.0-release.1 cv5@npm:@techstark/opencv-js@5.0.0-release.1 onnx-proto@8.0.1
cat > try.js <<'JS'
const { onnx } = require('onnx-proto');
const size = shape => shape.reduce((a, b) => a * b, 1);
const value = (name, shape) => ({ name, type: { tensorType: { elemType: 1, shape: { dim: shape.map(dimValue => ({ dimValue })) } } } });
// The input comes as one row, since a cv.Mat of JavaScript has two axes, and gets its shape inside.
const model = (opType, shape, axes) => onnx.ModelProto.encode({
  irVersion: 8, opsetImport: [{ domain: '', version: 11 }],
  graph: {
    name: 'g',
    node: [
      { opType: 'Reshape', input: ['row', 'shape'], output: ['x'] },
      { opType, input: ['x'], output: ['y'], attribute: [{ name: 'axes', type: 7, ints: axes }, { name: 'keepdims', type: 2, i: 1 }] },
    ],
    initializer: [{ name: 'shape', dims: [shape.length], dataType: 7, int64Data: shape }],
    input: [value('row', [1, size(shape)])],
    output: [value('y', shape.map((n, axis) => axes.includes(axis) ? 1 : n))],
  },
}).finish();
const cases = [
  [[1, 2, 2, 2], [1, 2, 3]],
  [[1, 3, 2, 2], [1, 2, 3]],
  [[1, 3, 4, 5], [3, 2, 1]],
  [[1, 3, 2, 2], [2, 3]],
  [[1, 64, 2, 2], [1, 2, 3]],
  [[1, 2, 16, 2, 2], [2, 3, 4]],
];
(async () => {
  const libraries = [];
  for (const name of ['cv4', 'cv5']) {
    const loaded = require(name);
    const cv = loaded instanceof Promise ? await loaded : loaded; // the module of 4.12 is itself thenable, and never done
    if (!cv.Mat) await new Promise(done => { cv.onRuntimeInitialized = done; });
    libraries.push(cv);
  }
  const got = cases.map(([shape, axes], n) => {
    const count = size(shape), groups = size(shape.filter((_, axis) => !axes.includes(axis))), each = count / groups; // the axes that stay come first
    const numbers = Float32Array.from({ length: count }, (_, i) => i + 1);
    const parts = Array.from({ length: groups }, (_, g) => numbers.subarray(g * each, (g + 1) * each));
    const texts = [`max ${parts.map(p => Math.max(...p)).join(' ')}, mean ${parts.map(p => (p.reduce((a, b) => a + b) / each).toFixed(2)).join(' ')}`];
    for (const cv of libraries) {
      const version = /OpenCV (\d+\.\d+\.\d+)/.exec(cv.getBuildInformation())[1];
      const [max, mean] = ['ReduceMax', 'ReduceMean'].map(op => {
        cv.FS_createDataFile('/', `${op}${n}.onnx`, model(op, shape, axes), true, true, true);
        const net = cv.readNetFromONNX(`${op}${n}.onnx`);
        const row = new cv.Mat(1, count, cv.CV_32F);
        row.data32F.set(numbers);
        net.setInput(row, 'row');
        return Array.from(net.forward('y').data32F, v => op === 'ReduceMax' ? v : v.toFixed(2)).join(' ');
      });
      texts.push(`OpenCV ${version} ${max}, ${mean}`);
    }
    return `axes ${axes} of ${shape.join('x')}: ${texts.join('; ')}`;
  });
  console.log(got.join('\n'));
  const same = got.join('\n') === `axes 1,2,3 of 1x2x2x2: max 8, mean 4.50; OpenCV 4.12.0 8, 4.50; OpenCV 5.0.0 8, 4.50
axes 1,2,3 of 1x3x2x2: max 12, mean 6.50; OpenCV 4.12.0 8, 5.17; OpenCV 5.0.0 12, 6.50
axes 3,2,1 of 1x3x4x5: max 60, mean 30.50; OpenCV 4.12.0 57, 29.30; OpenCV 5.0.0 60, 30.50
axes 2,3 of 1x3x2x2: max 4 8 12, mean 2.50 6.50 10.50; OpenCV 4.12.0 4 8 12, 2.50 6.50 10.50; OpenCV 5.0.0 4 8 12, 2.50 6.50 10.50
axes 1,2,3 of 1x64x2x2: max 256, mean 128.50; OpenCV 4.12.0 8, 6.44; OpenCV 5.0.0 256, 128.50
axes 2,3,4 of 1x2x16x2x2: max 64 128, mean 32.50 96.50; OpenCV 4.12.0 8 72, 6.25 70.25; OpenCV 5.0.0 64 128, 32.50 96.50`;
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
