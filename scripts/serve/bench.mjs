// Measures krypton serve through its interface, beside krypton obe, in one run:
// seconds from the question to the first coarse map and to the finished one, and eight
// clients at once. usage: node scripts/serve/bench.mjs [--krypton FILE] [--rounds N] PICTURE -- FLAGS
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const args = process.argv.slice(2);
const at = args.indexOf('--krypton');
const krypton = at < 0 ? 'bin/krypton' : args.splice(at, 2)[1];
const of = args.indexOf('--rounds');
const rounds = of < 0 ? 5 : Number(args.splice(of, 2)[1]);
const split = args.indexOf('--'), picture = args[0], flags = split < 0 ? [] : args.slice(split + 1);
if (!picture) throw new Error('usage: node scripts/serve/bench.mjs [--krypton FILE] [--rounds N] PICTURE -- FLAGS');

const clients = 8;
const scratch = mkdtempSync(path.join(tmpdir(), 'krypton-bench-'));
const server = spawn(krypton, ['serve', ...flags], { stdio: ['ignore', 'pipe', 'inherit'] });
const url = await new Promise((found, failed) => {
  let text = '';
  server.stdout.on('data', (d) => { text += d; if (text.includes('\n')) found(new URL(text.trim())); });
  server.on('exit', (code) => failed(new Error(`krypton serve ended: ${code}`)));
});

// client shows the token and gives what asks with its cookie.
async function client() {
  const r = await fetch(url);
  const cookie = r.headers.get('set-cookie').split(';')[0];
  await r.arrayBuffer();
  return async (method, where, body) => {
    const r = await fetch(new URL(where, url), { method, body, headers: { cookie } });
    if (!r.ok) throw new Error(`${where}: ${r.status} ${await r.text()}`);
    return r;
  };
}

// explain asks for a map, and gives the seconds to the first positions and to the end.
async function explain(ask, id) {
  const start = performance.now();
  const map = await (await ask('POST', '/api/maps', JSON.stringify({ picture: id }))).json();
  let first = 0, text = '';
  for await (const chunk of (await ask('GET', `/api/maps/${map.id}/events`)).body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end; (end = text.indexOf('\n\n')) >= 0; text = text.slice(end + 2)) {
      const e = text.slice(0, end);
      if (e.includes('event: failed')) throw new Error(e);
      if (!first && e.includes('event: part') && !e.includes('"positions":""')) first = (performance.now() - start) / 1000;
      if (e.includes('event: done')) {
        const whole = (performance.now() - start) / 1000;
        const record = JSON.parse(e.slice(e.indexOf('data: ') + 6));
        const npy = Buffer.from(await (await ask('GET', `/api/maps/${map.id}/files/scores.npy`)).arrayBuffer());
        return { first: first || whole, whole, inside: record.seconds_map + record.seconds_views, npy };
      }
    }
  }
  throw new Error('the events ended');
}

const best = (list) => Math.min(...list);
const resident = () => Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${server.pid}/status`))?.[1] ?? 0) / 1024;
try {
  const ask = await client();
  const send = async (who) => (await (await who('POST', `/api/pictures?name=${path.basename(picture)}`, readFileSync(picture))).json()).id;
  const id = await send(ask);
  await explain(ask, id); // memory is there afterwards, for both as they are used
  const one = [], command = [];
  let scores;
  for (let i = 0; i < rounds; i++) { // in turns: other programs slow both down
    one.push(await explain(ask, id));
    const file = path.join(scratch, 'scores.npy');
    const record = JSON.parse(execFileSync(krypton, ['obe', picture, ...flags, '--json', '--force', '--scores', file, '-o', path.join(scratch, 'h.png'), '-q']));
    command.push(record.seconds_map + record.seconds_views);
    scores = readFileSync(file);
  }
  const inside = best(one.map((r) => r.whole));
  console.log(`first coarse map     ${best(one.map((r) => r.first)).toFixed(3)} s after the question`);
  console.log(`finished exact map   ${inside.toFixed(3)} s over the interface (${best(one.map((r) => r.inside)).toFixed(3)} s of it the map's), krypton obe ${best(command).toFixed(3)} s: ${(inside / best(command)).toFixed(2)} times as long`);
  const all = [];
  for (let i = 0; i < clients; i++) { const c = await client(); all.push([c, await send(c)]); }
  const start = performance.now();
  const maps = await Promise.all(all.map(([c, p]) => explain(c, p)));
  const together = (performance.now() - start) / 1000;
  const same = maps.filter((m) => m.npy.equals(scores)).length;
  console.log(`${clients} clients at once     ${together.toFixed(2)} s: ${(clients * inside / together).toFixed(2)} of one client's throughput; ${same} of ${clients} maps are the command's, bit for bit; first coarse maps after ${maps.map((m) => m.first.toFixed(2)).sort().join(', ')} s; at most ${resident().toFixed(0)} MiB`);
  process.exitCode = same === clients && one.every((r) => r.npy.equals(scores)) ? 0 : 1;
} finally {
  server.removeAllListeners('exit');
  server.kill('SIGINT');
  rmSync(scratch, { recursive: true });
}
