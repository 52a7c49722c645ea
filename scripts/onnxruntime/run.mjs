// Runs models with ONNX Runtime on seeded inputs and writes inputs and outputs
// for the Go tests to compare with:
//
//   node run.mjs OUTDIR MODEL.onnx...
//
// For each model NAME: OUTDIR/NAME.json lists {input, outputs: [{name, shape,
// file}]} and the numbers lie beside it as little-endian float32.
import * as ort from 'onnxruntime-node';
import fs from 'node:fs';
import path from 'node:path';

const [outDir, ...models] = process.argv.slice(2);
if (!outDir || models.length === 0) {
  console.error('usage: node run.mjs OUTDIR MODEL.onnx...');
  process.exit(64);
}
fs.mkdirSync(outDir, { recursive: true });

// Numerical Recipes' linear congruential generator: any language can repeat it.
function random(n, lo, hi) {
  const x = new Float32Array(n);
  let s = 2026;
  for (let i = 0; i < n; i++) {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    x[i] = lo + (hi - lo) * (s / 4294967296);
  }
  return x;
}

function write(file, data) {
  fs.writeFileSync(path.join(outDir, file), Buffer.from(data.buffer, data.byteOffset, data.byteLength));
  return file;
}

for (const model of models) {
  const name = path.basename(model, '.onnx');
  const session = await ort.InferenceSession.create(model, { graphOptimizationLevel: 'disabled', logSeverityLevel: 3 });
  const meta = session.inputMetadata[0];
  const shape = meta.shape.map((d) => (typeof d === 'number' && d > 0 ? d : 1));
  const data = random(shape.reduce((a, b) => a * b, 1), -2, 2);
  const feeds = { [meta.name]: new ort.Tensor('float32', data, shape) };
  const result = await session.run(feeds);
  const record = { model: name, input: { name: meta.name, shape, file: write(name + '.in.f32', data) }, outputs: [] };
  for (const [i, out] of session.outputNames.entries()) {
    const t = result[out];
    record.outputs.push({ name: out, shape: t.dims, file: write(`${name}.out${i}.f32`, Float32Array.from(t.data)) });
  }
  fs.writeFileSync(path.join(outDir, name + '.json'), JSON.stringify(record, null, 1));
  console.log(`${name}: ${session.outputNames.length} outputs`);
}
