#!/usr/bin/env bash
# TensorFlow.js: a Keras model with bilinear UpSampling2D puts things elsewhere than in Keras.
#
# One would guess: a layers model that Keras saved and tf.loadLayersModel reads computes
# what it computed there, up to rounding.
#
# What happens: the layer UpSampling2D with interpolation "bilinear" samples at i/2, as
# TensorFlow 1 did, where Keras (tf.image.resize, half-pixel centers, since TensorFlow 2)
# samples at i/2 - 1/4. Each doubling moves the picture by half a pixel of its result
# towards the upper left and repeats the last row and column; five in a row, as
# a segmentation's decoder from 1/32 has them, by 15.5 pixels. No warning. The operator
# below the layer can do either (resizeBilinear's last argument); the layer never asks.
#
# Why it matters: masks, heatmaps and boxes of such a network lie 16 pixels beside what
# they are of, which on pictures of 224 looks like a poor network; and the same weights
# converted to ONNX (Resize, half_pixel) differ from the browser's answers.
#
# Known elsewhere: tensorflow/tfjs#1729 (2019, open) and #4364 tell it of the operator.
#
# Versions: @tensorflow/tfjs 4.22.0 (the CPU's backend), Node.js 20. Checked on 30 Nov 2026. Output then:
#   UpSampling2D of 0 1 2 3         0 0.5 1 1.5 2 2.5 3 3
#   half-pixel centers              0 0.25 0.75 1.25 1.75 2.25 2.75 3
#   five layers, a dot's middle     128
#   the same, half-pixel centers    143.5
#   still so
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @tensorflow/tfjs@4.22.0
cat > try.cjs <<'JS'
console.log = (log => (...a) => /Hi, looks like you are running|^=+$/.test(String(a[0]).trim()) ? 0 : log(...a))(console.log);
console.warn = () => {};
const tf = require('@tensorflow/tfjs');
(async () => {
  await tf.setBackend('cpu');
  // A model as Keras 2 writes it to JSON.
  const model = (width, times) => tf.models.modelFromJSON({
    class_name: 'Sequential', keras_version: '2.15.0', backend: 'tensorflow',
    config: { name: 'up', layers: Array.from({ length: times }, (_, i) => ({
      class_name: 'UpSampling2D',
      config: { name: `up${i}`, trainable: true, dtype: 'float32', size: [1, 2], data_format: 'channels_last', interpolation: 'bilinear',
        ...(i ? {} : { batch_input_shape: [null, 1, width, 1] }) },
    })) },
  });
  const half = (x, times) => { for (; times; times--) x = tf.image.resizeBilinear(x, [1, 2 * x.shape[2]], false, true); return x; };
  const middle = y => { const d = y.dataSync(); let s = 0, w = 0; d.forEach((v, i) => { s += v * i; w += v; }); return Math.round(1000 * s / w) / 1000; };
  const lines = [];
  const show = (name, value) => { lines.push(String(value)); console.log(name.padEnd(31), value); };
  const row = tf.tensor4d([0, 1, 2, 3], [1, 1, 4, 1]);
  show('UpSampling2D of 0 1 2 3', Array.from((await model(4, 1)).predict(row).dataSync()).join(' '));
  show('half-pixel centers', Array.from(half(row, 1).dataSync()).join(' '));
  const dot = tf.tensor4d([0, 0, 0, 0, 1, 0, 0, 0], [1, 1, 8, 1]);
  show('five layers, a dot\'s middle', middle((await model(8, 5)).predict(dot)));
  show('the same, half-pixel centers', middle(half(dot, 5)));
  const same = lines.join(';') === '0 0.5 1 1.5 2 2.5 3 3;0 0.25 0.75 1.25 1.75 2.25 2.75 3;128;143.5';
  console.log(same ? 'still so' : 'CHANGED');
  process.exit(same ? 0 : 1);
})();
JS
node try.cjs
