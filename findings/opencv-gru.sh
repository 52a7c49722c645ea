#!/usr/bin/env bash
# OpenCV's DNN module: a GRU that reads its series backwards reads it forwards, and a GRU whose
# final state nobody asks for answers with nothing else.
#
# One would guess: what is not done of GRU and LSTM is refused, as the operator RNN is, and as 4.12
# refuses a GRU whose first state is not given. The rest follows the operators' text.
#
# What happens:
# - direction "reverse" of a GRU is not looked at, in 4.12 and 5.0: the series is read forwards.
#   "forward" and "bidirectional" are read right.
# - linear_before_reset is not looked at in 4.12: it always computes as with 1 (PyTorch's GRU,
#   Keras' reset_after), also where 0, the default, is meant. 5.0 is right.
# - A GRU that names Y alone gives its last step for it in 5.0, one row where all are told. With
#   Y_h named too, used or not, Y is right. 4.12 is right.
# - The final state of a "reverse" LSTM is in both the one after its first step, which is that of
#   the last sample. Its Y is right, and so is the final state of a "bidirectional" one.
# No error in any of them.
#
# Why it matters: recognizers of text lines and of sounds end in such layers, and the newer version
# is wrong where the older one was right and the other way round. Which outputs a node names depends
# on the exporter, and tools that simplify a file drop the name that nobody reads.
#
# The numbers told are the operators' text written out below for one unit; onnxruntime 1.30.0
# gives them of the same files. No thread found (opencv/opencv#26309 is about GRU in 5.0's reader,
# and speaks of none of this).
#
# Versions: @techstark/opencv-js 4.12.0-release.1 and 5.0.0-release.1 (OpenCV 4.12.0 and 5.0.0 in
# WebAssembly; native builds were not tried), onnx-proto 8.0.1.
# Checked on 1 Dec 2026. Output then (three steps, in the order of the input):
#   GRU linear_before_reset 1, forward, outputs Y and Y_h, Y: told 0.366 -0.336 0.281; OpenCV 4.12.0 0.366 -0.336 0.281; OpenCV 5.0.0 0.366 -0.336 0.281
#   GRU linear_before_reset 1, forward, outputs Y, Y: told 0.366 -0.336 0.281; OpenCV 4.12.0 0.366 -0.336 0.281; OpenCV 5.0.0 0.281
#   GRU linear_before_reset 0, forward, outputs Y and Y_h, Y: told 0.389 -0.302 0.350; OpenCV 4.12.0 0.366 -0.336 0.281; OpenCV 5.0.0 0.389 -0.302 0.350
#   GRU linear_before_reset 0, forward, outputs Y, Y: told 0.389 -0.302 0.350; OpenCV 4.12.0 0.366 -0.336 0.281; OpenCV 5.0.0 0.350
#   GRU linear_before_reset 1, reverse, outputs Y and Y_h, Y: told 0.274 -0.358 0.331; OpenCV 4.12.0 0.366 -0.336 0.281; OpenCV 5.0.0 0.366 -0.336 0.281
#   GRU linear_before_reset 0, reverse, outputs Y and Y_h, Y: told 0.308 -0.293 0.404; OpenCV 4.12.0 0.366 -0.336 0.281; OpenCV 5.0.0 0.389 -0.302 0.350
#   LSTM, reverse, outputs Y and Y_h, Y: told 0.187 0.025 0.181; OpenCV 4.12.0 0.187 0.025 0.181; OpenCV 5.0.0 0.187 0.025 0.181
#   LSTM, reverse, outputs Y and Y_h, Y_h: told 0.187; OpenCV 4.12.0 0.181; OpenCV 5.0.0 0.181
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts \
    cv4@npm:@techstark/opencv-js@4.12.0-release.1 cv5@npm:@techstark/opencv-js@5.0.0-release.1 onnx-proto@8.0.1
