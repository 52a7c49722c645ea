#!/usr/bin/env bash
# OpenCV's DNN module: whether AveragePool counts its padding is told by the name of the
# program that wrote the file, not by the attribute that says so.
#
# One would guess: count_include_pad decides (operator AveragePool since set 7; 0, the
# default, divides by the pixels that are really there). producer_name is a remark for
# people, as in every other runtime.
#
# What happens in 4.12: with producer_name "pytorch" padding is always counted, with any
# other name, or none, it never is; the attribute is not looked at. So the same network gives
# other numbers once a tool that optimizes, merges or edits graphs has put its own name in,
# and PyTorch's own AvgPool2d(count_include_pad=False) is wrong from the start. No error, the
# right shape, all of the border off: by 9/4 in a corner of a 3 x 3 window. 5.0 reads the
# attribute.
#
# Why it matters: Inception v3 and its kin average 3 x 3 with padding in every block. Whoever
# compares heatmaps or labels made by OpenCV with another runtime's meets this first.
#
# Versions: @techstark/opencv-js 4.12.0-release.1 and 5.0.0-release.1 (OpenCV 4.12.0 and
# 5.0.0 in WebAssembly), onnx-proto 8.0.1.
# Checked on 30 Nov 2026. Output then (3 x 3 ones, window 3 x 3, padded by 1; the corner):
#   attribute 1 asks for 0.444, attribute 0 for 1.000
#   OpenCV 4.12.0 producer "pytorch": attribute 1 gives 0.444, attribute 0 gives 0.444
#   OpenCV 4.12.0 producer "": attribute 1 gives 1.000, attribute 0 gives 1.000
#   OpenCV 5.0.0 producer "pytorch": attribute 1 gives 0.444, attribute 0 gives 1.000
#   OpenCV 5.0.0 producer "": attribute 1 gives 0.444, attribute 0 gives 1.000
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
const type = { tensorType: { elemType: 1, shape: { dim: [1, 1, 3, 3].map(dimValue => ({ dimValue })) } } };
const model = (producerName, include) => onnx.ModelProto.encode({
  irVersion: 8, producerName, opsetImport: [{ domain: '', version: 13 }],
  graph: {
    name: 'g',
    node: [{
      opType: 'AveragePool', input: ['x'], output: ['y'],
      attribute: [ints('kernel_shape', [3, 3]), ints('pads', [1, 1, 1, 1]), { name: 'count_include_pad', type: 2, i: include }],
    }],
    input: [{ name: 'x', type }],
    output: [{ name: 'y', type }],
  },
}).finish();
(async () => {
  const got = ['attribute 1 asks for 0.444, attribute 0 for 1.000'];
  for (const name of ['cv4', 'cv5']) {
    const loaded = require(name);
    const cv = loaded instanceof Promise ? await loaded : loaded; // the module of 4.12 is itself thenable, and never done
    if (!cv.Mat) await new Promise(done => { cv.onRuntimeInitialized = done; });
    const version = /OpenCV (\d+\.\d+\.\d+)/.exec(cv.getBuildInformation())[1];
    const ones = new cv.Mat(3, 3, cv.CV_32F, new cv.Scalar(1));
    const x = cv.blobFromImage(ones, 1, new cv.Size(3, 3), new cv.Scalar(0, 0, 0, 0), false, false, cv.CV_32F);
    for (const producer of ['pytorch', '']) {
      const corner = [1, 0].map(include => {
        const file = `${producer}${include}.onnx`;
        cv.FS_createDataFile('/', file, model(producer, include), true, true, true);
        const net = cv.readNetFromONNX(file);
        net.setInput(x, 'x');
        return net.forward('y').data32F[0].toFixed(3);
      });
      got.push(`OpenCV ${version} producer "${producer}": attribute 1 gives ${corner[0]}, attribute 0 gives ${corner[1]}`);
    }
  }
  console.log(got.join('\n'));
  const same = got.join('\n') === `attribute 1 asks for 0.444, attribute 0 for 1.000
OpenCV 4.12.0 producer "pytorch": attribute 1 gives 0.444, attribute 0 gives 0.444
OpenCV 4.12.0 producer "": attribute 1 gives 1.000, attribute 0 gives 1.000
OpenCV 5.0.0 producer "pytorch": attribute 1 gives 0.444, attribute 0 gives 1.000
OpenCV 5.0.0 producer "": attribute 1 gives 0.444, attribute 0 gives 1.000`;
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
