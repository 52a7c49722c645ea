// A recording: channels below each other over time, with a map behind them.
import { floats } from './api.js';
import { short, ticks } from './field.js';

const left = 104, bottom = 34, top = 6, right = 10;

export class Trace {
  // of is what the server says of the recording, series what its model reads.
  constructor({ rate, start, channels }, series) {
    Object.assign(this, { rate, start, series });
    this.channels = channels.map((c) => ({ name: c.name, unit: c.unit, samples: floats(c.samples) }));
    for (const c of this.channels) {
      c.lo = c.samples.reduce((a, b) => Math.min(a, b), Infinity);
      c.hi = c.samples.reduce((a, b) => Math.max(a, b), -Infinity);
    }
    this.length = this.channels[0].samples.length;
    this.whole();
  }

  // from and to are the samples that are shown.
  whole() { Object.assign(this, { from: 0, to: this.length }); }

  get isWhole() { return this.from === 0 && this.to === this.length; }

  // show shows a part, as far as there is one.
  show(from, to) {
    const n = Math.min(Math.max(to - from, 8), this.length);
    this.from = Math.min(Math.max(from, 0), this.length - n);
    this.to = this.from + n;
  }

  // zoom makes what is shown so many times as long, and keeps a sample where it is.
  zoom(by, at = (this.from + this.to) / 2) {
    const share = (at - this.from) / (this.to - this.from), n = (this.to - this.from) * by;
    this.show(at - share * n, at + (1 - share) * n);
  }

  // scroll moves by a share of what is shown.
  scroll(share) {
    const by = share * (this.to - this.from);
    this.show(this.from + by, this.to + by);
  }

  // reveal scrolls until a sample is shown.
  reveal(t) {
    const n = this.to - this.from;
    if (t < this.from || t >= this.to) this.show(t - n / 2, t + n / 2);
  }

  time(t) { return this.start + t / (this.rate || 1); }

  get unit() { return this.rate ? 's' : 'samples'; }

  clock(t) {
    const step = 1 / (this.rate || 1), digits = Math.min(6, Math.max(0, Math.ceil(-Math.log10(step))));
    return `${this.time(t).toFixed(digits)} ${this.rate ? 's' : ''}`.trim();
  }

  // place is the sample of a point of the network's input, and the other way round.
  sample(p) { return this.series.time_down ? p.y : p.x; }
  row(p) { return this.series.time_down ? p.x : p.y; }
  point(t, row) { return this.series.time_down ? { x: row, y: t } : { x: t, y: row }; }

  // part is a rectangle of the network's from one sample to another, over all rows.
  part(a, b) {
    const t = Math.max(0, Math.floor(Math.min(a, b))), n = Math.min(Math.ceil(Math.abs(b - a)), this.length - t), rows = this.series.rows;
    return this.series.time_down ? { x: 0, y: t, w: rows, h: n } : { x: t, y: 0, w: n, h: rows };
  }

  // says tells of the sample at a point.
  says(p) {
    const t = Math.min(Math.floor(this.sample(p)), this.length - 1);
    const values = this.channels.slice(0, mostSaid).map((c) => `${c.name || 'channel'} ${short(c.samples[t])} ${c.unit}`.trim());
    return `${this.clock(t)}: ${values.join(', ')}${this.channels.length > mostSaid ? ', …' : ''}`;
  }

  plot(canvas) {
    const w = Math.max(canvas.width - left - right, 1), h = Math.max(canvas.height - top - bottom, 1);
    return { w, h, each: h / this.channels.length };
  }

  toCanvas(canvas, t) {
    const { w } = this.plot(canvas);
    return left + (t - this.from) / (this.to - this.from) * w;
  }

  // fromCanvas is the point of the network's input at a place of the canvas.
  fromCanvas(canvas, x, y) {
    const { w, each } = this.plot(canvas);
    const t = this.from + Math.min(Math.max((x - left) / w, 0), 1) * (this.to - this.from);
    const channel = Math.min(Math.max(Math.floor((y - top) / each), 0), this.channels.length - 1);
    return this.point(Math.min(t, this.length - 0.01), this.series.rows === this.channels.length ? channel : 0);
  }

