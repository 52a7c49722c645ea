// What a map means at each pixel, and in which colour it is shown: the same arithmetic
// as the program's own heatmaps, so that what is looked at is what is downloaded.

// importance spreads the score drops of a grid over the network's pixels: the mean over
// the patches that cover each, NaN where none does. A position that is not there yet
// takes the score of the next coarser one that is. Pixels that a shape covers in part count
// in part.
export function importance(grid, scores, base, input) {
  const [h, w] = input, { ys, xs, patch } = grid, sw = w + 1;
  const sum = new Float64Array((h + 1) * sw), count = new Float64Array((h + 1) * sw);
  const n = xs.length, stamp = grid.shape?.weights && weights(grid.shape);
  for (let r = 0; r < ys.length; r++) {
    for (let c = 0; c < n; c++) {
      let s = scores[r * n + c];
      for (let step = 2; s === undefined || Number.isNaN(s); step *= 2) {
        s = scores[(r - r % step) * n + (c - c % step)];
        if (step > 4096) break;
      }
      const d = base - s;
      if (!Number.isFinite(d)) continue;
      if (stamp) {
        stamped(stamp, ys[r], xs[c], d, h, w, sum, count);
        continue;
      }
      const y = ys[r], x = xs[c], y1 = Math.min(h, y + patch[0]), x1 = Math.min(w, x + patch[1]);
      for (const [at, sign] of [[y * sw + x, 1], [y * sw + x1, -1], [y1 * sw + x, -1], [y1 * sw + x1, 1]]) {
        sum[at] += sign * d;
        count[at] += sign;
      }
    }
  }
  const out = new Float64Array(h * w);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const at = y * sw + x;
      if (stamp) {
        out[y * w + x] = sum[at] / count[at]; // 0/0 is NaN
        continue;
      }
      for (const a of [sum, count]) {
        if (x > 0) a[at] += a[at - 1];
        if (y > 0) a[at] += a[at - sw];
        if (x > 0 && y > 0) a[at] -= a[at - sw - 1];
      }
      const k = Math.round(count[at]);
      out[y * w + x] = k < 1 ? NaN : sum[at] / k;
    }
  }
  return out;
}

// segments gives each pixel its segment's drop, NaN where that is not there.
export function segments(labels, scores, base) {
  const out = new Float64Array(labels.length);
  labels.forEach((l, i) => { out[i] = l < 0 ? NaN : base - scores[l]; });
  return out;
}

// RandomMasks makes the map of the masks that are there: at each pixel the mean score of
// those that keep it, by how much, less the mean of all.
export class RandomMasks {
  constructor({ region, cells, pixels, keep, kept, shifts }, input) {
    const [x, y, w, h] = region.split(',').map(Number), each = cells[0] * cells[1];
    Object.assign(this, { x, y, w, h, cells, keep, each, input, next: 0, n: 0, total: 0 });
    this.bits = atob(kept);
    const d = new DataView(Uint8Array.from(atob(shifts), (c) => c.charCodeAt(0)).buffer);
    this.shift = (i, axis) => d.getInt32(8 * i + 4 * axis, true);
    this.up = [0, 1].map((a) => this.enlarged(cells[a], pixels[a]));
    this.sum = new Float64Array(w * h);
    this.added = [];
  }

  // enlarged says of which cell, and by how much of the next one, each pixel of an axis is.
  enlarged(n, pixels) {
    const out = (n + 1) * pixels;
    return Array.from({ length: out }, (_, o) => {
      const at = Math.max((o + 0.5) * n / out - 0.5, 0), lo = Math.floor(at);
      return lo >= n - 1 ? [n - 1, 0] : [lo, at - lo];
    });
  }

  cell(i) { return (this.bits.charCodeAt(i >> 3) >> (i & 7)) & 1; }

  // add counts the mask i.
  add(i, score) {
    const [rows, cols] = this.cells, line = new Float64Array(cols), dx = this.shift(i, 1);
    for (let y = 0; y < this.h; y++) {
      const [lo, share] = this.up[0][y + this.shift(i, 0)], hi = Math.min(lo + 1, rows - 1);
      for (let c = 0; c < cols; c++) {
        const a = this.cell(i * this.each + lo * cols + c), b = this.cell(i * this.each + hi * cols + c);
        line[c] = a + (b - a) * share;
      }
      for (let x = 0, at = y * this.w; x < this.w; x++, at++) {
        const [l, f] = this.up[1][x + dx];
        this.sum[at] += score * (line[l] + (line[Math.min(l + 1, cols - 1)] - line[l]) * f);
      }
    }
    this.n++;
    this.total += score;
  }

