// A picture with its map: drawing, pointing, rectangles.
import { blob } from './api.js';
import { named, over, paint } from './field.js';

export class Panel {
  // told gets {x, y} in the network's pixels or null, and picked if they were clicked;
  // drawn gets a rectangle there.
  constructor(parent, told, drawn, picked) {
    this.picked = picked;
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

  async setPicture(picture) {
    this.forget();
    this.picture = picture;
    this.seen = this.image = null;
    this.point = this.rect = null;
    for (const c of [this.below, this.top]) c.getContext('2d').clearRect(0, 0, c.width, c.height);
    this.title.textContent = picture.name;
    this.state.textContent = '';
    const image = new Image(), url = URL.createObjectURL(await blob(`/api/pictures/${picture.id}/view?model=${this.model}`));
    try {
      image.src = url;
      await image.decode();
    } finally { URL.revokeObjectURL(url); }
    if (this.picture !== picture) return;
    this.image = image;
    this.empty.textContent = '';
    this.fit();
  }

  // fit puts the picture into the frame, as large as it can be.
  fit() {
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

  draw(scale, colors, opts) {
    this.last = [scale, colors, opts];
    this.redraw();
  }

  redraw() {
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

  // toCanvas and toNetwork go from the network's pixels to those of the canvas and back.
  toCanvas(seen, x, y) {
    const [sx, sy, ox, oy] = seen.transform, [ph, pw] = seen.picture;
    return [(x * sx + ox) * this.top.width / pw, (y * sy + oy) * this.top.height / ph];
  }

  toNetwork(event) {
    const seen = this.map?.clean || this.seen;
    if (!seen) return null;
    const r = this.top.getBoundingClientRect(), [sx, sy, ox, oy] = seen.transform, [ph, pw] = seen.picture, [h, w] = seen.input;
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

  listen() {
    let from = null;
    this.top.addEventListener('pointerdown', (e) => {
      const drawing = document.body.classList.contains('drawing');
      if (e.button !== 0 || (e.pointerType === 'touch' && !drawing)) return;
      from = this.toNetwork(e);
      if (from) this.top.setPointerCapture(e.pointerId);
    });
    this.top.addEventListener('pointermove', (e) => {
      const p = this.toNetwork(e);
      if (!p) return;
      this.point = null;
      if (from && Math.hypot(p.x - from.x, p.y - from.y) > 3) {
        this.rect = { x: Math.floor(Math.min(from.x, p.x)), y: Math.floor(Math.min(from.y, p.y)), w: Math.ceil(Math.abs(p.x - from.x)), h: Math.ceil(Math.abs(p.y - from.y)) };
        this.redraw();
      }
      this.told(this, p);
    });
    this.top.addEventListener('pointerup', (e) => {
      if (e.button !== 0) return;
      const p = this.toNetwork(e);
      const moved = from && p && Math.hypot(p.x - from.x, p.y - from.y) > 3;
      from = null;
      if (moved) this.drawn(this, this.rect);
      else if (p) { this.told(this, p); this.picked(this, p); }
    });
    this.top.addEventListener('pointerleave', () => { if (!from) this.told(this, null); });
    this.top.addEventListener('keydown', (e) => {
      const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
      const seen = this.map?.clean || this.seen;
      if (!move || !seen) return;
      e.preventDefault();
      const [h, w] = seen.input, k = e.shiftKey ? 16 : 2;
      const p = this.point || { x: w / 2, y: h / 2 };
      this.point = { x: Math.min(Math.max(p.x + k * move[0], 0), w - 1), y: Math.min(Math.max(p.y + k * move[1], 0), h - 1) };
      this.redraw();
      this.told(this, this.point);
    });
  }
}