  // behind draws maps, one for each channel or one for all: a column for each pixel, in each
  // channel's row.
  behind(g, fields, input, scale, colors, { alpha }) {
    const canvas = g.canvas, { w, each } = this.plot(canvas);
    const most = Math.max(Math.abs(scale.lo), Math.abs(scale.hi)), per = (this.to - this.from) / w;
    for (let i = 0; i < this.channels.length; i++) {
      const row = this.series.rows === this.channels.length ? i : 0, field = fields[fields.length > 1 ? i : 0];
      for (let x = 0; x < w; x++) {
        const t = Math.min(Math.floor(this.from + (x + 0.5) * per), this.length - 1);
        const v = field[this.series.time_down ? t * input[1] + row : row * input[1] + t];
        if (Number.isNaN(v)) continue;
        const c = colors[Math.round(255 * Math.min(1, Math.max(0, (v - scale.lo) / (scale.hi - scale.lo))))];
        g.fillStyle = `rgb(${c.join(',')})`;
        g.globalAlpha = alpha * Math.sqrt(Math.min(1, Math.abs(v) / most));
        g.fillRect(left + x, top + i * each, 1, each);
      }
    }
    g.globalAlpha = 1;
  }

  // draw draws channels and axes.
  draw(g) {
    const canvas = g.canvas, { w, h, each } = this.plot(canvas), css = getComputedStyle(canvas);
    const colour = (name) => css.getPropertyValue(name);
    g.font = '12px system-ui, sans-serif';
    g.textAlign = 'center';
    for (const v of ticks({ lo: this.time(this.from), hi: this.time(this.to) })) {
      const x = Math.round(this.toCanvas(canvas, (v - this.start) * (this.rate || 1)));
      g.fillStyle = colour('--line');
      g.fillRect(x, top, 1, h + 4);
      g.fillStyle = colour('--quiet');
      g.fillText(String(Number(v.toPrecision(6))), Math.min(x, canvas.width - 18), top + h + 17);
    }
    g.fillText(this.rate ? 'seconds' : 'samples', left + w / 2, top + h + 31);
    g.textAlign = 'left';
    this.channels.forEach((c, i) => {
      const y = top + i * each;
      g.fillStyle = colour('--line');
      g.fillRect(left, Math.round(y), w, 1);
      g.fillStyle = colour('--ink');
      g.fillText(c.name || `channel ${i + 1}`, 6, y + each / 2, left - 12);
      g.fillStyle = colour('--quiet');
      if (each > 30) g.fillText(`${short(c.lo)} to ${short(c.hi)} ${c.unit}`, 6, y + each / 2 + 14, left - 12);
      this.line(g, c, y, each, w);
    });
  }

  // line draws a channel: of each column from the least to the greatest sample in it.
  line(g, c, y, each, w) {
    const span = c.hi > c.lo ? c.hi - c.lo : 1, room = 4, height = each - 2 * room;
    const row = (v) => y + room + (1 - (v - c.lo) / span) * height, per = (this.to - this.from) / w;
    g.strokeStyle = getComputedStyle(g.canvas).getPropertyValue('--ink');
    g.lineWidth = 1.2;
    g.beginPath();
    if (per <= 1) { // a corner for each sample
      for (let t = Math.max(0, Math.floor(this.from)); t < Math.min(this.length, Math.ceil(this.to) + 1); t++) g.lineTo(Math.min(Math.max(left + (t + 0.5 - this.from) / per, left), left + w), row(c.samples[t]));
      g.stroke();
      return;
    }
    for (let x = 0; x < w; x++) {
      const a = Math.floor(this.from + x * per), b = Math.min(Math.max(a + 1, Math.floor(this.from + (x + 1) * per)), this.length);
      let lo = Infinity, hi = -Infinity;
      for (let t = a; t < b; t++) { lo = Math.min(lo, c.samples[t]); hi = Math.max(hi, c.samples[t]); }
      if (lo > hi) continue;
      g.lineTo(left + x + 0.5, row(c.samples[a]));
      g.lineTo(left + x + 0.5, row(lo));
      g.lineTo(left + x + 0.5, row(hi));
      g.lineTo(left + x + 0.5, row(c.samples[b - 1]));
    }
    g.stroke();
  }

  // outline marks a part, and cross a sample.
  outline(g, part) {
    const [t, n] = this.series.time_down ? [part.y, part.h] : [part.x, part.w], { w, h } = this.plot(g.canvas);
    const at = (v) => Math.min(Math.max(this.toCanvas(g.canvas, v), left), left + w);
    this.mark(g, () => g.strokeRect(at(t), top + 1, at(t + n) - at(t), h - 2));
  }

  cross(g, point) {
    const x = this.toCanvas(g.canvas, this.sample(point) + 0.5), { h } = this.plot(g.canvas);
    this.mark(g, () => { g.beginPath(); g.moveTo(x, top); g.lineTo(x, top + h); g.stroke(); });
  }

  mark(g, draw) {
    for (const [width, colour] of [[4, '#202020'], [2, '#ffffff']]) {
      g.lineWidth = width;
      g.strokeStyle = colour;
      draw();
    }
  }
}

// mostSaid is how many channels' samples are told of.
const mostSaid = 4;
