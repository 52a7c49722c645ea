// A strip: the maps of a long recording's windows below each other.
import { get, post, drop, listen, floats, ints } from './api.js';
import { named, short } from './field.js';
import { GrowingMap } from './map.js';
import { Trace } from './trace.js';

const usual = 130, least = 70, most = 700; // how high a window is, in pixels

export class Strip {
  // ask has model, picture, question and every, series is what the model reads; changed is
  // called whenever something came, opened with the number of a window that was chosen.
  constructor(parent, ask, series, changed, opened) {
    Object.assign(this, { parent, ask, series, changed, opened });
    Object.assign(this, { state: 'asking', done: 0, total: 0, left: 0, maps: [], rows: [], shown: new Map(), high: usual });
    parent.replaceChildren();
    this.near = new IntersectionObserver((all) => {
      for (const e of all) e.target.near = e.isIntersecting;
      this.load();
      this.redraw();
    }, { root: parent, rootMargin: '50%' });
    this.size = new ResizeObserver(() => this.redraw());
    this.size.observe(parent);
  }

  async start() {
    const made = await post('/api/strips', this.ask);
    if (this.state === 'cancelled') { drop('strips', made.id); return; }
    Object.assign(this, { id: made.id, state: 'waiting' });
    this.source = listen(`/api/strips/${this.id}/events`, {
      clean: (c) => this.begin(c),
      part: (p) => this.grow(p),
      done: (p) => { this.source.close(); this.grow(p); },
      failed: (p) => { this.grow(p); this.end('failed', p.error); },
      cancelled: (p) => this.end('cancelled', p.error),
    }, (why) => this.end('failed', why));
    this.changed(this);
  }

  begin(head) {
    if (this.head) return; // the stream was asked for again
    this.head = head;
    this.rows = head.windows.map((w, n) => {
      const b = document.createElement('button'), when = document.createElement('b'), what = document.createElement('span');
      const line = document.createElement('span'), canvas = document.createElement('canvas');
      when.textContent = this.clock(w.start);
      line.append(when, what);
      b.append(line, canvas);
      b.onclick = () => this.open(n);
      Object.assign(b, { what, canvas });
      this.near.observe(b);
      return b;
    });
    this.parent.replaceChildren(...this.rows);
    this.changed(this);
  }

  // clock writes a time of the recording.
  clock(t) { return this.head.unit === 'seconds' ? `${t.toFixed(3)} s` : String(t); }

  grow(p) {
    Object.assign(this, { state: p.state, done: p.done, total: p.total, left: p.seconds_left, ahead: p.ahead });
    p.windows.forEach((w, i) => {
      const n = p.first + i, row = this.rows[n];
      this.maps[n] = w;
      row.what.textContent = w.error || `${named(w.class.label, w.class.index)}  ${short(w.class.score)}`;
      row.classList.toggle('failed', Boolean(w.error));
    });
    this.load();
    this.changed(this);
  }

  end(state, error) {
    this.source?.close();
    Object.assign(this, { state, error: state === 'failed' ? error : '' });
    this.changed(this);
  }

  get over() { return ['done', 'failed', 'cancelled'].includes(this.state); }

  // range is the least and the greatest number of all maps.
  range() {
    const there = this.maps.filter((m) => m?.range);
    return there.length ? [Math.min(...there.map((m) => m.range[0])), Math.max(...there.map((m) => m.range[1]))] : null;
  }

  // load gets the windows that are looked at, one after the other; of others few are kept.
  async load() {
    if (this.loading || this.gone) return;
    const n = this.rows.findIndex((r, i) => r.near && this.maps[i]?.range && !this.shown.has(i));
    if (n < 0) return;
    this.loading = true;
    try {
      await this.window(n);
    } catch (e) {
      this.maps[n] = { error: e.message };
      this.rows[n].what.textContent = e.message;
    } finally { this.loading = false; }
    this.redraw();
    this.load();
  }

  // window is what is shown of one.
  async window(n) {
    if (!this.shown.has(n)) {
      const got = await get(`/api/strips/${this.id}/windows/${n}`);
      this.shown.set(n, { trace: new Trace(got.trace, this.series), map: new WindowMap(this, got) });
      for (const old of this.shown.keys()) {
        if (this.shown.size <= mostShown) break;
        if (!this.rows[old].near) this.shown.delete(old);
      }
    }
    return this.shown.get(n);
  }

  async open(n) {
    if (this.maps[n]?.range) this.opened(n, await this.window(n));
  }

  // holding finds the window that a time of the recording lies in, the one in whose middle it is
  // most.
  async holding(time) {
    const { trace } = await this.window(this.maps.findIndex((m) => m?.range)), half = trace.length / (trace.rate || 1) / 2;
    const far = (n) => (this.maps[n]?.range ? Math.abs(this.head.windows[n].start + half - time) : Infinity);
    return this.rows.reduce((best, _, n) => (far(n) < far(best) ? n : best), 0);
  }

  draw(scale, colors, opts) {
    this.last = [scale, colors, opts];
    this.redraw();
  }

  redraw() {
    if (!this.last) return;
    const [scale, , { alpha }] = this.last, width = this.parent.clientWidth - 16;
    for (const [n, row] of this.rows.entries()) {
      row.style.height = `${this.high}px`;
      const shown = this.shown.get(n), key = JSON.stringify([scale, alpha, width, this.high]);
      if (!row.near || !shown || row.key === key || width < 1) continue;
      row.key = key;
      Object.assign(row.canvas, { width, height: this.high - 24 });
      const g = row.canvas.getContext('2d'), { trace, map } = shown;
      trace.behind(g, map.lanes(trace.channels.length) || [map.importance()], map.clean.input, ...this.last);
      trace.draw(g);
    }
  }

  // zoom makes windows so many times as high, Infinity as high as usual.
  zoom(by) {
    const at = this.parent.scrollTop / this.high;
    this.high = by === Infinity ? usual : Math.round(Math.min(most, Math.max(least, this.high * by)));
    this.redraw();
    this.parent.scrollTop = at * this.high;
  }

  // reveal scrolls to a window.
  reveal(n) { this.parent.scrollTop = n * this.high - this.parent.clientHeight / 3; }

  // says tells of what there is.
  says() {
    const bad = this.maps.filter((m) => m?.error).length;
    return this.head ? `${this.head.windows.length} windows, every ${this.ask.every}${bad ? `; ${bad} without an answer` : ''}` : '';
  }

  scroll(share) { this.parent.scrollBy({ top: share * this.parent.clientHeight }); }

  // file is where a download of the strip is.
  file(name, style) { return `/api/strips/${this.id}/${name}?` + new URLSearchParams(style); }

  pause(on) { return post(`/api/strips/${this.id}/${on ? 'pause' : 'resume'}`); }

  cancel() {
    this.source?.close();
    if (this.id) drop('strips', this.id);
    if (!this.over) this.end('cancelled');
  }

  remove() {
    this.gone = true;
    this.changed = () => {};
    this.cancel();
    this.near.disconnect();
    this.size.disconnect();
    this.parent.replaceChildren();
  }
}
const mostShown = 64;

// WindowMap is the map of a window, which is there.
class WindowMap extends GrowingMap {
  constructor(strip, { clean, scores, lanes, winners }) {
    super(strip.ask, () => {});
    Object.assign(this, { strip, state: 'done', clean, base: clean.classes[0].score, grids: clean.maps });
    Object.assign(this, { scores: [floats(scores[0])], laneScores: lanes?.map(floats), winners: [ints(winners)], summary: {} });
  }

  file(name, style) { return this.strip.file(name, style); }

  cancel() {} // it is the strip's
}
