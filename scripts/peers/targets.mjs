// Measures maps of what no classifier of pictures gives (a detector's box, a segmentation's
// overlap, a class of a series) beside ONNX Runtime running the network at every position, in one run:
//
//   node targets.mjs [flags] KIND:MODEL.onnx:PICTURE...
//
// KIND is box (the map of the best box) or dice (the overlap of the largest segment with
// the clean one, exact and approximate), or class (the predicted class's score), PICTURE
// being any file that krypton obe reads. export_models.py --only unet,resnet1d makes two.
//
//   --krypton FILE      the binary (bin/krypton)
//   --out FILE          writes FILE.md (docs/benchmarks/targets)
//   --patch, --stride   of the maps (16, 8)
//   --rounds N          turns; the best of each side counts (3)
//   --threads N         threads of both (the processors that this process may use)
//   --batches LIST      batch sizes that ONNX Runtime is tried with where the model's is open (1,2,4,8)
//   --approximate=ARGS  krypton's flags for approximate maps
//
// krypton's time is that of the map and of the clean picture's views. ONNX Runtime's is its
// best seconds an image times the positions, without making pictures or scores.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { npy, ssimScores } from './similarity.mjs';

const flag = (value) => ({ type: 'string', default: value });
const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    krypton: flag('bin/krypton'), out: flag(''), patch: flag('16'), stride: flag('8'), rounds: flag('3'), threads: flag(String(os.availableParallelism())),
    batches: flag('1,2,4,8'), approximate: flag('--tau 0.6 --epsilon 0.04 --precision int8 --checkerboard --drill-down 0'),
  },
});
const kinds = { class: [], box: ['--box', 'best'], dice: ['--score', 'dice'] };
const jobs = positionals.map((p) => p.split(':'));
if (jobs.length === 0 || !jobs.every((j) => j.length === 3 && kinds[j[0]])) {
  console.error('usage: node targets.mjs [flags] box:MODEL.onnx:PICTURE|dice:MODEL.onnx:PICTURE|class:MODEL.onnx:FILE...');
  process.exit(64);
}
for (const file of [flags.krypton, ...jobs.flatMap((j) => j.slice(1))]) {
  if (!fs.existsSync(file)) {
    console.error(`targets.mjs: ${file} does not exist`);
    process.exit(66);
  }
}
const time = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'onnxruntime', 'time.mjs');
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'krypton-targets-'));
process.on('exit', () => fs.rmSync(scratch, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(signal === 'SIGINT' ? 130 : 143));

function call(file, args) {
  const r = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (r.status !== 0) throw new Error(r.error?.message ?? r.stderr.trim().split('\n').at(-1));
  return JSON.parse(r.stdout);
}

const quick = (a, b) => (b.seconds < a.seconds ? b : a);

function measure([kind, model, picture]) {
  const { shape } = call(process.execPath, [time, model]);
  const input = path.join(scratch, 'input');
  fs.writeFileSync(input, Buffer.from(Float32Array.from({ length: shape.slice(1).reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)).buffer));
  const open = typeof shape[0] === 'string' ? ['--symbol', shape[0]] : [];
  const peer = (batch) => ({ batch, seconds: call(process.execPath, [time, model, '--batch', batch, '--input', input, '--threads', flags.threads, ...open]).best / batch });
  const ours = (label, ...args) => {
    const scores = path.join(scratch, `${label}.npy`);
    const r = call(flags.krypton, ['obe', picture, '--model', model, '--scores-only', '--scores', scores, '--json', '-q', '--force', '--threads', flags.threads,
      '--patch', flags.patch, '--stride', flags.stride, ...kinds[kind], ...args]);
    return { label, seconds: r.seconds_map + r.seconds_views, positions: r.positions, saved: r.multiply_adds_whole / r.multiply_adds_spent, map: npy(scores) };
  };
  const settings = [['exact']];
  if (kind === 'dice') settings.push(['approximate', ...flags.approximate.split(' ')]);
  let whole = (open.length ? flags.batches.split(',') : ['1']).map(peer).reduce(quick);
  const best = settings.map(() => ({ seconds: Infinity }));
  for (let round = 0; round < Number(flags.rounds); round++) {
    settings.forEach((s, i) => { best[i] = quick(best[i], ours(...s)); });
    whole = quick(whole, peer(whole.batch));
    console.error(`${path.basename(model)}: round ${round + 1}: ${best.map((b) => `${b.label} ${b.seconds.toFixed(2)} s`).join(', ')}; ONNX Runtime ${(1000 * whole.seconds).toFixed(2)} ms an image`);
  }
  return best.map((b) => ({ kind, model: path.basename(model, '.onnx'), ...b, naive: whole.seconds * b.positions, batch: whole.batch, ssim: ssimScores(best[0].map, b.map) }));
}

const env = call(flags.krypton, ['env', '--json']);
const rows = [];
let failed = false;
for (const job of jobs) {
  try {
    rows.push(...measure(job));
  } catch (err) {
    console.error(`${path.basename(job[1])}: ${err.message}`);
    failed = true;
  }
}
const lines = [
  `# Maps of boxes and segments beside ONNX Runtime`, '',
  `Written by \`node scripts/peers/targets.mjs --out docs/benchmarks/targets ${jobs.map(([kind, model, picture]) => [kind, path.basename(model), path.basename(picture)].join(':')).join(' ')}\`.`, '',
  `- ${new Date().toISOString().slice(0, 10)}, ${env.cpu || os.cpus()[0].model}, ${flags.threads} threads on both sides, ${env.kernels}; patch ${flags.patch}, stride ${flags.stride}; the best of ${flags.rounds} rounds, in turns; load average ${os.loadavg()[0].toFixed(1)} at the end`,
  `- ONNX Runtime: its best seconds an image of all batch sizes times the positions, without pictures or scores; krypton: the map and the clean picture's views`,
  `- approximate: \`${flags.approximate}\`; SSIM is that of the scores with the exact map's`, '',
  '| network | map of | mode | positions | ONNX Runtime s (batch) | krypton s | ratio | multiply-adds saved | SSIM |',
  '| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |',
  ...rows.map((r) => `| ${r.model} | ${r.kind} | ${r.label} | ${r.positions} | ${r.naive.toFixed(2)} (${r.batch}) | ${r.seconds.toFixed(2)} | **${(r.naive / r.seconds).toFixed(1)}** | ${r.saved.toFixed(2)}x | ${r.label === 'exact' ? '' : r.ssim.toFixed(3)} |`),
];
console.log(lines.join('\n'));
if (flags.out) fs.writeFileSync(flags.out + '.md', lines.join('\n') + '\n');
process.exitCode = failed ? 3 : 0;
