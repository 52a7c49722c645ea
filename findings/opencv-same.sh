#!/usr/bin/env bash
# OpenCV's DNN module: SAME_UPPER and SAME_LOWER pad alike, in 4.12 as the one says, in 5.0 at
# stride 2 as the other.
#
# One would guess: of an odd number of pixels to pad, SAME_UPPER puts the last one at the end
# and SAME_LOWER at the beginning, as ONNX's text says of Conv, MaxPool and AveragePool. A
# window of 3 and stride 2 over 8 pixels is then padded by one pixel, behind or before.
#
# What happens: 4.12 pads at the end, whatever the attribute says. 5.0 pads by the half of the
# window on both sides, whatever the attribute and the size say: that puts the pixel before,
# as SAME_LOWER (a window of 2 over 5 pixels is padded at the end, as SAME_UPPER). So an
# upgrade moves what each such layer sees by a pixel, in a network that both versions load
# without a word and whose shapes they get right.
#
# Why it matters: SAME with stride 2 is how networks of TensorFlow (MobileNet, EfficientNet)
# halve their maps, and converters write auto_pad where the size is open. Five such layers
# one behind the other move the picture by 31 pixels against what was trained; labels
# often survive it, boxes and heat maps come out beside their objects.
#
# Versions: @techstark/opencv-js 4.12.0-release.1 and 5.0.0-release.1 (OpenCV 4.12.0 and
# 5.0.0 in WebAssembly; native builds were not tried), onnx-proto 8.0.1.
# Checked on 30 Nov 2026. Output then (inputs 1, 2, 3 ...; the convolution's weights are 1, 10
# and 100, so its digits are the pixels that it saw, 0 for padding):
#   Conv, window 3, SAME_UPPER: 321 543 765 87; 4.12.0 321 543 765 87; 5.0.0 210 432 654 876
#   Conv, window 3, SAME_LOWER: 210 432 654 876; 4.12.0 321 543 765 87; 5.0.0 210 432 654 876
#   MaxPool, window 3, SAME_UPPER: 3 5 7 8; 4.12.0 3 5 7 8; 5.0.0 2 4 6 8
#   MaxPool, window 3, SAME_LOWER: 2 4 6 8; 4.12.0 3 5 7 8; 5.0.0 2 4 6 8
#   AveragePool, window 3, SAME_UPPER: 2 4 6 7.5; 4.12.0 2 4 6 7.5; 5.0.0 1.5 3 5 7
#   AveragePool, window 3, SAME_LOWER: 1.5 3 5 7; 4.12.0 2 4 6 7.5; 5.0.0 1.5 3 5 7
#   AveragePool, window 2, SAME_UPPER: 1.5 3.5 5; 4.12.0 1.5 3.5 5; 5.0.0 1.5 3.5 5
#   AveragePool, window 2, SAME_LOWER: 1 2.5 4.5; 4.12.0 1.5 3.5 5; 5.0.0 1.5 3.5 5
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts \
    cv4@npm:@techstark/opencv-js@4.12.0-release.1 cv5@npm:@techstark/opencv-js@5.0.0-release.1 onnx-proto@8.0.1
