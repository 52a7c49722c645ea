#!/usr/bin/env bash
# onnxruntime: the optimizations that are on by default give a network other numbers.
#
# One would guess: graphOptimizationLevel changes how fast a network runs, and its last
# bits; "basic" is documented as semantics-preserving rewrites.
#
# What happens, by three rewrites of the level "basic" (and all above; the default is
# "all") that recognize the shape of a pattern and not its numbers:
# - Pad with zeros before MaxPool becomes the pool's own padding, which is -Inf. At the
#   border the zeros win over negative values before, and are gone after.
# - 1/x*k becomes k/x for integers too: 1/2*6 is 0, and becomes 3.
# - A normalization in pieces becomes LayerNormalization whatever its exponent is:
#   deviations to the power of 4 in place of 2 are computed as squares.
# The session says nothing. The first needs no odd network: padding written as a node of
# its own, as exports from channels-last frameworks have it, and an activation that lets
# negative numbers through (LeakyRelu, SiLU, GELU, or a pool before the activation).
#
# Why it matters: the framework, "disabled" and another runtime agree with each other and
# not with the default; and making the padded value an output of the network, which is
# how one would look for the cause, turns the first rewrite off and gives the right
# numbers.
#
# Known in part: microsoft/onnxruntime#24737 (the first; closed as stale).
#
# Versions: onnxruntime-node 1.30.0, onnx-proto 8.0.1 (writes the file), linux x64.
# Checked on 29 Nov 2026. Output then:
#   onnxruntime-node 1.30.0
#   MaxPool of zeros around -1..-4     disabled: 0 0 0 0   basic: -1 -2 -3 -4   all: -1 -2 -3 -4
#   the same, padded value an output   disabled: 0 0 0 0   basic: 0 0 0 0   all: 0 0 0 0
#   int32 1/x*6 for x = 1 2 3 6        disabled: 6 0 0 0   basic: 6 3 2 1   all: 6 3 2 1
#   (x-m)/sqrt(mean((x-m)^4)), 4 times disabled: -4 0 0 4   basic: -5.66 0 0 5.66   all: -5.66 0 0 5.66
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts onnxruntime-node@1.30.0 onnx-proto@8.0.1
cat > try.js <<'JS'
const ort = require('onnxruntime-node'), { onnx } = require('onnx-proto');
const FLOAT = 1, INT32 = 6, INT64 = 7;
const value = (name, elemType, dims) => ({ name, type: { tensorType: { elemType, shape: { dim: dims.map(dimValue => ({ dimValue })) } } } });
const arrays = { [FLOAT]: Float32Array, [INT32]: Int32Array, [INT64]: BigInt64Array };
const constant = (name, dataType, dims, numbers) => ({ name, dataType, dims, rawData: Buffer.from(arrays[dataType].from(numbers).buffer) });
const ints = (name, ints) => ({ name, type: 7, ints });
const node = (opType, input, output, attribute = []) => ({ opType, input, output: [output], attribute });
const network = (input, nodes, initializer, outputs) => Buffer.from(onnx.ModelProto.encode({
  irVersion: 8, opsetImport: [{ domain: '', version: 17 }],
  graph: { name: 'g', node: nodes, input: [input], output: outputs, initializer },
}).finish());
const run = async (bytes, input, level) => {
  const session = await ort.InferenceSession.create(bytes, { graphOptimizationLevel: level, logSeverityLevel: 3 });
  const { y } = await session.run({ x: input });
  return Array.from(y.data, n => Math.round(n * 100) / 100 + 0).join(' ');
};
const padding = outputs => network(value('x', FLOAT, [1, 1, 2, 2]), [
  node('Pad', ['x', 'pads'], 'padded'),
  node('MaxPool', ['padded'], 'y', [ints('kernel_shape', [2, 2]), ints('strides', [2, 2])]),
], [constant('pads', INT64, [8], [0n, 0n, 1n, 1n, 0n, 0n, 1n, 1n])], outputs);
const y = dims => value('y', FLOAT, dims);
const cases = [
  ['MaxPool of zeros around -1..-4    ', padding([y([1, 1, 2, 2])]), new ort.Tensor('float32', [-1, -2, -3, -4], [1, 1, 2, 2]), '0 0 0 0', '-1 -2 -3 -4'],
  ['the same, padded value an output  ', padding([y([1, 1, 2, 2]), value('padded', FLOAT, [1, 1, 4, 4])]), new ort.Tensor('float32', [-1, -2, -3, -4], [1, 1, 2, 2]), '0 0 0 0', '0 0 0 0'],
  ['int32 1/x*6 for x = 1 2 3 6       ', network(value('x', INT32, [4]),
    [node('Div', ['one', 'x'], 'share'), node('Mul', ['share', 'six'], 'y')],
    [constant('one', INT32, [], [1]), constant('six', INT32, [1], [6])], [value('y', INT32, [4])]),
  new ort.Tensor('int32', [1, 2, 3, 6], [4]), '6 0 0 0', '6 3 2 1'],
  ['(x-m)/sqrt(mean((x-m)^4)), 4 times', network(value('x', FLOAT, [1, 1, 4]), [
    node('ReduceMean', ['x'], 'm', [ints('axes', [-1])]), node('Sub', ['x', 'm'], 'd'), node('Pow', ['d', 'four'], 'p'),
    node('ReduceMean', ['p'], 'v', [ints('axes', [-1])]), node('Add', ['v', 'tiny'], 'e'), node('Sqrt', ['e'], 's'),
    node('Div', ['d', 's'], 'n'), node('Mul', ['n', 'scale'], 'g'), node('Add', ['g', 'shift'], 'y'),
  ], [constant('four', FLOAT, [], [4]), constant('tiny', FLOAT, [], [1e-6]),
    constant('scale', FLOAT, [4], [4, 4, 4, 4]), constant('shift', FLOAT, [4], [0, 0, 0, 0])], [y([1, 1, 4])]),
  new ort.Tensor('float32', [-Math.SQRT2, 0, 0, Math.SQRT2], [1, 1, 4]), '-4 0 0 4', '-5.66 0 0 5.66'],
];
(async () => {
  console.log('onnxruntime-node', require('onnxruntime-node/package.json').version);
  let same = true;
  for (const [name, bytes, input, plain, optimized] of cases) {
    const got = {};
    for (const level of ['disabled', 'basic', 'all']) got[level] = await run(bytes, input, level);
    console.log(name, Object.entries(got).map(([level, numbers]) => `${level}: ${numbers}`).join('   '));
    same &&= got.disabled === plain && got.basic === optimized && got.all === optimized;
  }
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
