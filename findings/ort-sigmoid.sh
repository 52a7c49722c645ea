#!/usr/bin/env bash
# onnxruntime: small results of Sigmoid are noise. One step up in five goes down, from -16.4
# on a result may be 0, and Softmax over two classes gives the right numbers.
#
# One would guess: Sigmoid in float32 is right to six digits also where it is small, as exp(x)
# is, and grows with its input. Softmax over x and 0 is the same function.
#
# What happens: the results are multiples of 2^-25, right to one or two of these, as if 0.5
# were added last. Around 1e-7 no digit holds: in node -17 gets a higher score than -16, and 0
# comes as early as -16.5, for 6.7e-8. Log of it is then -Infinity; by Softmax it is -18.50 at
# -18.5. In the browser other inputs are hit. No error, no warning.
#
# Known of single numbers: microsoft/onnxruntime#22557 (below 0, mended), #26281 (0).
#
# Why it matters: the score of a class that is not in the picture (networks of many labels,
# detectors, rare findings in scans) lies there. Ranking by it sorts noise, its logarithm or
# its odds may be infinite, and an occlusion map of it shows rounding.
#
# Versions: onnxruntime-node 1.30.0, onnxruntime-web 1.30.0, onnx-proto 8.0.1, linux x64.
# Checked on 30 Nov 2026. Output then (inputs from -20 to -14 in steps of 1/64; relative errors):
#   node Sigmoid: 81 of 384 steps up go down, 0 up to -16.515625, error 2.5 in -18 .. -16, 0.52 in -16 .. -14, log at -18.5 is -Infinity
#   node Softmax: 0 of 384 steps up go down, never 0, error 8.7e-8 in -18 .. -16, 1.3e-7 in -16 .. -14, log at -18.5 is -18.50
#   node Sigmoid of -17 and -16: 8.94e-8 and 5.96e-8, for 4.14e-8 and 1.13e-7
#   web Sigmoid: 79 of 384 steps up go down, 0 up to -16.375, error 5.0 in -18 .. -16, 0.57 in -16 .. -14, log at -18.5 is -Infinity
#   web Softmax: 0 of 384 steps up go down, never 0, error 9.0e-8 in -18 .. -16, 1.7e-7 in -16 .. -14, log at -18.5 is -18.50
#   web Sigmoid of -17 and -16: 2.98e-8 and 5.96e-8, for 4.14e-8 and 1.13e-7
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts onnxruntime-node@1.30.0 onnxruntime-web@1.30.0 onnx-proto@8.0.1
cat > try.js <<'JS'
const { onnx } = require('onnx-proto');
const LOW = -20, HIGH = -14, STEP = 1 / 64, count = (HIGH - LOW) / STEP + 1;
const inputs = Float32Array.from({ length: count }, (_, i) => LOW + i * STEP);
const value = (name, dims) => ({ name, type: { tensorType: { elemType: 1, shape: { dim: dims.map(dimValue => ({ dimValue })) } } } });
const model = (opType, dims) => Buffer.from(onnx.ModelProto.encode({
  irVersion: 8, opsetImport: [{ domain: '', version: 13 }],
  graph: { name: 'g', node: [{ opType, input: ['x'], output: ['y'] }], input: [value('x', dims)], output: [value('y', dims)] },
}).finish());
const exact = x => 1 / (1 + Math.exp(-x));
const describe = scores => {
  const worst = (low, high) => Math.max(...inputs.map((x, i) => x >= low && x < high ? Math.abs(scores[i] / exact(x) - 1) : 0));
  const turned = scores.filter((y, i) => i > 0 && y < scores[i - 1]).length;
  return `${turned} of ${count - 1} steps up go down, ${scores.includes(0) ? `0 up to ${inputs[scores.lastIndexOf(0)]}` : 'never 0'}, ` +
    `error ${worst(-18, -16).toPrecision(2)} in -18 .. -16, ${worst(-16, HIGH).toPrecision(2)} in -16 .. -14, log at -18.5 is ${Math.log(scores[(-18.5 - LOW) / STEP]).toFixed(2)}`;
};
(async () => {
  const got = [];
  for (const name of ['node', 'web']) {
    const ort = require(`onnxruntime-${name}`);
    if (name === 'web') ort.env.wasm.numThreads = 1;
    const run = async (bytes, data, dims) => {
      const session = await ort.InferenceSession.create(bytes, { executionProviders: [name === 'web' ? 'wasm' : 'cpu'] });
      return (await session.run({ x: new ort.Tensor('float32', data, dims) })).y.data;
    };
    const scores = await run(model('Sigmoid', [count]), inputs, [count]);
    got.push(`${name} Sigmoid: ${describe(scores)}`);
    const two = await run(model('Softmax', [count, 2]), Float32Array.from({ length: 2 * count }, (_, i) => i % 2 ? 0 : inputs[i / 2]), [count, 2]);
    got.push(`${name} Softmax: ${describe(two.filter((_, i) => i % 2 === 0))}`);
    const pair = [-17, -16].map(x => scores[(x - LOW) / STEP]);
    got.push(`${name} Sigmoid of -17 and -16: ${pair.map(v => v.toExponential(2)).join(' and ')}, for ${[-17, -16].map(x => exact(x).toExponential(2)).join(' and ')}`);
  }
  console.log(got.join('\n'));
  const same = got.join('\n') === `node Sigmoid: 81 of 384 steps up go down, 0 up to -16.515625, error 2.5 in -18 .. -16, 0.52 in -16 .. -14, log at -18.5 is -Infinity
node Softmax: 0 of 384 steps up go down, never 0, error 8.7e-8 in -18 .. -16, 1.3e-7 in -16 .. -14, log at -18.5 is -18.50
node Sigmoid of -17 and -16: 8.94e-8 and 5.96e-8, for 4.14e-8 and 1.13e-7
web Sigmoid: 79 of 384 steps up go down, 0 up to -16.375, error 5.0 in -18 .. -16, 0.57 in -16 .. -14, log at -18.5 is -Infinity
web Softmax: 0 of 384 steps up go down, never 0, error 9.0e-8 in -18 .. -16, 1.7e-7 in -16 .. -14, log at -18.5 is -18.50
web Sigmoid of -17 and -16: 2.98e-8 and 5.96e-8, for 4.14e-8 and 1.13e-7`;
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
