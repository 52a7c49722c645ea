// Measures whether certificates of approximate maps hold: the similarity to the exact map
// beside the bound that krypton states, for every picture, network and wish.
//
//   node certificate.mjs [flags] --pictures FOLDER 'MODEL.onnx [FLAGS OF obe]'...
//
//   --krypton FILE    the binary (bin/krypton)
//   --pictures DIR    pictures
//   --only LIST       only these pictures, by name, with commas between them
//   --wishes LIST     similarities that are wished (0.8,0.9,0.95)
//   --within LIST     times ('500ms,1s') that maps end with, in place of wishes
//   --seed N          seed of the positions that are sampled (1)
//   --out FILE        writes FILE.md and FILE.json
//
// Both similarities count: a certificate holds if that of the scores and that of the
// rendered maps (internal/quality) are at least what is stated of each. The excess is how
// far the lower of the two lies above the lower of the two bounds.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { npy, ssimRendered, ssimScores } from './similarity.mjs';

const flag = (value) => ({ type: 'string', default: value });
const { values: flags, positionals: cases } = parseArgs({ allowPositionals: true,
  options: { krypton: flag('bin/krypton'), pictures: flag(''), only: flag(''), wishes: flag('0.8,0.9,0.95'), within: flag(''), seed: flag('1'), out: flag('') } });
if (!flags.pictures || cases.length === 0) {
  console.error("usage: node certificate.mjs --pictures FOLDER [--out FILE] 'MODEL.onnx [FLAGS]'...");
  process.exit(64);
}
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'krypton-certificate-'));
process.on('exit', () => fs.rmSync(scratch, { recursive: true, force: true }));
const only = flags.only ? flags.only.split(',') : null;
const pictures = fs.readdirSync(flags.pictures).filter((f) => /\.(jpe?g|png)$/i.test(f) && (!only || only.includes(path.parse(f).name))).sort().map((f) => path.join(flags.pictures, f));

function maps(args) {
  const out = fs.mkdtempSync(path.join(scratch, 'maps-'));
  const r = spawnSync(flags.krypton, ['obe', ...pictures, ...args, '--seed', flags.seed, '--scores-only', '--scores', path.join(out, '{name}.npy'), '--json', '-q', '--force'], { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (r.status !== 0) throw new Error(r.error?.message ?? r.stderr.trim().split('\n').at(-1));
  return r.stdout.trim().split('\n').map(JSON.parse).map((record, i) => ({ record, map: npy(path.join(out, path.parse(pictures[i]).name + '.npy')) }));
}

const median = (v) => v.toSorted((a, b) => a - b)[Math.floor(v.length / 2)];
const mean = (v) => v.reduce((a, b) => a + b, 0) / v.length;
const share = (v) => v.filter(Boolean).length / v.length;
const triples = [];
const wishes = flags.within ? flags.within.split(',') : flags.wishes.split(',').map(Number);
for (const c of cases) {
  const [model, ...own] = c.split(' ').filter(Boolean);
  const args = ['--model', model, ...own];
  const name = path.basename(model, '.onnx');
  const exact = maps([...args, '--mode', 'exact']);
  for (const wish of wishes) {
    maps([...args, ...(flags.within ? ['--within', wish] : ['--mode', 'approximate', '--ssim', String(wish)])]).forEach(({ record, map }, i) => {
      const truth = exact[i], known = record.approximate.certificate;
      if (!known) { // there was no time to say how similar it is
        console.error(`${name} ${path.parse(pictures[i]).name} ${wish}: nothing is stated`);
        return;
      }
      const scores = ssimScores(truth.map, map), rendered = ssimRendered(truth.map, map, truth.record.classes[0].base_score);
      const bound = Math.min(known.ssim_at_least, known.ssim_rendered_at_least ?? 1);
      const holds = scores >= known.ssim_at_least - 1e-9 && rendered >= (known.ssim_rendered_at_least ?? -1) - 1e-9;
      triples.push({ network: name, picture: path.parse(pictures[i]).name, wish, scores, rendered, known, holds, excess: Math.min(scores, rendered) - bound,
        exact: known.exact_because ?? '', tau: record.approximate.tau ?? 1, epsilon: record.approximate.epsilon ?? 0,
        fewer: truth.record.multiply_adds_spent / record.multiply_adds_spent, seconds: [truth.record, record].map((r) => r.seconds_map + r.seconds_views) });
      const t = triples.at(-1);
      console.error(`${name} ${t.picture} ${wish}: ${scores.toFixed(3)} >= ${known.ssim_at_least.toFixed(3)}, ${rendered.toFixed(3)} >= ${(known.ssim_rendered_at_least ?? 1).toFixed(3)} ${holds ? '' : 'NO '}${t.exact} tau ${t.tau} epsilon ${t.epsilon}; ${known.positions_exact} exact, ${known.positions_approximate} approximate, ${known.positions_interpolated} interpolated, ${known.estimates} estimates, ${t.fewer.toFixed(2)} fewer, ${t.seconds.map((s) => s.toFixed(2))} s`);
    });
  }
}
const row = (label, wish, of) => {
  const approximate = of.filter((t) => !t.exact);
  const figures = [of.length, approximate.length, ...(approximate.length ? [`${(100 * share(approximate.map((t) => t.holds))).toFixed(0)} %`, median(approximate.map((t) => t.excess)).toFixed(3), flags.within ? '' : `${(100 * share(approximate.map((t) => Math.min(t.scores, t.rendered) >= t.wish))).toFixed(0)} %`, mean(approximate.map((t) => t.scores)).toFixed(3), mean(approximate.map((t) => t.rendered)).toFixed(3)] : ['', '', '', '', ''])];
  return `| ${label} | ${wish} | ${figures.join(' | ')} |`;
};
const lines = ['| network | wish | maps | not exact | certificate holds | median excess | wish met | SSIM, scores | SSIM, rendered |', '| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |'];
for (const n of new Set(triples.map((t) => t.network))) {
  for (const w of new Set(triples.map((t) => t.wish))) lines.push(row(n, w, triples.filter((t) => t.network === n && t.wish === w)));
}
lines.push(row('all', '', triples));
console.log(lines.join('\n'));
if (flags.out) {
  fs.writeFileSync(flags.out + '.md', lines.join('\n') + '\n');
  fs.writeFileSync(flags.out + '.json', JSON.stringify(triples.map(({ seconds, ...t }) => t), null, 1) + '\n');
}
