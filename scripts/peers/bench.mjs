// Measures krypton beside ONNX Runtime on one machine, in turns:
//
//   node bench.mjs [flags] MODELS...      each an .onnx file or a folder of them
//
//   --krypton FILE    the binary (bin/krypton)
//   --out FILE        writes FILE.md and FILE.json (docs/benchmarks/peers)
//   --quick           one round, maps on 64 positions, batches of 1 and 8: a look, in minutes,
//                     whose figures are no record
//   --add             keeps what FILE.json has of models that are not measured now, by the
//                     same settings but for --positions: a long list can be measured in several runs
//   --title TEXT      of FILE.md; --made TEXT, what it says it was written by
//   --rounds N        turns (3); best and median of them are kept
//   --positions N     measure heatmaps on about N positions, scaled (0: all)
//   --sample N        positions of krypton's own naive map (128), by the plan of its exact map
//   --patch, --stride of the heatmap (16, 4)
//   --batches LIST    batch sizes that ONNX Runtime is tried with (1,2,4,8,16,32)
//   --threads N       threads of both (the processors that this process may use: left to
//                     itself ONNX Runtime takes one of two in some virtual machines)
//
// Each measurement runs in a process of its own, so that neither side's idle
// threads or memory meet the other's, and both peaks of memory are known.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { markdown } from './report.mjs';

