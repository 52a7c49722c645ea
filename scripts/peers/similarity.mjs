// Reads maps of scores and compares them.
import fs from 'node:fs';

// npy reads the scores of one class.
export function npy(file) {
  const b = fs.readFileSync(file);
  const n = b.readUInt16LE(8);
  const [h, w] = /'shape': \((\d+), (\d+)/.exec(b.toString('latin1', 10, 10 + n)).slice(1).map(Number);
  return { h, w, v: new Float32Array(new Uint8Array(b.subarray(10 + n)).buffer) };
}

const gaussian = (n, sigma) => normalized(Array.from({ length: n }, (_, i) => Math.exp(-((i - (n - 1) / 2) ** 2) / (2 * sigma ** 2))));
export const normalized = (w) => w.map((v) => v / w.reduce((x, y) => x + y));

// ssim is the mean structural similarity (Wang et al., 2004) where the window fits.
// norm multiplies variances and the covariance.
export function ssim(a, b, h, w, g, span, norm) {
  const c1 = (0.01 * span) ** 2;
  const c2 = (0.03 * span) ** 2;
  let sum = 0;
  let n = 0;
  for (let y = 0; y + g.length <= h; y++) {
    for (let x = 0; x + g.length <= w; x++) {
      const m = [0, 0, 0, 0, 0];
      for (let i = 0; i < g.length; i++) {
        for (let j = 0; j < g.length; j++) {
          const k = g[i] * g[j];
          const p = a[(y + i) * w + x + j];
          const q = b[(y + i) * w + x + j];
          m[0] += k * p; m[1] += k * q; m[2] += k * p * p; m[3] += k * q * q; m[4] += k * p * q;
        }
      }
      const [mp, mq] = m;
      const [vp, vq, cov] = [m[2] - mp * mp, m[3] - mq * mq, m[4] - mp * mq].map((v) => norm * v);
      sum += ((2 * mp * mq + c1) * (2 * cov + c2)) / ((mp * mp + mq * mq + c1) * (vp + vq + c2));
      n++;
    }
  }
  return sum / n;
}

export function ssimScores(a, b) {
  let lo = Infinity;
  let hi = -Infinity;
  for (const x of a.v) [lo, hi] = [Math.min(lo, x), Math.max(hi, x)];
  return ssim(a.v, b.v, a.h, a.w, gaussian(11, 1.5), hi - lo, 1);
}

// jet is matplotlib's segment data of the colour map.
const jet = [
  [[0, 0], [0.35, 0], [0.66, 1], [0.89, 1], [1, 0.5]],
  [[0, 0], [0.125, 0], [0.375, 1], [0.64, 1], [0.91, 0], [1, 0]],
  [[0, 0.5], [0.11, 1], [0.34, 1], [0.65, 0], [1, 0]],
];

// ssimRendered is the published system's: maps in reversed jet between 0.75 p and
// 1.25 p, windows of 7 x 7.
export function ssimRendered(a, b, p) {
  const [lo, hi] = [0.75 * p, Math.min(1, 1.25 * p)];
  const channel = (m, s) => Float64Array.from(m.v, (v) => {
    const t = Math.min(Math.max((v - lo) / (hi - lo), 0), 1);
    const at = 1 - Math.min(Math.floor(t * 256), 255) / 255;
    let k = 1;
    while (k < s.length - 1 && s[k][0] < at) k++;
    const [[x0, y0], [x1, y1]] = [s[k - 1], s[k]];
    return Math.round(255 * (y0 + ((y1 - y0) * (at - x0)) / (x1 - x0)));
  });
  const g = normalized(Array(7).fill(1));
  return jet.reduce((sum, s) => sum + ssim(channel(a, s), channel(b, s), a.h, a.w, g, 255, 49 / 48) / 3, 0);
}