cat > try.js <<'JS'
const { onnx } = require('onnx-proto');
const ints = (name, v) => ({ name, type: 7, ints: v });
const value = (name, n) => ({ name, type: { tensorType: { elemType: 1, shape: { dim: [1, 1, 1, n].map(dimValue => ({ dimValue })) } } } });
const STRIDE = 2;
const model = (opType, length, window, pad) => onnx.ModelProto.encode({
  irVersion: 8, opsetImport: [{ domain: '', version: 13 }],
  graph: {
    name: 'g',
    node: [{
      opType, input: opType === 'Conv' ? ['x', 'w'] : ['x'], output: ['y'],
      attribute: [ints('kernel_shape', [1, window]), ints('strides', [1, STRIDE]), { name: 'auto_pad', type: 3, s: Buffer.from(pad) }],
    }],
    initializer: opType === 'Conv' ? [{ name: 'w', dims: [1, 1, 1, window], dataType: 1, floatData: Array.from({ length: window }, (_, i) => 10 ** i) }] : [],
    input: [value('x', length)],
    output: [value('y', Math.ceil(length / STRIDE))],
  },
}).finish();
// What the text of ONNX says.
const told = (op, x, window, pad) => {
  const outputs = Math.ceil(x.length / STRIDE), total = (outputs - 1) * STRIDE + window - x.length;
  const before = pad === 'SAME_UPPER' ? Math.floor(total / 2) : Math.ceil(total / 2);
  return Array.from({ length: outputs }, (_, o) => {
    const seen = Array.from({ length: window }, (_, k) => x[o * STRIDE - before + k]), there = seen.filter(v => v !== undefined);
    if (op === 'MaxPool') return Math.max(...there);
    if (op === 'AveragePool') return there.reduce((a, b) => a + b) / there.length;
    return seen.reduce((sum, v, k) => sum + (v ?? 0) * 10 ** k, 0);
  });
};
const cases = [['Conv', 8, 3], ['MaxPool', 8, 3], ['AveragePool', 8, 3], ['AveragePool', 5, 2]].flatMap(c => [[...c, 'SAME_UPPER'], [...c, 'SAME_LOWER']]);
(async () => {
  const libraries = [];
  for (const name of ['cv4', 'cv5']) {
    const loaded = require(name);
    const cv = loaded instanceof Promise ? await loaded : loaded; // the module of 4.12 is itself thenable, and never done
    if (!cv.Mat) await new Promise(done => { cv.onRuntimeInitialized = done; });
    libraries.push(cv);
  }
  const got = cases.map(([op, length, window, pad], n) => {
    const x = Array.from({ length }, (_, i) => i + 1);
    const texts = [`${op}, window ${window}, ${pad}: ${told(op, x, window, pad).join(' ')}`];
    for (const cv of libraries) {
      const version = /OpenCV (\d+\.\d+\.\d+)/.exec(cv.getBuildInformation())[1];
      cv.FS_createDataFile('/', `${n}.onnx`, model(op, length, window, pad), true, true, true);
      const net = cv.readNetFromONNX(`${n}.onnx`);
      const row = cv.matFromArray(1, length, cv.CV_32F, x);
      net.setInput(cv.blobFromImage(row, 1, new cv.Size(length, 1), new cv.Scalar(0, 0, 0, 0), false, false, cv.CV_32F), 'x');
      texts.push(`${version} ${Array.from(net.forward('y').data32F).join(' ')}`);
    }
    return texts.join('; ');
  });
  console.log(got.join('\n'));
  const same = got.join('\n') === `Conv, window 3, SAME_UPPER: 321 543 765 87; 4.12.0 321 543 765 87; 5.0.0 210 432 654 876
Conv, window 3, SAME_LOWER: 210 432 654 876; 4.12.0 321 543 765 87; 5.0.0 210 432 654 876
MaxPool, window 3, SAME_UPPER: 3 5 7 8; 4.12.0 3 5 7 8; 5.0.0 2 4 6 8
MaxPool, window 3, SAME_LOWER: 2 4 6 8; 4.12.0 3 5 7 8; 5.0.0 2 4 6 8
AveragePool, window 3, SAME_UPPER: 2 4 6 7.5; 4.12.0 2 4 6 7.5; 5.0.0 1.5 3 5 7
AveragePool, window 3, SAME_LOWER: 1.5 3 5 7; 4.12.0 2 4 6 7.5; 5.0.0 1.5 3 5 7
AveragePool, window 2, SAME_UPPER: 1.5 3.5 5; 4.12.0 1.5 3.5 5; 5.0.0 1.5 3.5 5
AveragePool, window 2, SAME_LOWER: 1 2.5 4.5; 4.12.0 1.5 3.5 5; 5.0.0 1.5 3.5 5`;
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