const peer = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'onnxruntime');
const flag = (value) => ({ type: 'string', default: value });
const quick = process.argv.includes('--quick');
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean' }, add: { type: 'boolean' }, title: flag('Krypton beside ONNX Runtime'), made: flag('make bench-peers'), krypton: flag('bin/krypton'), out: flag('docs/benchmarks/peers'), rounds: flag(quick ? '1' : '3'),
    positions: flag(quick ? '64' : '0'), sample: flag(quick ? '32' : '128'), patch: flag('16'), stride: flag('4'),
    batches: flag(quick ? '1,8' : '1,2,4,8,16,32'), threads: flag(String(os.availableParallelism())),
  },
});
for (const p of [...positionals, flags.krypton]) {
  if (!fs.existsSync(p)) {
    console.error(`bench.mjs: ${p} does not exist`);
    process.exit(66);
  }
}
const models = positionals.flatMap((p) =>
  fs.statSync(p).isDirectory() ? fs.readdirSync(p).filter((f) => f.endsWith('.onnx')).map((f) => path.join(p, f)) : [p],
);
const rounds = Number(flags.rounds);
const batches = flags.batches.split(',').map(Number);
if (models.length === 0 || !(rounds >= 1) || !batches.every((b) => b >= 1)) {
  console.error('usage: node bench.mjs [--rounds N] [--positions N] [--batches LIST] ... MODEL.onnx|FOLDER...');
  process.exit(64);
}
const threads = ['--threads', flags.threads];
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'krypton-peers-'));
process.on('exit', () => fs.rmSync(scratch, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(signal === 'SIGINT' ? 130 : 143));

// call runs a program that prints JSON. What fails is told by the last line that
// it wrote, without folders: the record is for other machines too.
function call(file, args) {
  const r = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (r.status === 0) return JSON.parse(r.stdout);
  const why = r.error?.message ?? (r.stderr.trim().split('\n').at(-1) || `ended with ${r.signal ?? r.status}`);
  throw new Error(why.replace(/(file:\/\/)?(\/[^\s:'"]+)*\/(?=[^\s:'"])/g, ''));
}
const krypton = (...args) => call(flags.krypton, args);
const onnxruntime = (...args) => call(process.execPath, [path.join(peer, 'time.mjs'), ...args]);
const floats = (file) => new Float32Array(new Uint8Array(fs.readFileSync(file)).buffer);

function median(v) {
  const s = [...v].sort((a, b) => a - b);
  return (s[s.length >> 1] + s[(s.length - 1) >> 1]) / 2;
}

// write puts a random picture into a file: Numerical Recipes' linear
// congruential generator, which any language can repeat.
function write(file, n) {
  const x = new Float32Array(n);
  for (let i = 0, s = 2026; i < n; i++) {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    x[i] = 4 * (s / 4294967296) - 2;
  }
  fs.writeFileSync(file, Buffer.from(x.buffer));
}

// difference is the largest absolute difference, relative to the largest number of the
// same output of the reference; lengths are the outputs'.
function difference(got, want, lengths) {
  if (got.length !== want.length) throw new Error(`outputs have ${got.length} and ${want.length} numbers`);
  let worst = 0;
  let at = 0;
  for (const n of lengths) {
    let most = 0;
    let largest = 0;
    for (const end = at + n; at < end; at++) {
      const d = Math.abs(got[at] - want[at]);
      most = d <= most ? most : d; // NaN stays
      largest = Math.max(largest, Math.abs(want[at]));
    }
    const relative = most === 0 ? 0 : most / largest;
    worst = relative <= worst ? worst : relative;
  }
  return worst;
}

// times gathers the same measurement of all rounds.
function times(rs) {
  return { best: Math.min(...rs.map((r) => r.best)), median: median(rs.map((r) => r.median)), runs: rs.reduce((n, r) => n + r.runs, 0) };
}

function measure(model) {
  const name = path.basename(model, '.onnx');
  const say = (text) => console.error(`${name}: ${text}`);
  const file = (ending) => path.join(scratch, name + ending);
  const { shape } = onnxruntime(model);
  const open = typeof shape[0] === 'string' || shape[0] < 1;
  const one = shape.slice(1);
  if (!one.every((d) => d > 0)) throw new Error(`the input's shape ${shape} leaves more open than the batch size`);
  write(file('.in'), one.reduce((a, b) => a * b, 1));
  const ort = (batch, ...more) =>
    onnxruntime(model, '--batch', String(batch), '--input', file('.in'), ...(typeof shape[0] === 'string' ? ['--symbol', shape[0]] : []), ...threads, ...more);

  // Look for ONNX Runtime's best batch size: twice each, as others may disturb.
  const tried = (open ? batches : [1]).map((batch) => ({ batch, seconds_per_image: Infinity }));
  for (const t of [...tried, ...tried]) {
    t.seconds_per_image = Math.min(t.seconds_per_image, ort(t.batch).best / t.batch);
    say(`ONNX Runtime, batch ${t.batch}: ${(1000 * t.seconds_per_image).toFixed(2)} ms an image`);
  }
  const best = tried.reduce((a, b) => (b.seconds_per_image < a.seconds_per_image ? b : a)).batch;

  // In turns, each round in the other order.
  const ones = [];
  const bests = [];
  const ours = []; // maps, by the plan that is best for them
  const alone = []; // whole runs, by theirs
  const load = [];
  const turns = [
    () => ones.push(ort(1, '--outputs', file('.ort'))),
    () => ours.push(krypton('bench', model, '--json', '--rounds', '1', '--patch', flags.patch, '--stride', flags.stride, '--positions', flags.positions,
      '--sample', flags.sample, '--raw', file('.in'), ...threads)[0]),
    () => alone.push(krypton('bench', model, '--json', '--rounds', '1', '--whole', '--raw', file('.in'), '--outputs', file('.krypton'), '--force', ...threads)[0]),
    () => best > 1 && bests.push(ort(best)),
  ];
  for (let r = 0; r < rounds; r++) {
    for (const turn of r % 2 ? turns.toReversed() : turns) turn();
    const k = ours.at(-1);
    load.push(os.loadavg()[0]);
    say(`round ${r + 1} of ${rounds}: one image ${(1000 * ones.at(-1).best).toFixed(2)} ms, krypton ${(1000 * alone.at(-1).seconds_whole).toFixed(2)} ms; ` +
      `map: krypton ${k.seconds_exact.toFixed(2)} s; load ${load.at(-1).toFixed(1)}`);
  }

  const k = ours[0];
  const most = (list, field) => Math.max(...list.map((o) => o[field]));
  const batchOne = times(ones);
  if (best === 1) bests.push(...ones);
  let batchBest = { batch: best, ...times(bests), peak_rss: most(bests, 'peakMemory') };
  if (batchOne.best < batchBest.best / best) batchBest = { batch: 1, ...batchOne, peak_rss: most(ones, 'peakMemory') };
  const images = Math.min(batchBest.best / batchBest.batch, ...tried.map((t) => t.seconds_per_image));
  const imagesMedian = Math.min(batchOne.median, batchBest.median / batchBest.batch);
  const least = (field) => Math.min(...ours.map((o) => o[field]));
  const middle = (field) => median(ours.map((o) => o[field]));
  const peak = most(ours, 'peak_gflops');
  const rate = (multiplyAdds, seconds) => ({ gflops: (2e-9 * multiplyAdds) / seconds, share_of_peak: (2e-9 * multiplyAdds) / seconds / peak });
  const wholes = k.multiply_adds_whole;
  const whole = { best: Math.min(...alone.map((o) => o.seconds_whole)), median: median(alone.map((o) => o.seconds_whole_median)), runs: alone.reduce((n, o) => n + o.whole_runs, 0) };
  const many = Math.min(...alone.map((o) => o.seconds_many));
  const exact = { best: least('seconds_exact'), median: middle('seconds_exact_median') };
  const naive = { best: images * k.positions, median: imagesMedian * k.positions };
  const sampled = k.naive_sampled > 0;
  return {
    model: name, input: one, batch_open: open, multiply_adds: wholes, threads: k.threads, kernels: k.kernels, peak_gflops: peak, load,
    difference: difference(floats(file('.krypton')), floats(file('.ort')), ones.at(-1).outputs),
    onnxruntime: {
      batch_one: { ...batchOne, ...rate(wholes, batchOne.best), peak_rss: most(ones, 'peakMemory') },
      batch_best: { ...batchBest, seconds_per_image: images, ...rate(wholes, images), tried },
      naive_map: naive, node_rss: most(ones, 'bareMemory'),
    },
    krypton: {
      whole: { ...whole, ...rate(wholes, whole.best), peak_rss: most(alone, 'peak_rss_whole') },
      many: { seconds_per_image: many, ...rate(wholes, many), sampled: alone.reduce((n, o) => n + o.many_runs, 0) },
      map: { positions: k.positions, sampled: k.exact_sampled, ...exact, multiply_adds: k.multiply_adds_exact, ...rate(k.multiply_adds_exact + wholes, exact.best),
        counted: k.ratio_counted, naive_seconds: sampled ? least('seconds_naive') : null, peak_rss: most(ours, 'peak_rss_exact') },
    },
    ratio: { whole: batchOne.best / whole.best, whole_median: batchOne.median / whole.median, map: naive.best / exact.best, map_median: naive.median / exact.median },
  };
}

const env = krypton('env', '--json');
const record = {
  title: flags.title, made: flags.made,
  date: new Date().toISOString().slice(0, 10),
  machine: { cpu: env.cpu || os.cpus()[0].model, cores: os.availableParallelism(), kernels: env.kernels, peak_gflops_per_core: env.peak_gflops_per_core,
    memory_gib: Math.round(os.totalmem() / 2 ** 30), system: env.system, load_at_start: os.loadavg()[0] },
  versions: { krypton: env.version, go: env.go, onnxruntime: createRequire(path.join(peer, 'time.mjs'))('onnxruntime-node/package.json').version, node: process.version },
  settings: { rounds, patch: flags.patch, stride: flags.stride, positions: Number(flags.positions), batches, threads: flags.threads },
  models: [],
  failed: [],
};
for (const model of models) {
  try {
    record.models.push(measure(model));
  } catch (err) {
    // One model that cannot be measured does not end the others.
    console.error(`${path.basename(model)}: ${err.message}`);
    record.failed.push({ model: path.basename(model, '.onnx'), error: err.message });
  }
}
record.machine.load_at_end = os.loadavg()[0];
if (flags.add && fs.existsSync(flags.out + '.json')) {
  const before = JSON.parse(fs.readFileSync(flags.out + '.json', 'utf8'));
  // Of each network it is said how many positions were run.
  const shared = ({ positions, ...others }) => JSON.stringify(others);
  if (shared(before.settings) !== shared(record.settings)) throw new Error(`${flags.out}.json has other settings`);
  const now = new Set([...record.models, ...record.failed].map((m) => m.model));
  for (const list of ['models', 'failed']) record[list] = [...before[list].filter((m) => !now.has(m.model)), ...record[list]].sort((a, b) => (a.model < b.model ? -1 : 1));
}
fs.mkdirSync(path.dirname(flags.out), { recursive: true });
fs.writeFileSync(flags.out + '.json', JSON.stringify(record, null, 1) + '\n');
fs.writeFileSync(flags.out + '.md', markdown(record));
console.log(markdown(record));
process.exitCode = record.failed.length > 0 ? 3 : 0;
