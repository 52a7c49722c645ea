// Times whole runs of one model with ONNX Runtime and prints one JSON object:
//
//   node time.mjs MODEL.onnx                                  what the model reads
//   node time.mjs MODEL.onnx --batch N --input INPUT.f32      seconds of a run
//
//   --symbol NAME   the model's name for its batch size, which is then fixed
//                   when the session is made, as deployments do
//   --outputs FILE  write the outputs of a run, one after the other
//   --threads N     threads; by default ONNX Runtime chooses
//
// INPUT.f32 holds one picture (little-endian float32); a batch repeats it. All
// graph optimizations are on. One warm-up, then three runs or as many as fit
// into half a second.
import * as ort from 'onnxruntime-node';
import fs from 'node:fs';
import { parseArgs } from 'node:util';

process.on('uncaughtException', (err) => {
  console.error(`onnxruntime: ${err.message.split('\n')[0]}`);
  process.exit(1);
});

const string = { type: 'string' };
const { values: flags, positionals } = parseArgs({ allowPositionals: true, options: { batch: string, input: string, symbol: string, outputs: string, threads: string } });
const [model] = positionals;
const batch = Number(flags.batch ?? 0);
if (!model || (batch > 0 && !flags.input)) {
  console.error('usage: node time.mjs MODEL.onnx [--batch N --input INPUT.f32] [--symbol NAME] [--outputs FILE] [--threads N]');
  process.exit(64);
}

// peakMemory is the most memory this process has held, in bytes; 0 where the
// system does not tell.
function peakMemory() {
  try {
    return 1024 * Number(/VmHWM:\s*(\d+)/.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]);
  } catch {
    return 0;
  }
}

const options = { graphOptimizationLevel: 'all', logSeverityLevel: 3 };
if (flags.threads) options.intraOpNumThreads = Number(flags.threads);
if (flags.symbol && batch > 0) options.freeDimensionOverrides = { [flags.symbol]: batch };
const bare = peakMemory();

if (batch === 0) {
  const session = await ort.InferenceSession.create(model, { ...options, graphOptimizationLevel: 'disabled' });
  console.log(JSON.stringify({ shape: session.inputMetadata[0].shape }));
  process.exit(0);
}

const session = await ort.InferenceSession.create(model, options);
const meta = session.inputMetadata[0];
const one = new Float32Array(new Uint8Array(fs.readFileSync(flags.input)).buffer);
const data = new Float32Array(batch * one.length);
for (let b = 0; b < batch; b++) data.set(one, b * one.length);
const feeds = { [meta.name]: new ort.Tensor('float32', data, [batch, ...meta.shape.slice(1)]) };

let lengths; // of the outputs
let result = await session.run(feeds);
if (flags.outputs) {
  const parts = session.outputNames.map((name) => Float32Array.from(result[name].data, Number));
  fs.writeFileSync(flags.outputs, Buffer.concat(parts.map((p) => Buffer.from(p.buffer))));
  lengths = parts.map((p) => p.length);
}
const seconds = [];
for (const start = performance.now(); seconds.length < 3 || performance.now() - start < 500; ) {
  const t = performance.now();
  result = await session.run(feeds);
  seconds.push((performance.now() - t) / 1000);
}
seconds.sort((a, b) => a - b);
const n = seconds.length;
console.log(
  JSON.stringify({ batch, outputs: lengths, runs: n, best: seconds[0], median: (seconds[n >> 1] + seconds[(n - 1) >> 1]) / 2, peakMemory: peakMemory(), bareMemory: bare }),
);
