// Writes the record of bench.mjs as Markdown.

const percent = (x) => `${(100 * x).toFixed(0)} %`;
const times = (x) => `**${x.toFixed(2)}**`;
// fold is krypton's memory in the peer's; more than twice that stands out.
const fold = (ours, theirs) => {
  if (!(ours > 0 && theirs > 0)) return '?';
  const r = ours / theirs;
  return r > 2 ? `**${r.toFixed(2)}**` : r.toFixed(2);
};
const mib = (bytes) => (bytes > 0 ? (bytes / 2 ** 20).toFixed(0) : '?');
const ms = (t) => `${(1000 * t.best).toFixed(2)} (${(1000 * t.median).toFixed(2)})`;
const seconds = (t) => `${t.best.toFixed(2)} (${t.median.toFixed(2)})`;
const rate = (r) => `${r.gflops.toFixed(0)}, ${percent(r.share_of_peak)}`;

// How far outputs of networks with random weights move in ONNX Runtime alone where the input
// moves by 1e-7, relative to the largest: several draws.
const noisy = { starnet: '0.64 to 0.92', efficientnet_v2_s: '0.13 to 0.42', efficientnet_b0: '0.002 to 0.012', efficientnet_b1: '0.002 to 0.10', se_resnext50: '0.005 to 0.014', levit_128s: '0.23 to 0.29' };

// How far those outputs are from float64's on one input, in ONNX Runtime and in krypton.
const float64 = { se_resnext50: [0.015, 0.027], levit_128s: [0.32, 0.35] };

function rounding(names) {
  const met = names.filter((n) => n in noisy).map((n) => `${n} ${noisy[n]}`);
  const exact = names.filter((n) => n in float64).map((n) => `${n} ${float64[n][0]} and ${float64[n][1]}`);
  return met.length === 0 ? '' : ` With random weights some outputs are mostly rounding: where the input moves by 1e-7, those of ONNX Runtime alone move by as much as this: ${met.join(', ')}.${exact.length === 0 ? '' : ` Against float64 those of ONNX Runtime and of krypton are off by: ${exact.join(', ')}.`}`;
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |\n`;
  return line(head) + line(head.map((_, i) => (i ? '---:' : '---'))) + rows.map(line).join('') + '\n';
}

export function markdown(r) {
  const { machine: m, versions: v, settings: s, models } = r;
  const positions = (k) => (k.map.sampled < k.map.positions ? `${k.map.positions} (${k.map.sampled} run, scaled)` : `${k.map.positions}`);
  let out = `# ${r.title}

Written by \`${r.made}\`; the numbers behind it are in the JSON file beside this one.

- ${r.date}, ${m.cpu}, ${m.cores} cores, ${m.memory_gib} GiB, ${m.system}; measured peak ${m.peak_gflops_per_core.toFixed(0)} GFLOP/s a core (${m.kernels}); load average ${m.load_at_start.toFixed(1)} at the start, ${m.load_at_end.toFixed(1)} at the end
- krypton ${v.krypton} (${v.go}), ONNX Runtime ${v.onnxruntime} (Node.js ${v.node}, CPU, all graph optimizations, batch size fixed when the session is made); both with ${s.threads} thread${s.threads === '1' ? '' : 's'}
- Rounds: ${s.rounds}, the sides in turns, each measurement a process of its own; times are the best, medians in brackets; loading and compiling are not part of them. Ratios are of the best times; more than 1 means krypton is faster
- networks have random weights unless they come trained; GFLOP counts a multiply-add as two, convolutions and matrix products alone, on both sides the same

## The whole network on one picture

`;
  out += table(
    ['network', 'GFLOP', 'ONNX Runtime ms', 'krypton ms', 'ratio', 'by medians', 'ONNX Runtime GFLOP/s, of peak', 'krypton GFLOP/s, of peak', 'largest difference'],
    models.map((x) => [x.model, (2e-9 * x.multiply_adds).toFixed(2), ms(x.onnxruntime.batch_one), ms(x.krypton.whole), times(x.ratio.whole), x.ratio.whole_median.toFixed(2),
      rate(x.onnxruntime.batch_one), rate(x.krypton.whole), x.difference.toExponential(1)]),
  );
  out += `The difference is the largest of all outputs on the same input, relative to the largest number of the same output.${rounding(models.map((x) => x.model))}

## A whole exact heatmap: patch ${s.patch}, stride ${s.stride}

`;
  out += table(
    ['network', 'positions', 'ONNX Runtime s', 'krypton s', 'ratio', 'by medians', 'multiply-adds saved', 'krypton GFLOP/s, of peak'],
    models.map((x) => [x.model, positions(x.krypton), seconds(x.onnxruntime.naive_map), seconds(x.krypton.map), times(x.ratio.map), x.ratio.map_median.toFixed(2),
      `${x.krypton.map.counted.toFixed(2)}x`, rate(x.krypton.map)]),
  );
  out += `ONNX Runtime: positions times its best seconds an image of all batch sizes, without making the pictures. krypton: measured, its clean run included; GFLOP/s count what it computes, not what it saves.

## Many whole runs

`;
  out += table(
    ['network', 'best batch', 'ONNX Runtime images/s', 'GFLOP/s, of peak', 'krypton images/s', 'GFLOP/s, of peak', 'ratio', 'of krypton images'],
    models.map((x) => {
      const o = x.onnxruntime.batch_best;
      const k = x.krypton.many;
      const ours = k ? [(1 / k.seconds_per_image).toFixed(1), rate(k), (o.seconds_per_image / k.seconds_per_image).toFixed(2), `${k.sampled}`] : ['', '', '', ''];
      return [x.model, x.batch_open ? `${o.batch}` : '1 (fixed in the model)', (1 / o.seconds_per_image).toFixed(1), rate(o), ...ours];
    }),
  );
  out += `ONNX Runtime was tried with batches of ${s.batches.join(', ')}. krypton runs whole pictures one by one on each core, by the plan of whole runs, four a core at a time; of both the best time is taken.

## Memory at its peak, MiB

`;
  out += table(
    ['network', 'ONNX Runtime, batch 1', 'krypton, one picture', 'in its', 'ONNX Runtime, best batch', 'krypton, heatmap', 'in its'],
    models.map((x) => {
      const { batch_one: one, batch_best: best } = x.onnxruntime;
      const { whole, map } = x.krypton;
      return [x.model, mib(one.peak_rss), mib(whole.peak_rss), fold(whole.peak_rss, one.peak_rss), mib(best.peak_rss), mib(map.peak_rss), fold(map.peak_rss, best.peak_rss)];
    }),
  );
  if (models.length > 0) out += `Krypton in ONNX Runtime's memory: more than twice that is in bold. Of the whole process, loading the model included; Node.js with ONNX Runtime and no model holds ${mib(models[0].onnxruntime.node_rss)}.\n`;
  if (r.failed.length > 0) out += `\n## Not measured\n\n${r.failed.map((f) => `- ${f.model}: ${f.error}\n`).join('')}`;
  return out;
}
