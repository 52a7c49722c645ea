// A picture with its map: drawing, pointing, rectangles.
import { blob } from './api.js';
import { named, over, paint } from './field.js';

export class Panel {
  // told gets {x, y} in the network's pixels or null, and picked if they were clicked;
  // drawn gets a rectangle there, windowed the window of a scan while it is dragged, and once
  // more at the end of that.
  constructor(parent, told, drawn, picked, windowed) {
    this.picked = picked;
    this.windowed = windowed;
    this.told = told;
    this.drawn = drawn;
    this.figure = document.createElement('figure');
    this.figure.className = 'panel';
    this.figure.innerHTML = '<figcaption><b></b><span></span></figcaption><div class="frame"><p class="empty"></p><canvas class="below"></canvas><canvas class="top" tabindex="0" role="img"></canvas></div>';
    parent.append(this.figure);
    this.title = this.figure.querySelector('b');
    this.state = this.figure.querySelector('span');
    this.frame = this.figure.querySelector('.frame');
    this.empty = this.figure.querySelector('.empty');
    this.below = this.figure.querySelector('.below');
    this.top = this.figure.querySelector('.top');
    this.empty.textContent = 'Choose a picture below, open one, or drop one here.';
    new ResizeObserver(() => this.fit()).observe(this.frame);
    this.listen();
  }

  remove() { this.forget(); this.figure.remove(); }

  forget() {
    this.map?.cancel();
    this.part?.cancel();
    this.map = this.part = null;
  }

  setPicture(picture) {
    this.forget();
    this.picture = picture;
    this.seen = this.image = this.trace = this.scan = this.dicom = null;
    this.point = this.rect = null;
    for (const c of [this.below, this.top]) c.getContext('2d').clearRect(0, 0, c.width, c.height);
    this.title.textContent = picture.name;
    this.state.textContent = '';
  }

  // look shows the picture through a window, '' being the usual one.
  async look(window) {
    const { picture } = this, image = new Image();
    const url = URL.createObjectURL(await blob(`/api/pictures/${picture.id}/view?` + new URLSearchParams({ model: this.model, window })));
    try {
      image.src = url;
      await image.decode();
    } finally { URL.revokeObjectURL(url); }
    if (this.picture !== picture) return;
    this.image = image;
    this.window = window;
    this.empty.textContent = '';
    this.fit();
  }

  // setTrace shows a recording in the place of a picture.
  setTrace(trace) {
    this.trace = trace;
    this.empty.textContent = '';
    this.fit();
  }

  // fit puts the picture into the frame, as large as it can be; a recording takes all of it.
  fit() {
    if (this.trace) {
      const { clientWidth: width, clientHeight: height } = this.frame;
      for (const c of [this.below, this.top]) {
        Object.assign(c, { width, height });
        Object.assign(c.style, { left: 0, top: 0, width: `${width}px`, height: `${height}px` });
      }
      this.redraw();
      return;
    }
    if (!this.image) return;
    const { clientWidth: fw, clientHeight: fh } = this.frame;
    const k = Math.min(fw / this.image.naturalWidth, fh / this.image.naturalHeight);
    const w = Math.max(1, Math.round(this.image.naturalWidth * k)), h = Math.max(1, Math.round(this.image.naturalHeight * k));
    for (const c of [this.below, this.top]) {
      Object.assign(c, { width: w, height: h });
      Object.assign(c.style, { left: `${(fw - w) / 2}px`, top: `${(fh - h) / 2}px`, width: `${w}px`, height: `${h}px` });
    }
    this.below.getContext('2d').drawImage(this.image, 0, 0, w, h);
    this.redraw();
  }

  // field is the map with what was computed more closely laid over it.
  field() {
    const under = this.map?.importance();
    const part = this.part?.importance();
    if (!under || !part) return under || part || null;
    return over(under, part);
  }

  // lanes are fields of a recording's channels, null where they were hidden together.
  lanes() {
    const n = this.trace?.channels.length, under = n && this.map?.lanes(n), part = n && this.part?.lanes(n);
    if (!under || !part) return under || part || null;
    return under.map((f, i) => over(f, part[i]));
  }

  draw(scale, colors, opts) {
    this.last = [scale, colors, opts];
    this.redraw();
  }

