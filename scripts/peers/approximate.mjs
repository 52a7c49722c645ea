// Measures krypton's approximate maps beside ONNX Runtime running the network at
// every position, in one run, over several pictures.
//
//   node approximate.mjs [flags] --pictures FOLDER MODEL.onnx...
//
//   --krypton FILE    the binary (bin/krypton)
//   --pictures DIR    pictures; times and similarities are means over them
//   --most N          pictures at most (10)
//   --preset NAME     how the network reads them (caffe)
//   --batches LIST    batch sizes to try with ONNX Runtime (1,8,16)
//   --out FILE        writes FILE.md
//
// ONNX Runtime's time is its best seconds an image times the positions, without
// making the pictures. The similarity is SSIM of the scores with exact ones
// (Gaussian window of 11 x 11, sigma 1.5, range of the exact map).
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const flag = (value) => ({ type: 'string', default: value });
const { values: flags, positionals: models } = parseArgs({ allowPositionals: true,
  options: { krypton: flag('bin/krypton'), pictures: flag(''), most: flag('10'), preset: flag('caffe'), batches: flag('1,8,16'), out: flag('') } });
if (!flags.pictures || models.length === 0) {
  console.error('usage: node approximate.mjs --pictures FOLDER [--out FILE] MODEL.onnx...');
  process.exit(64);
}
const time = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'onnxruntime', 'time.mjs');
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'krypton-approximate-'));
process.on('exit', () => fs.rmSync(scratch, { recursive: true, force: true }));
const pictures = fs.readdirSync(flags.pictures).filter((f) => /\.(jpe?g|png)$/i.test(f)).sort().slice(0, Number(flags.most)).map((f) => path.join(flags.pictures, f));

const settings = [
  ['exact'],
  ['bf16', '--precision', 'bf16'],
  ['tau 0.6, epsilon 0.02', '--tau', '0.6', '--epsilon', '0.02'],
  ['tau 0.5, epsilon 0.05', '--tau', '0.5', '--epsilon', '0.05'],
  ['tau 0.5, epsilon 0.05, bf16', '--tau', '0.5', '--epsilon', '0.05', '--precision', 'bf16'],
  ['tau 0.5, epsilon 0.05, bf16, steps 2,1 with a quarter', '--tau', '0.5', '--epsilon', '0.05', '--precision', 'bf16', '--steps', '2,1', '--drill-down', '0.25'],
  ['tau 0.5, epsilon 0.05, bf16, every second', '--tau', '0.5', '--epsilon', '0.05', '--precision', 'bf16', '--steps', '2,1', '--drill-down', '0'],
];

function call(file, args) {
  const r = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (r.status !== 0) throw new Error(r.error?.message ?? r.stderr.trim().split('\n').at(-1));
  return r.stdout;
}

// npy reads the scores of one class.
function npy(file) {
  const b = fs.readFileSync(file);
  const n = b.readUInt16LE(8);
  const [h, w] = /'shape': \((\d+), (\d+)/.exec(b.toString('latin1', 10, 10 + n)).slice(1).map(Number);
  return { h, w, v: new Float32Array(new Uint8Array(b.subarray(10 + n)).buffer) };
}

// ssim is the mean structural similarity (Wang et al., 2004) where the window fits.
function ssim(a, b) {
  const g = Array.from({ length: 11 }, (_, i) => Math.exp(-((i - 5) ** 2) / (2 * 1.5 ** 2)));
  const total = g.reduce((x, y) => x + y) ** 2;
  let lo = Infinity;
  let hi = -Infinity;
  for (const x of a.v) [lo, hi] = [Math.min(lo, x), Math.max(hi, x)];
  const c1 = (0.01 * (hi - lo)) ** 2;
  const c2 = (0.03 * (hi - lo)) ** 2;
  let sum = 0;
  let n = 0;
  for (let y = 0; y + 11 <= a.h; y++) {
    for (let x = 0; x + 11 <= a.w; x++) {
      const m = [0, 0, 0, 0, 0];
      for (let i = 0; i < 11; i++) {
        for (let j = 0; j < 11; j++) {
          const k = (g[i] * g[j]) / total;
          const p = a.v[(y + i) * a.w + x + j];
          const q = b.v[(y + i) * a.w + x + j];
          m[0] += k * p; m[1] += k * q; m[2] += k * p * p; m[3] += k * q * q; m[4] += k * p * q;
        }
      }
      const [mp, mq] = m;
      sum += ((2 * mp * mq + c1) * (2 * (m[4] - mp * mq) + c2)) / ((mp * mp + mq * mq + c1) * (m[2] - mp * mp + m[3] - mq * mq + c2));
      n++;
    }
  }
  return sum / n;
}

const mean = (v) => v.reduce((a, b) => a + b, 0) / v.length;
const lines = ['| network | setting | ONNX Runtime s | krypton s | ratio | SSIM of scores, mean | least |', '| --- | --- | ---: | ---: | ---: | ---: | ---: |'];
for (const model of models) {
  const name = path.basename(model, '.onnx');
  const { shape } = JSON.parse(call(process.execPath, [time, model]));
  const input = path.join(scratch, 'input');
  fs.writeFileSync(input, Buffer.from(Float32Array.from({ length: shape.slice(1).reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)).buffer));
  const symbol = typeof shape[0] === 'string' ? ['--symbol', shape[0]] : [];
  const batches = symbol.length ? flags.batches.split(',') : ['1'];
  const peer = () => Math.min(...batches.map((b) => JSON.parse(call(process.execPath, [time, model, '--batch', b, '--input', input, ...symbol])).best / Number(b)));
  let whole = peer();
  const rows = [];
  for (const [label, ...args] of settings) {
    const out = fs.mkdtempSync(path.join(scratch, 'maps-'));
    const records = call(flags.krypton, ['obe', ...pictures, '--model', model, '--preset', flags.preset, '-o', out + '/', '--scores', path.join(out, '{name}.npy'), '--json', '-q', ...args]).trim().split('\n').map(JSON.parse);
    const seconds = mean(records.map((r) => r.seconds_map + r.seconds_views));
    rows.push({ label, out, seconds, positions: records[0].positions });
    whole = Math.min(whole, peer()); // in turns
    console.error(`${name}: ${label}: ${seconds.toFixed(2)} s; ONNX Runtime ${(1000 * whole).toFixed(2)} ms an image`);
  }
  for (const r of rows) {
    const similar = pictures.map((p) => {
      const file = path.parse(p).name + '.npy';
      return ssim(npy(path.join(rows[0].out, file)), npy(path.join(r.out, file)));
    });
    const ort = whole * r.positions;
    lines.push(`| ${name} | ${r.label} | ${ort.toFixed(1)} | ${r.seconds.toFixed(2)} | **${(ort / r.seconds).toFixed(1)}** | ${mean(similar).toFixed(3)} | ${Math.min(...similar).toFixed(3)} |`);
  }
}
console.log(lines.join('\n'));
if (flags.out) fs.writeFileSync(flags.out + '.md', lines.join('\n') + '\n');
