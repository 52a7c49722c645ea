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