  redraw() {
    if (this.trace) { this.redrawTrace(); return; }
    if (!this.image || !this.top.width) return;
    const g = this.top.getContext('2d');
    g.clearRect(0, 0, this.top.width, this.top.height);
    const field = this.field(), seen = this.map?.clean || this.part?.clean || this.seen;
    if (field && this.last) {
      const image = g.createImageData(this.top.width, this.top.height);
      paint(image, field, seen, ...this.last);
      g.putImageData(image, 0, 0);
    }
    if (this.seen?.boxes) this.boxes(g, this.seen);
    if (this.rect) this.outline(g, seen);
    if (this.point) this.cross(g, seen);
  }

  redrawTrace() {
    const below = this.below.getContext('2d'), g = this.top.getContext('2d');
    for (const c of [below, g]) c.clearRect(0, 0, this.top.width, this.top.height);
    const field = this.field(), seen = this.map?.clean || this.part?.clean;
    if (field && this.last) this.trace.behind(below, this.lanes() || [field], seen.input, ...this.last);
    this.trace.draw(g);
    if (this.rect) this.trace.outline(g, this.rect);
    if (this.point) this.trace.cross(g, this.point);
  }

  // toCanvas and toNetwork go from the network's pixels to those of the canvas and back.
  toCanvas(seen, x, y) {
    const [sx, sy, ox, oy] = seen.transform, [ph, pw] = seen.picture;
    return [(x * sx + ox) * this.top.width / pw, (y * sy + oy) * this.top.height / ph];
  }

  toNetwork(event) {
    const r = this.top.getBoundingClientRect();
    if (this.trace) return this.trace.fromCanvas(this.top, event.clientX - r.left, event.clientY - r.top);
    const seen = this.map?.clean || this.seen;
    if (!seen) return null;
    const [sx, sy, ox, oy] = seen.transform, [ph, pw] = seen.picture, [h, w] = seen.input;
    const x = ((event.clientX - r.left) / r.width * pw - ox) / sx, y = ((event.clientY - r.top) / r.height * ph - oy) / sy;
    return { x: Math.min(Math.max(x, 0), w - 0.01), y: Math.min(Math.max(y, 0), h - 0.01) };
  }

  // boxes draws what a detector found; the one that is mapped has a broad line.
  boxes(g, { boxes, picture: [ph, pw] }) {
    const kx = this.top.width / pw, ky = this.top.height / ph;
    g.font = '600 13px system-ui, sans-serif';
    for (const b of boxes.found) {
      const mapped = String(b.number) === this.chosen, x = b.x0 * kx, y = b.y0 * ky;
      for (const [width, color] of [[mapped ? 7 : 4, '#101010'], [mapped ? 4 : 1.5, mapped ? '#f0e442' : '#ffffff']]) {
        g.lineWidth = width;
        g.strokeStyle = color;
        g.strokeRect(x, y, (b.x1 - b.x0) * kx, (b.y1 - b.y0) * ky);
      }
      const text = `${b.number} ${named(b.label, b.class)}`;
      g.fillStyle = '#101010';
      g.fillRect(x, Math.max(0, y - 18), g.measureText(text).width + 8, 18);
      g.fillStyle = '#ffffff';
      g.fillText(text, x + 4, Math.max(13, y - 5));
    }
  }

  outline(g, seen) {
    if (!seen) return;
    const { x, y, w, h } = this.rect, [a, b] = this.toCanvas(seen, x, y), [c, d] = this.toCanvas(seen, x + w, y + h);
    for (const [width, color] of [[4, '#202020'], [2, '#ffffff']]) {
      g.lineWidth = width;
      g.strokeStyle = color;
      g.strokeRect(a, b, c - a, d - b);
    }
  }

