// Measures krypton's approximate maps beside ONNX Runtime running the network at
// every position, in one run, over several pictures.
//
//   node approximate.mjs [flags] --pictures FOLDER MODEL.onnx...
//
//   --krypton FILE    the binary (bin/krypton)
//   --pictures DIR    pictures; times and similarities are means over them
//   --most N          pictures at most (10)
//   --preset NAME     how the network reads them (caffe; 'none': as the file beside it says)
//   --patch N         side of the patch (the command's default)
//   --stride N        pixels between positions (the command's default)
//   --rounds N        times that each setting is measured, the best counts (1)
//   --batches LIST    batch sizes to try with ONNX Runtime (1,8,16)
//   --threads N       threads of both (the processors that this process may use: left to itself
//                     ONNX Runtime may take fewer)
//   --settings LIST   numbers of the settings to measure, after exact maps (all)
//   --out FILE        writes FILE.md
//
// ONNX Runtime's time is its best seconds an image times the positions, without
// making the pictures. Similarities with exact maps are SSIM of the scores (Gaussian
// window of 11 x 11, sigma 1.5, range of the exact map) and of the rendered maps as
// the published system has it (internal/quality says both in full).
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { npy, ssimRendered, ssimScores } from './similarity.mjs';

const flag = (value) => ({ type: 'string', default: value });
const { values: flags, positionals: models } = parseArgs({ allowPositionals: true,
  options: { krypton: flag('bin/krypton'), pictures: flag(''), most: flag('10'), rounds: flag('1'), preset: flag('caffe'), patch: { type: 'string' }, stride: { type: 'string' }, batches: flag('1,8,16'), settings: flag(''), threads: flag(String(os.availableParallelism())), out: flag('') } });
if (!flags.pictures || models.length === 0) {
  console.error('usage: node approximate.mjs --pictures FOLDER [--out FILE] MODEL.onnx...');
  process.exit(64);
}
const time = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'onnxruntime', 'time.mjs');
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'krypton-approximate-'));
process.on('exit', () => fs.rmSync(scratch, { recursive: true, force: true }));
const pictures = fs.readdirSync(flags.pictures).filter((f) => /\.(jpe?g|png)$/i.test(f)).sort().slice(0, Number(flags.most)).map((f) => path.join(flags.pictures, f));

const careful = ['--tau', '0.6', '--epsilon', '0.04', '--shortlist', '96'];
const bold = ['--tau', '0.5', '--epsilon', '0.05', '--shortlist', '64', '--precision', 'int8', '--steps', '2,1'];
const all = [
  ['exact'],
  ['bf16', '--precision', 'bf16'],
  ['int8', '--precision', 'int8'],
  ['tau 0.6, epsilon 0.04', ...careful.slice(0, 4)],
  ['tau 0.6, epsilon 0.04, 96 classes', ...careful],
  ['tau 0.6, epsilon 0.04, 96 classes, bf16', ...careful, '--precision', 'bf16'],
  ['tau 0.6, epsilon 0.04, 96 classes, int8', ...careful, '--precision', 'int8'],
  ['the same, checkerboard and a tenth', ...careful, '--precision', 'int8', '--checkerboard', '--drill-down', '0.1'],
  ['the same, checkerboard', ...careful, '--precision', 'int8', '--checkerboard', '--drill-down', '0'],
  ['epsilon 0.05, int8, checkerboard and 0.15 (for residual networks)', '--epsilon', '0.05', '--precision', 'int8', '--checkerboard', '--drill-down', '0.15'],
  ['tau 0.5, epsilon 0.05, 64 classes, int8, steps 2,1 with a quarter', ...bold, '--drill-down', '0.25'],
  ['tau 0.5, epsilon 0.05, 64 classes, int8, every second', ...bold, '--drill-down', '0'],
  ['certified at 0.9 (default flags)', '--mode', 'approximate'],
  ['as certified maps begin: tau 0.7, epsilon 0.015, 128 classes, int8, seven tenths of the positions', '--tau', '0.7', '--epsilon', '0.015', '--shortlist', '128', '--precision', 'int8', '--checkerboard', '--drill-down', '0.2'],
];
const settings = flags.settings ? [all[0], ...flags.settings.split(',').map((k) => all[Number(k)])] : all;
const preset = flags.preset === 'none' ? [] : ['--preset', flags.preset];

// The positions, where they are not the command's own.
const grid = ['patch', 'stride'].flatMap((f) => (flags[f] ? [`--${f}`, flags[f]] : []));

function call(file, args) {
  const r = spawnSync(file, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (r.status !== 0) throw new Error(r.error?.message ?? r.stderr.trim().split('\n').at(-1));
  return r.stdout;
}

const mean = (v) => v.reduce((a, b) => a + b, 0) / v.length;
const lines = ['| network | setting | ONNX Runtime s | krypton s | ratio | SSIM, scores | least | SSIM, rendered | least |', '| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |'];
for (const model of models) {
  const name = path.basename(model, '.onnx');
  const { shape } = JSON.parse(call(process.execPath, [time, model]));
  const input = path.join(scratch, 'input');
  fs.writeFileSync(input, Buffer.from(Float32Array.from({ length: shape.slice(1).reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(i)).buffer));
  const symbol = typeof shape[0] === 'string' ? ['--symbol', shape[0]] : [];
  const batches = symbol.length ? flags.batches.split(',') : ['1'];
  const peer = () => Math.min(...batches.map((b) => JSON.parse(call(process.execPath, [time, model, '--batch', b, '--input', input, '--threads', flags.threads, ...symbol])).best / Number(b)));
  let whole = peer();
  const rows = [];
  for (const [label, ...args] of settings) {
    const out = fs.mkdtempSync(path.join(scratch, 'maps-'));
    const once = () => call(flags.krypton, ['obe', ...pictures, '--model', model, ...preset, '--scores-only', '--scores', path.join(out, '{name}.npy'), '--json', '-q', '--force', '--threads', flags.threads, ...grid, ...args]).trim().split('\n').map(JSON.parse);
    const took = (rs) => mean(rs.map((r) => r.seconds_map + r.seconds_views));
    const records = Array.from({ length: Number(flags.rounds) }, once).reduce((a, b) => (took(b) < took(a) ? b : a));
    const seconds = took(records);
    rows.push({ label, out, seconds, records, positions: records[0].positions });
    whole = Math.min(whole, peer()); // in turns
    console.error(`${name}: ${label}: ${seconds.toFixed(2)} s; ONNX Runtime ${(1000 * whole).toFixed(2)} ms an image`);
  }
  for (const r of rows) {
    const [scores, rendered] = [[], []];
    pictures.forEach((p, i) => {
      const [a, b] = [rows[0], r].map((x) => npy(path.join(x.out, path.parse(p).name + '.npy')));
      scores.push(ssimScores(a, b));
      rendered.push(ssimRendered(a, b, rows[0].records[i].classes[0].base_score));
    });
    const ort = whole * r.positions;
    const figures = [mean(scores), Math.min(...scores), mean(rendered), Math.min(...rendered)].map((v) => v.toFixed(3)).join(' | ');
    lines.push(`| ${name} | ${r.label} | ${ort.toFixed(1)} | ${r.seconds.toFixed(2)} | **${(ort / r.seconds).toFixed(1)}** | ${figures} |`);
  }
}
console.log(lines.join('\n'));
if (flags.out) fs.writeFileSync(flags.out + '.md', lines.join('\n') + '\n');
