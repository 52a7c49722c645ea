#!/usr/bin/env bash
# ml-performance (Node, browser): an accuracy over 1, and an error rate that is mostly a count.
#
# One would guess: accuracy and error rate are shares of all samples and add up to 1, as their
# names here ("Accuracy", "Error rate") and the other measures of the same object (false and true
# positive rate, predictive values, area under the curve) are, and those are right.
#
# What happens: accuracy divides by the number of different scores, not by that of the samples.
# With no two scores equal, as in a small try with made-up numbers, it is right; with ties it is too
# high: 8 samples with 2 scores get up to 3. The error rate is the false negatives plus that share
# of the false positives, so of 8 samples with none called positive it is 4, and 1 of 8 wrong
# is 1 or 0.125 by which kind it is. No error.
#
# Why it matters: scores of quantized networks, labels, ensembles' votes and rounded percentages
# are full of ties. The accuracy then is merely too good (7 different scores of 8: 1 for 0.875),
# the best threshold chosen by it or by the error rate is another one, and the curve beside it is right.
#
# No thread found.
#
# Versions: ml-performance 0.2.0, Node.js 20.
# Checked on 1 Dec 2026. Output then (thresholds from none called positive to all):
#   8 different scores: accuracy 0.5 0.625 0.75 0.875 0.75 0.875 0.75 0.625 0.5, counted 0.5 0.625 0.75 0.875 0.75 0.875 0.75 0.625 0.5
#   8 different scores: error rate 4 3 2 1 1.125 0.125 0.25 0.375 0.5, counted 0.5 0.375 0.25 0.125 0.25 0.125 0.25 0.375 0.5
#   8 different scores: area under the curve 0.9375
#   7 different scores: accuracy 0.571 0.857 1 0.857 1 0.857 0.714 0.571, counted 0.5 0.75 0.875 0.75 0.875 0.75 0.625 0.5
#   7 different scores: error rate 4 2 1 1.143 0.143 0.286 0.429 0.571, counted 0.5 0.25 0.125 0.25 0.125 0.25 0.375 0.5
#   7 different scores: area under the curve 0.9375
#   2 different scores: accuracy 2 3 2, counted 0.5 0.75 0.5
#   2 different scores: error rate 4 1.5 2, counted 0.5 0.25 0.5
#   2 different scores: area under the curve 0.75
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts ml-performance@0.2.0
cat > try.js <<'JS'
const Performance = require('ml-performance');

const labels = [1, 1, 1, 0, 1, 0, 0, 0];
const rounded = list => list.map(v => Number(v.toFixed(3))).join(' ');
const lines = [];
for (const [name, scores] of [
  ['8 different scores', [0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1]],
  ['7 different scores', [0.9, 0.9, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1]],
  ['2 different scores', [0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1]],
]) {
  const got = new Performance([scores], [labels], { all: true, max: true });
  const thresholds = [Infinity, ...new Set(scores)]; // a sample is called positive from its threshold on
  const right = thresholds.map(t => scores.filter((s, i) => (s >= t) === (labels[i] === 1)).length / labels.length);
  lines.push(`${name}: accuracy ${rounded(got.getMeasure('acc'))}, counted ${rounded(right)}`);
  lines.push(`${name}: error rate ${rounded(got.getMeasure('err'))}, counted ${rounded(right.map(r => 1 - r))}`);
  lines.push(`${name}: area under the curve ${got.getAURC()}`);
}
console.log(lines.join('\n'));
const same = lines.join('\n') === `8 different scores: accuracy 0.5 0.625 0.75 0.875 0.75 0.875 0.75 0.625 0.5, counted 0.5 0.625 0.75 0.875 0.75 0.875 0.75 0.625 0.5
8 different scores: error rate 4 3 2 1 1.125 0.125 0.25 0.375 0.5, counted 0.5 0.375 0.25 0.125 0.25 0.125 0.25 0.375 0.5
8 different scores: area under the curve 0.9375
7 different scores: accuracy 0.571 0.857 1 0.857 1 0.857 0.714 0.571, counted 0.5 0.75 0.875 0.75 0.875 0.75 0.625 0.5
7 different scores: error rate 4 2 1 1.143 0.143 0.286 0.429 0.571, counted 0.5 0.25 0.125 0.25 0.125 0.25 0.375 0.5
7 different scores: area under the curve 0.9375
2 different scores: accuracy 2 3 2, counted 0.5 0.75 0.5
2 different scores: error rate 4 1.5 2, counted 0.5 0.25 0.5
2 different scores: area under the curve 0.75`;
console.log(same ? 'still so' : 'CHANGED');
process.exit(same ? 0 : 1);
JS
node try.js