  // field is the map of the masks with a score, of which it takes a few more each time: the
  // page stays quick.
  field(scores) {
    for (let i = 0, few = 0; i < scores.length && few < mostMasks; i++) {
      if (this.added[i] || Number.isNaN(scores[i])) continue;
      this.added[i] = true;
      this.add(i, scores[i]);
      few++;
    }
    const [h, w] = this.input, out = new Float64Array(h * w).fill(NaN);
    if (!this.n) return out;
    this.sum.forEach((v, i) => { out[(this.y + Math.floor(i / this.w)) * w + this.x + i % this.w] = v / (this.n * this.keep) - this.total / this.n; });
    return out;
  }
}
const mostMasks = 64;

// weights says how much a shape covers of each pixel around a position.
function weights(shape) {
  const [h, w] = shape.covers, [y, x] = shape.offset;
  return { y, x, h, w, of: Uint8Array.from(atob(shape.weights), (c) => c.charCodeAt(0)) };
}

// stamped adds a drop to the sums of the pixels that a stamp covers.
function stamped(stamp, py, px, d, h, w, sum, count) {
  for (let y = Math.max(0, py + stamp.y); y < Math.min(h, py + stamp.y + stamp.h); y++) {
    for (let x = Math.max(0, px + stamp.x); x < Math.min(w, px + stamp.x + stamp.w); x++) {
      const v = stamp.of[(y - py - stamp.y) * stamp.w + x - px - stamp.x], at = y * (w + 1) + x;
      sum[at] += v * d;
      count[at] += v;
    }
  }
}

// mean is that of several maps at each pixel, of those that have a number there.
export function mean(fields) {
  if (fields.length === 1) return fields[0];
  const out = new Float64Array(fields[0].length);
  for (let i = 0; i < out.length; i++) {
    let sum = 0, n = 0;
    for (const f of fields) if (!Number.isNaN(f[i])) { sum += f[i]; n++; }
    out[i] = sum / n; // 0/0 is NaN
  }
  return out;
}

// over lays a map of a part over another: what it has counts.
export function over(under, part) {
  const out = under.slice();
  for (let i = 0; i < out.length; i++) if (!Number.isNaN(part[i])) out[i] = part[i];
  return out;
}

// span is the range of some maps together, with zero.
export function span(fields) {
  let lo = 0, hi = 0;
  for (const f of fields) for (const v of f) { if (v < lo) lo = v; if (v > hi) hi = v; }
  return [lo, hi];
}

// scaleOf chooses colours and their range: two colours around zero where hiding raises
// the score somewhere by more than a tenth of the largest drop; reds behind recordings.
export function scaleOf(fields, colormap, fixed, behind) {
  let [lo, hi] = span(fields);
  if (colormap === 'auto') colormap = -lo > 0.1 * hi ? 'bluered' : behind ? 'reds' : 'blackbody';
  if (colormap === 'bluered') { hi = Math.max(hi, -lo); lo = -hi; } else lo = 0;
  if (fixed) [lo, hi] = fixed;
  if (!(hi > lo)) hi = lo + 1e-6;
  return { colormap, lo, hi };
}

// cut is the drop from which on a pixel belongs to a level: a share of the pixels, or the
// drop itself.
export function cut(level, field) {
  const falling = [...field].filter((v) => !Number.isNaN(v)).sort((a, b) => b - a);
  if (!falling.length || falling[0] <= 0) return Infinity;
  if (!level.share) return level.value;
  const n = Math.min(falling.length, Math.max(1, Math.round(level.value * falling.length)));
  const least = falling[n - 1];
  if (least <= 0) return falling[falling.findIndex((d) => d <= 0) - 1] / 2;
  for (let i = n; i < falling.length; i++) if (falling[i] < least) return Math.max(least + falling[i], least) / 2;
  return least / 2;
}

