// Runs a network on every frame of a video with ONNX Runtime, and krypton orv on
// the same video, in turns; decoding is part of both.
//
//   node video.mjs [flags] VIDEO MODEL.onnx...
//
//   --krypton FILE  the binary (bin/krypton)
//   --rounds N      turns (2); the best counts
//   --out FILE      writes FILE.md and FILE.json
//   --verify N      frames between verifications, in a run of its own (1)
//   --threads N     threads of both (the processors that this process may use: left to itself
//                   ONNX Runtime may take fewer)
//   --guard SHARE   krypton's --guard; 0 for networks of random weights
//   --tolerance N --epsilon E
//                   krypton's setting, in the place of its own choice: for networks
//                   of random weights, whose labels can choose none
//
// ONNX Runtime gets frames from ffmpeg through a pipe, as krypton does, already of
// the network's size, and decodes ahead while the network runs.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const peer = path.join(path.dirname(fileURLToPath(import.meta.url)), '..', 'onnxruntime', 'time.mjs');
const ort = createRequire(peer)('onnxruntime-node');
const flag = (value) => ({ type: 'string', default: value });
const { values: flags, positionals } = parseArgs({ allowPositionals: true, options: { krypton: flag('bin/krypton'), rounds: flag('2'), threads: flag(String(os.availableParallelism())), out: flag(''), verify: flag('1'), guard: { type: 'string' }, tolerance: { type: 'string' }, epsilon: { type: 'string' } } });
const [video, ...models] = positionals;
if (!video || models.length === 0) {
  console.error('usage: node video.mjs [--rounds N] VIDEO MODEL.onnx...');
  process.exit(64);
}

// frames gives the frames of a video as RGB of w by h pixels.
async function* frames(w, h) {
  const ff = spawn('ffmpeg', ['-nostdin', '-v', 'error', '-i', `file:${path.resolve(video)}`, '-map', '0:v:0', '-vf', `scale=${w}:${h}:flags=bilinear`, '-f', 'rawvideo', '-pix_fmt', 'rgb24', 'pipe:1'], { stdio: ['ignore', 'pipe', 'inherit'] });
  const size = 3 * w * h;
  let frame = Buffer.allocUnsafe(size);
  let have = 0;
  for await (const chunk of ff.stdout) {
    for (let at = 0; at < chunk.length; ) {
      const n = Math.min(size - have, chunk.length - at);
      chunk.copy(frame, have, at, at + n);
      have += n;
      at += n;
      if (have === size) {
        yield frame;
        have = 0;
      }
    }
  }
}

// every runs the network on every frame and gives frames a second.
async function every(model) {
  const session = await ort.InferenceSession.create(model, { graphOptimizationLevel: 'all', logSeverityLevel: 3, intraOpNumThreads: Number(flags.threads) });
  const name = session.inputNames[0];
  const meta = session.inputMetadata[0].shape;
  const [h, w] = meta.slice(2);
  const data = new Float32Array(3 * h * w);
  const tensor = new ort.Tensor('float32', data, [1, 3, h, w]);
  for (let i = 0; i < 3; i++) await session.run({ [name]: tensor });
  const start = performance.now();
  let n = 0;
  for await (const f of frames(w, h)) {
    for (let i = 0, k = 0; i < h * w; i++, k += 3) {
      data[i] = (f[k] - 127) / 128;
      data[h * w + i] = (f[k + 1] - 127) / 128;
      data[2 * h * w + i] = (f[k + 2] - 127) / 128;
    }
    await session.run({ [name]: tensor });
    n++;
  }
  const fps = (1000 * n) / (performance.now() - start);
  await session.release();
  return { fps, frames: n };
}

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'krypton-video-'));
process.on('exit', () => fs.rmSync(scratch, { recursive: true, force: true }));
function krypton(model, ...more) {
  const r = spawnSync(flags.krypton, ['orv', video, '-m', model, '-q', '--json', '--force', '--resize', 'stretch', '--threads', flags.threads, '-o', path.join(scratch, 'out'), ...['guard', 'tolerance', 'epsilon'].flatMap((f) => (flags[f] ? [`--${f}`, flags[f]] : [])), ...more], { encoding: 'utf8', maxBuffer: 1 << 26 });
  if (r.status !== 0) throw new Error(r.stderr.trim().split('\n').at(-1));
  return JSON.parse(r.stdout);
}

const rows = [];
for (const model of models) {
  const name = path.basename(model, '.onnx');
  const row = { model: name, video: path.basename(video), onnxruntime: 0, naive: 0, exact: 0, approximate: 0 };
  for (let round = 0; round < Number(flags.rounds); round++) {
    row.onnxruntime = Math.max(row.onnxruntime, (await every(model)).fps);
    for (const mode of ['naive', 'exact', 'approximate']) {
      const k = krypton(model, '--mode', mode);
      row[mode] = Math.max(row[mode], k.frames_per_second);
      if (mode === 'approximate') Object.assign(row, { settings: k.settings, recomputed: k.mean_recomputed, skipped: k.frames_skipped, whole: k.frames_whole, frames: k.frames });
    }
  }
  const v = krypton(model, '--mode', 'approximate', '--verify-every', flags.verify);
  Object.assign(row, { verified: v.frames_verified, agreement: v.verified_f1 ?? v.verified_agreement, largest: v.verified_largest_difference });
  rows.push(row);
  console.error(`${name}: ONNX Runtime ${row.onnxruntime.toFixed(0)} frames/s, krypton naive ${row.naive.toFixed(0)}, exact ${row.exact.toFixed(0)}, approximate ${row.approximate.toFixed(0)} (${(row.approximate / row.onnxruntime).toFixed(2)}x, agreement ${row.agreement.toFixed(3)})`);
}
const f = (v, d = 0) => v.toFixed(d);
const table = [
  '| video | network | ONNX Runtime frames/s | krypton naive | exact | approximate | ratio | setting | recomputed | verified frames | agreement |',
  '| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | ---: | ---: | ---: |',
  ...rows.map((r) => `| ${r.video} | ${r.model} | ${f(r.onnxruntime)} | ${f(r.naive)} | ${f(r.exact)} | ${f(r.approximate)} | **${f(r.approximate / r.onnxruntime, 2)}** | ${r.settings.mode === 'approximate' ? `tolerance ${r.settings.tolerance}, epsilon ${r.settings.epsilon}` : 'exact'} | ${f(100 * r.recomputed, 1)} % | ${r.verified} | ${f(100 * r.agreement, 1)} % |`),
].join('\n');
console.log(table);
if (flags.out) {
  fs.writeFileSync(`${flags.out}.json`, JSON.stringify({ date: new Date().toISOString().slice(0, 10), cpu: os.cpus()[0].model, cores: os.availableParallelism(), rows }, null, 1) + '\n');
  fs.writeFileSync(`${flags.out}.md`, table + '\n');
}
