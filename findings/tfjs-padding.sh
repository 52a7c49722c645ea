#!/usr/bin/env bash
# TensorFlow.js: padding given as a number cuts off a part of the picture, or appends zeros, where
# stride, dilation or window are not the same for rows and columns.
#
# One would guess: tf.conv2d(x, w, [2, 1], 1) pads by one pixel on each side and gives
# 8 + 2 - 3 + 1 = 8 columns of 8, as PyTorch's padding=1 does; and padding 0 is "valid".
#
# What happens: the number of columns is computed by the stride and the window of the rows: of 8
# columns 4 come out, the left ones, and nothing has seen the right half. With stride [1, 2]
# the shape is 8 where 4 is meant, and the last four are what lies in the padding: zeros (a
# bias, had there been one). A window of 1 x 3 with padding 0 gets two columns too many, which
# "valid" does not give. Pooling goes the same way. The same padding written for each side
# ([[0, 0], [1, 1], [1, 1], [0, 0]]) is right. No error: shapes follow from it all the way.
#
# Why it matters: networks for sound and for signals stride and pool in one direction only
# (spectrograms: frequency by 2, time by 1), and whoever writes such a network of PyTorch's by
# hand for the browser has numbers as padding. Global pooling at the end hides the shape; what
# remains is a worse network, and a heat map that says the second half is never looked at.
#
# Shown on the backend "cpu"; shapes are computed in the core, for all of them. Known in part:
# tensorflow/tfjs#649 (2018, of windows and dilations; closed as nobody answered).
#
# Versions: @tensorflow/tfjs 4.22.0, Node.js 20.
# Checked on 30 Nov 2026. Output then (numbers 0 to 31 in 4 rows and 8 columns; the convolution
# keeps what its window's middle sees; sizes are rows x columns):
#   stride [1, 1], padding 1: 4 x 8, first row 0 1 2 3 4 5 6 7; meant 4 x 8, first row 0 1 2 3 4 5 6 7
#   stride [2, 1], padding 1: 2 x 4, first row 0 1 2 3; meant 2 x 8, first row 0 1 2 3 4 5 6 7
#   stride [1, 2], padding 1: 4 x 8, first row 0 2 4 6 0 0 0 0; meant 4 x 4, first row 0 2 4 6
#   maxPool, stride [2, 1], padding 1: 2 x 4, first row 9 10 11 12; meant 2 x 8, first row 9 10 11 12 13 14 15 15
#   avgPool, stride [2, 1], padding 0: 2 x 4, first row 4.5 5.5 6.5 7.5; meant 2 x 7, first row 4.5 5.5 6.5 7.5 8.5 9.5 10.5
#   window 1 x 3, padding 0: 4 x 8, first row 1 2 3 4 5 6 7 0; meant 4 x 6, first row 1 2 3 4 5 6
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @tensorflow/tfjs@4.22.0
cat > try.js <<'JS'
const tf = require('@tensorflow/tfjs');
const x = tf.range(0, 32).reshape([1, 4, 8, 1]);
const middle = (rows, columns) => {
  const w = Array(rows * columns).fill(0);
  w[(w.length - 1) / 2] = 1;
  return tf.tensor4d(w, [rows, columns, 1, 1]);
};
const sides = (rows, columns) => [[0, 0], [rows, rows], [columns, columns], [0, 0]];
const cases = [
  ['stride [1, 1], padding 1', tf.conv2d(x, middle(3, 3), 1, 1), tf.conv2d(x, middle(3, 3), 1, sides(1, 1))],
  ['stride [2, 1], padding 1', tf.conv2d(x, middle(3, 3), [2, 1], 1), tf.conv2d(x, middle(3, 3), [2, 1], sides(1, 1))],
  ['stride [1, 2], padding 1', tf.conv2d(x, middle(3, 3), [1, 2], 1), tf.conv2d(x, middle(3, 3), [1, 2], sides(1, 1))],
  ['maxPool, stride [2, 1], padding 1', tf.maxPool(x, 3, [2, 1], 1), tf.maxPool(x, 3, [2, 1], sides(1, 1))],
  ['avgPool, stride [2, 1], padding 0', tf.avgPool(x, 2, [2, 1], 0), tf.avgPool(x, 2, [2, 1], 'valid')],
  ['window 1 x 3, padding 0', tf.conv2d(x, middle(1, 3), 1, 0), tf.conv2d(x, middle(1, 3), 1, 'valid')],
];
(async () => {
  await tf.setBackend('cpu');
  const show = t => `${t.shape[1]} x ${t.shape[2]}, first row ${Array.from(t.dataSync()).slice(0, t.shape[2]).join(' ')}`;
  const lines = cases.map(([name, number, meant]) => `${name}: ${show(number)}; meant ${show(meant)}`);
  console.log(lines.join('\n'));
  const same = lines.join('\n') === `stride [1, 1], padding 1: 4 x 8, first row 0 1 2 3 4 5 6 7; meant 4 x 8, first row 0 1 2 3 4 5 6 7
stride [2, 1], padding 1: 2 x 4, first row 0 1 2 3; meant 2 x 8, first row 0 1 2 3 4 5 6 7
stride [1, 2], padding 1: 4 x 8, first row 0 2 4 6 0 0 0 0; meant 4 x 4, first row 0 2 4 6
maxPool, stride [2, 1], padding 1: 2 x 4, first row 9 10 11 12; meant 2 x 8, first row 9 10 11 12 13 14 15 15
avgPool, stride [2, 1], padding 0: 2 x 4, first row 4.5 5.5 6.5 7.5; meant 2 x 7, first row 4.5 5.5 6.5 7.5 8.5 9.5 10.5
window 1 x 3, padding 0: 4 x 8, first row 1 2 3 4 5 6 7 0; meant 4 x 6, first row 1 2 3 4 5 6`;
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.js