// levels reads "10%, 0.05"; null if it is none.
export function levels(text) {
  const out = [];
  for (const part of text.split(',').map((t) => t.trim()).filter(Boolean)) {
    const share = part.endsWith('%'), value = Number(share ? part.slice(0, -1) : part);
    if (!(value > 0) || !Number.isFinite(value) || (share && value > 100)) return null;
    out.push({ share, value: share ? value / 100 : value });
  }
  return out.length > 16 ? null : out;
}

// sample reads a field at a point, smoothed between pixels or not.
function sample(field, w, h, x, y, blocks) {
  const own = field[Math.floor(y) * w + Math.floor(x)];
  if (blocks || Number.isNaN(own)) return own;
  x = Math.min(Math.max(x - 0.5, 0), w - 1);
  y = Math.min(Math.max(y - 0.5, 0), h - 1);
  const xi = Math.floor(x), yi = Math.floor(y), fx = x - xi, fy = y - yi;
  const x1 = Math.min(xi + 1, w - 1), y1 = Math.min(yi + 1, h - 1);
  const at = (yy, xx) => { const v = field[yy * w + xx]; return Number.isNaN(v) ? own : v; };
  return (at(yi, xi) * (1 - fx) + at(yi, x1) * fx) * (1 - fy) + (at(y1, xi) * (1 - fx) + at(y1, x1) * fx) * fy;
}

// paint draws a map into an image of the size of the picture as it is shown.
export function paint(image, field, seen, scale, colors, opts) {
  const { input: [h, w], transform: [sx, sy, ox, oy], picture: [ph, pw] } = seen;
  const kx = pw / image.width, ky = ph / image.height;
  const most = Math.max(Math.abs(scale.lo), Math.abs(scale.hi));
  const values = new Float32Array(image.width * image.height).fill(NaN);
  for (let y = 0, i = 0; y < image.height; y++) {
    const ny = ((y + 0.5) * ky - oy) / sy;
    for (let x = 0; x < image.width; x++, i++) {
      const nx = ((x + 0.5) * kx - ox) / sx;
      if (nx < 0 || ny < 0 || nx >= w || ny >= h) continue;
      const v = sample(field, w, h, nx, ny, opts.blocks);
      if (Number.isNaN(v)) continue;
      values[i] = v;
      const c = colors[Math.round(255 * Math.min(1, Math.max(0, (v - scale.lo) / (scale.hi - scale.lo))))];
      image.data.set(c, 4 * i);
      image.data[4 * i + 3] = Math.round(255 * opts.alpha * Math.sqrt(Math.min(1, Math.abs(v) / most)));
    }
  }
  for (const level of opts.contours) contour(image, values, cut(level, field));
}

// contour draws a light line between two dark ones around what reaches the cut.
function contour(image, values, at) {
  const { width: w, height: h } = image, edge = [];
  const inside = (x, y) => values[y * w + x] >= at;
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      if (inside(x, y) && ((x > 0 && !inside(x - 1, y)) || (x + 1 < w && !inside(x + 1, y)) || (y > 0 && !inside(x, y - 1)) || (y + 1 < h && !inside(x, y + 1)))) edge.push([x, y]);
    }
  }
  for (const [radius, shade] of [[2, 32], [1, 255]]) {
    for (const [px, py] of edge) {
      for (let dy = -radius; dy <= radius; dy++) {
        for (let dx = -radius; dx <= radius; dx++) {
          const x = px + dx, y = py + dy;
          if (dx * dx + dy * dy <= radius * radius && x >= 0 && y >= 0 && x < w && y < h) image.data.set([shade, shade, shade, 255], 4 * (y * w + x));
        }
      }
    }
  }
}

// ticks are round numbers that divide a range in about five.
export function ticks({ lo, hi }) {
  const rough = (hi - lo) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((s) => s >= rough) || rough;
  const out = [];
  // A step may be too small to be added to a large number.
  for (let i = Math.ceil(lo / step); i * step <= hi + step / 1e6 && out.length < 20; i++) out.push(i * step || 0);
  return out;
}

// short writes a number with three digits.
export function short(v) {
  if (!Number.isFinite(v)) return String(v);
  return String(Number(v.toPrecision(3)));
}

// named is what a class is called, by its label where it has one.
export const named = (label, index) => label || `class ${index}`;

// time writes seconds as people say them.
export function time(s) {
  if (s < 1) return `${Math.max(0.1, s).toFixed(1)} s`;
  if (s < 90) return `${Math.round(s)} s`;
  return s < 5400 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`;
}
