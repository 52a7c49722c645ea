// How often krypton orv's approximate answers agree with whole runs, over many
// variants of the same videos: every way to fit frames, from several first frames,
// every frame verified; and what a share of them, drawn at random, would have certified. One video in one form says little of a control that learns
// from what it sees.
//
//   node agreement.mjs [flags] MODEL.onnx VIDEO...
//
//   --krypton FILE   the binary (bin/krypton)
//   --starts N,N     first frames (0,13)
//   --share S        the share of frames drawn at random (0.05)
//   --flags "..."    more flags for krypton orv
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const flag = (value) => ({ type: 'string', default: value });
const { values: flags, positionals } = parseArgs({ allowPositionals: true, options: { krypton: flag('bin/krypton'), starts: flag('0,13'), share: flag('0.05'), flags: flag('') } });
const [model, ...videos] = positionals;
if (!model || videos.length === 0) {
  console.error('usage: node agreement.mjs [--starts N,N] MODEL.onnx VIDEO...');
  process.exit(64);
}
const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'krypton-agreement-'));
process.on('exit', () => fs.rmSync(scratch, { recursive: true, force: true }));

const rows = [];
for (const video of videos) {
  for (const resize of ['stretch', 'crop', 'letterbox']) {
    for (const start of flags.starts.split(',')) {
      const r = spawnSync(flags.krypton, ['orv', video, '-m', model, '-q', '--json', '--force', '--verify-every', '1', '--verify-share', flags.share, '--resize', resize, '--start', `${start}f`, '-o', path.join(scratch, 'out'), ...flags.flags.split(' ').filter(Boolean)], { encoding: 'utf8', maxBuffer: 1 << 26 });
      if (r.status !== 0) throw new Error(r.stderr.trim().split('\n').at(-1));
      const k = JSON.parse(r.stdout);
      // Frames that were not compared were run whole.
      const wrong = Math.round((1 - k.verified_agreement) * k.frames_verified);
      rows.push({ video: path.basename(video), resize, start, frames: k.frames, wrong, agreement: 1 - wrong / k.frames, f1: k.verified_f1, recomputed: k.mean_recomputed, certified: k.certified });
    }
  }
}
const f = (v, d) => (v === undefined ? '' : v.toFixed(d));
console.log('| video | fitted by | first frame | frames | agreement | certified | by frames | F1 of verified frames | recomputed |\n| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
for (const r of rows) console.log(`| ${r.video} | ${r.resize} | ${r.start} | ${r.frames} | ${f(r.agreement, 4)} | ${f(r.certified.agreement, 4)} | ${r.certified.frames_compared} of ${r.certified.frames_approximate} | ${f(r.f1, 4)} | ${f(100 * r.recomputed, 1)} % |`);
const sum = (key) => rows.reduce((s, r) => s + r[key], 0);
console.log(`all: ${f(1 - sum('wrong') / sum('frames'), 4)} of ${sum('frames')} frames agree; ${rows.filter((r) => r.agreement < 0.99).length} of ${rows.length} variants are below 0.99; ${f(100 * sum('recomputed') / rows.length, 1)} % recomputed; ${rows.filter((r) => r.certified.agreement <= r.agreement + 1e-9).length} of ${rows.length} bounds hold`);