cat > try.js <<'JS'
const { onnx } = require('onnx-proto');
const x = [1, -1, 0.5]; // three steps of one number, for a state of one number
const W = [0.5, -1, 1.5, 0.75], R = [1, 0.25, -1.25, 0.5], inner = [0.1, 0.2, -0.3, 0.4], outer = [-0.2, 0.3, 0.9, 0.1]; // by gates; the biases of W and of R
const sigmoid = v => 1 / (1 + Math.exp(-v));
// The operators' text, for one unit: every state in the order of x, and the last one computed.
const told = ({ op, reverse, linear }) => {
  let h = 0, c = 0;
  const states = [];
  for (const t of reverse ? [2, 1, 0] : [0, 1, 2]) {
    const gate = n => W[n] * x[t] + inner[n] + R[n] * h + outer[n];
    if (op === 'GRU') { // z, r, h
      const z = sigmoid(gate(0)), r = sigmoid(gate(1));
      const rest = linear ? r * (h * R[2] + outer[2]) : r * h * R[2] + outer[2];
      h = (1 - z) * Math.tanh(W[2] * x[t] + inner[2] + rest) + z * h;
    } else { // i, o, f, c
      const [i, o, f, g] = [sigmoid(gate(0)), sigmoid(gate(1)), sigmoid(gate(2)), Math.tanh(gate(3))];
      c = f * c + i * g;
      h = o * Math.tanh(c);
    }
    states[t] = h;
  }
  return { Y: states, Y_h: [h] };
};
const value = (name, shape) => ({ name, type: { tensorType: { elemType: 1, shape: { dim: shape.map(dimValue => ({ dimValue })) } } } });
const floats = (name, dims, floatData) => ({ name, dims, dataType: 1, floatData });
// The input comes as one row, since a cv.Mat of JavaScript has two axes, and gets its shape inside.
const model = ({ op, reverse, linear, outputs, read }) => {
  const gates = op === 'GRU' ? 3 : 4, count = read === 'Y' ? 3 : 1;
  const attribute = [{ name: 'hidden_size', type: 2, i: 1 }, { name: 'direction', type: 3, s: Buffer.from(reverse ? 'reverse' : 'forward') }];
  if (op === 'GRU') attribute.push({ name: 'linear_before_reset', type: 2, i: linear ? 1 : 0 });
  return onnx.ModelProto.encode({
    irVersion: 8, opsetImport: [{ domain: '', version: 13 }],
    graph: {
      name: 'g',
      node: [
        { opType: 'Reshape', input: ['row', 'shape'], output: ['x'] },
        { opType: op, input: ['x', 'W', 'R', 'B', '', 'h0', ...(op === 'LSTM' ? ['c0'] : [])], output: outputs, attribute },
        { opType: 'Reshape', input: [read, 'flat'], output: ['y'] },
      ],
      initializer: [
        { name: 'shape', dims: [3], dataType: 7, int64Data: [3, 1, 1] }, { name: 'flat', dims: [2], dataType: 7, int64Data: [1, -1] },
        floats('W', [1, gates, 1], W.slice(0, gates)), floats('R', [1, gates, 1], R.slice(0, gates)),
        floats('B', [1, 2 * gates], [...inner.slice(0, gates), ...outer.slice(0, gates)]),
        floats('h0', [1, 1, 1], [0]), ...(op === 'LSTM' ? [floats('c0', [1, 1, 1], [0])] : []),
      ],
      input: [value('row', [1, 3])],
      output: [value('y', [1, count])],
    },
  }).finish();
};
const text = list => Array.from(list, v => v.toFixed(3)).join(' ');
(async () => {
  const libraries = [];
  for (const name of ['cv4', 'cv5']) {
    const loaded = require(name);
    const cv = loaded instanceof Promise ? await loaded : loaded; // the module of 4.12 is itself thenable, and never done
    if (!cv.Mat) await new Promise(done => { cv.onRuntimeInitialized = done; });
    libraries.push(cv);
  }
  const lines = [];
  const cases = [
    { op: 'GRU', linear: true, outputs: ['Y', 'Y_h'], read: 'Y' },
    { op: 'GRU', linear: true, outputs: ['Y'], read: 'Y' },
    { op: 'GRU', outputs: ['Y', 'Y_h'], read: 'Y' },
    { op: 'GRU', outputs: ['Y'], read: 'Y' },
    { op: 'GRU', linear: true, reverse: true, outputs: ['Y', 'Y_h'], read: 'Y' },
    { op: 'GRU', reverse: true, outputs: ['Y', 'Y_h'], read: 'Y' },
    { op: 'LSTM', reverse: true, outputs: ['Y', 'Y_h'], read: 'Y' },
    { op: 'LSTM', reverse: true, outputs: ['Y', 'Y_h'], read: 'Y_h' },
  ];
  if (process.env.DUMP) cases.forEach((c, n) => require('fs').writeFileSync(`${process.env.DUMP}/c${n}.onnx`, model(c)));
  cases.forEach((c, n) => {
    const got = libraries.map(cv => {
      const version = /OpenCV (\d+\.\d+\.\d+)/.exec(cv.getBuildInformation())[1];
      cv.FS_createDataFile('/', `${n}.onnx`, model(c), true, true, true);
      let out;
      try {
        const net = cv.readNetFromONNX(`${n}.onnx`);
        const row = new cv.Mat(1, 3, cv.CV_32F);
        row.data32F.set(x);
        net.setInput(row, 'row');
        out = text(net.forward('y').data32F);
      } catch {
        out = 'refused';
      }
      return `OpenCV ${version} ${out}`;
    });
    const name = `${c.op}${c.op === 'GRU' ? ` linear_before_reset ${c.linear ? 1 : 0}` : ''}, ${c.reverse ? 'reverse' : 'forward'}, outputs ${c.outputs.join(' and ')}, ${c.read}`;
    lines.push(`${name}: told ${text(told(c)[c.read])}; ${got.join('; ')}`);
  });
  console.log(lines.join('\n'));
  const same = lines.join('\n') === `GRU linear_before_reset 1, forward, outputs Y and Y_h, Y: told 0.366 -0.336 0.281; OpenCV 4.12.0 0.366 -0.336 0.281; OpenCV 5.0.0 0.366 -0.336 0.281
GRU linear_before_reset 1, forward, outputs Y, Y: told 0.366 -0.336 0.281; OpenCV 4.12.0 0.366 -0.336 0.281; OpenCV 5.0.0 0.281
GRU linear_before_reset 0, forward, outputs Y and Y_h, Y: told 0.389 -0.302 0.350; OpenCV 4.12.0 0.366 -0.336 0.281; OpenCV 5.0.0 0.389 -0.302 0.350
GRU linear_before_reset 0, forward, outputs Y, Y: told 0.389 -0.302 0.350; OpenCV 4.12.0 0.366 -0.336 0.281; OpenCV 5.0.0 0.350
GRU linear_before_reset 1, reverse, outputs Y and Y_h, Y: told 0.274 -0.358 0.331; OpenCV 4.12.0 0.366 -0.336 0.281; OpenCV 5.0.0 0.366 -0.336 0.281
GRU linear_before_reset 0, reverse, outputs Y and Y_h, Y: told 0.308 -0.293 0.404; OpenCV 4.12.0 0.366 -0.336 0.281; OpenCV 5.0.0 0.389 -0.302 0.350
LSTM, reverse, outputs Y and Y_h, Y: told 0.187 0.025 0.181; OpenCV 4.12.0 0.187 0.025 0.181; OpenCV 5.0.0 0.187 0.025 0.181
LSTM, reverse, outputs Y and Y_h, Y_h: told 0.187; OpenCV 4.12.0 0.181; OpenCV 5.0.0 0.181`;
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
