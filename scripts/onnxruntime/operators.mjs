// Runs the operators' cases that the Go tests wrote to a folder
// (KRYPTON_OPERATORS=DIR KRYPTON_OPERATORS_SEEDS=6 go test
// ./internal/incremental -run OperatorsEqual) with ONNX Runtime, unoptimized:
//
//   node operators.mjs DIR/cases.json results.json
import * as ort from 'onnxruntime-node';
import fs from 'node:fs';

const arrays = { float32: Float32Array, int64: BigInt64Array, int32: Int32Array, uint8: Uint8Array, int8: Int8Array, bool: Uint8Array };

function tensor({ type, shape, data }) {
  const numbers = type === 'int64' ? data.map(BigInt) : data.map((v) => (v === '+Inf' ? Infinity : v === '-Inf' ? -Infinity : Number(v)));
  return new ort.Tensor(type, arrays[type].from(numbers), shape);
}

// Float32 numbers are written as short as they can be read back.
function short(v) {
  if (!Number.isFinite(v)) return String(v).replace('Infinity', 'Inf');
  for (let digits = 6; digits < 9; digits++) {
    const s = Number(v.toPrecision(digits));
    if (Math.fround(s) === v) return s;
  }
  return v;
}

const results = {};
for (const c of JSON.parse(fs.readFileSync(process.argv[2]))) {
  try {
    const session = await ort.InferenceSession.create(Buffer.from(c.model, 'base64'), { graphOptimizationLevel: 'disabled', logSeverityLevel: 4, intraOpNumThreads: 1 });
    const out = await session.run(Object.fromEntries(c.inputs.map((i) => [i.name, tensor(i)])));
    results[c.name] = {
      outputs: session.outputNames.map((n) => ({ type: out[n].type, shape: out[n].dims, data: Array.from(out[n].data, (v) => (typeof v === 'bigint' ? Number(v) : short(v))) })),
    };
    await session.release();
  } catch (e) {
    results[c.name] = { error: e.message };
  }
}
const lines = Object.entries(results).map(([k, v]) => JSON.stringify(k) + ':' + JSON.stringify(v));
fs.writeFileSync(process.argv[3], '{\n' + lines.join(',\n') + '\n}\n');
const failed = Object.entries(results).filter(([, v]) => v.error);
console.log(`${lines.length} cases, ${failed.length} refused`);
for (const [k, v] of failed.slice(0, Number(process.argv[4] ?? 10))) console.log(k, v.error.slice(0, 300));