  cross(g, seen) {
    if (!seen) return;
    const [x, y] = this.toCanvas(seen, this.point.x, this.point.y);
    for (const [width, color] of [[4, '#202020'], [2, '#ffffff']]) {
      g.lineWidth = width;
      g.strokeStyle = color;
      g.beginPath();
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) { g.moveTo(x + 4 * dx, y + 4 * dy); g.lineTo(x + 12 * dx, y + 12 * dy); }
      g.stroke();
    }
  }

  // says tells of what lies at a point of the network's.
  says(p) {
    if (this.trace) return this.trace.says(p);
    const place = `(${Math.floor(p.x)}, ${Math.floor(p.y)})`, seen = this.map?.clean || this.seen;
    if (!this.scan || !seen) return place;
    const [sx, sy, ox, oy] = seen.transform;
    return `${place}, ${this.scan.says(p.x * sx + ox, p.y * sy + oy)}`;
  }

  // changes says whether a drag changes the window of a scan: not with the shift key, which
  // draws a rectangle.
  changes(event) { return Boolean(this.scan) && document.body.classList.contains('windowing') && !document.body.classList.contains('drawing') && !event.shiftKey; }

  // follow changes the window while the pointer is dragged.
  follow(event) {
    const begun = { x: event.clientX, y: event.clientY }, first = this.windowed(this, null);
    let now = null;
    this.following = true;
    this.top.setPointerCapture(event.pointerId);
    const move = (e) => {
      now = this.scan.dragged(first, e.clientX - begun.x, e.clientY - begun.y);
      this.scan.draw(this.below.getContext('2d'), this.below.width, this.below.height, now);
      this.windowed(this, now);
    };
    const end = () => {
      this.top.removeEventListener('pointermove', move);
      if (now) this.windowed(this, now, true);
    };
    this.top.addEventListener('pointermove', move);
    for (const name of ['pointerup', 'pointercancel']) this.top.addEventListener(name, end, { once: true });
  }

  // between is the rectangle from one point of the network's to another.
  between(a, b) {
    if (this.trace) return this.trace.part(this.trace.sample(a), this.trace.sample(b));
    return { x: Math.floor(Math.min(a.x, b.x)), y: Math.floor(Math.min(a.y, b.y)), w: Math.ceil(Math.abs(b.x - a.x)), h: Math.ceil(Math.abs(b.y - a.y)) };
  }

  listen() {
    let from = null;
    this.top.addEventListener('pointerdown', (e) => {
      const drawing = document.body.classList.contains('drawing');
      if (e.button !== 0 || (e.pointerType === 'touch' && !drawing && !this.changes(e))) return;
      if (this.changes(e)) { this.follow(e); return; }
      from = this.toNetwork(e);
      if (from) this.top.setPointerCapture(e.pointerId);
    });
    this.top.addEventListener('pointermove', (e) => {
      const p = this.toNetwork(e);
      if (!p) return;
      this.point = null;
      if (from && Math.hypot(p.x - from.x, p.y - from.y) > 3) {
        this.rect = this.between(from, p);
        this.redraw();
      }
      this.told(this, p);
    });
    this.top.addEventListener('pointerup', (e) => {
      if (e.button !== 0) return;
      if (this.following) {
        this.following = false;
        return;
      }
      const p = this.toNetwork(e);
      const moved = from && p && Math.hypot(p.x - from.x, p.y - from.y) > 3;
      from = null;
      if (moved) this.drawn(this, this.rect);
      else if (p) { this.told(this, p); this.picked(this, p); }
    });
    this.top.addEventListener('pointerleave', () => { if (!from) this.told(this, null); });
    this.top.addEventListener('wheel', (e) => {
      if (!this.trace) return;
      e.preventDefault();
      this.zoom(Math.exp(e.deltaY / 400), this.trace.sample(this.toNetwork(e)));
    }, { passive: false });
    this.top.addEventListener('keydown', (e) => {
      const by = { '+': 0.5, '=': 0.5, '-': 2, 0: Infinity }[e.key];
      if (this.trace && by) {
        e.preventDefault();
        this.zoom(by, this.point ? this.trace.sample(this.point) : undefined);
        return;
      }
      const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
      const seen = this.map?.clean || this.seen;
      if (!move || !seen) return;
      e.preventDefault();
      if (this.trace) { this.step(move, e.shiftKey); return; }
      const [h, w] = seen.input, k = e.shiftKey ? 16 : 2;
      const p = this.point || { x: w / 2, y: h / 2 };
      this.point = { x: Math.min(Math.max(p.x + k * move[0], 0), w - 1), y: Math.min(Math.max(p.y + k * move[1], 0), h - 1) };
      this.redraw();
      this.told(this, this.point);
    });
  }

  // step moves along a recording by a two hundredth of what is shown, or a twentieth.
  step([dx], far) {
    const t = this.trace, at = this.point ? t.sample(this.point) : (t.from + t.to) / 2;
    const by = Math.max(1, Math.round((t.to - t.from) / (far ? 20 : 200)));
    const to = Math.min(Math.max(Math.round(at) + dx * by, 0), t.length - 1);
    this.point = t.point(to, 0);
    t.reveal(to);
    this.zoom(1);
    this.told(this, this.point);
  }

  // zoom makes the part of a recording that is shown so many times as long.
  zoom(by, at) {
    if (by === Infinity) this.trace.whole(); else if (by !== 1) this.trace.zoom(by, at);
    this.redraw();
    this.zoomed?.(this);
  }
}
