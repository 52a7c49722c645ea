// A DICOM file's frame in numbers: the window that is dragged, and the value at a point.
import { floats, get } from './api.js';
import { short } from './field.js';

export class Scan {
  // load gets the numbers of a picture, null where it has colours.
  static async load(picture) { return new Scan(await get(`/api/pictures/${picture.id}/numbers`)); }

  constructor({ width, height, step, numbers, inverted, windows, range }) {
    Object.assign(this, { width, height, step, inverted, windows, range, numbers: floats(numbers) });
    this.columns = Math.ceil(width / step);
    this.canvas = document.createElement('canvas');
    Object.assign(this.canvas, { width: this.columns, height: Math.ceil(height / step) });
  }

  // at is the number at a pixel of the picture, or at the nearest one that is known.
  at(x, y) {
    const near = (v, n) => Math.min(Math.max(Math.floor(v / this.step), 0), n - 1);
    return this.numbers[near(y, this.canvas.height) * this.columns + near(x, this.columns)];
  }

  // says tells of the number at a pixel.
  says(x, y) {
    const v = this.at(x, y);
    return Number.isNaN(v) ? 'padding' : `value ${short(v)}`;
  }

  // window gives centre and width of what is black and white.
  static window([black, white]) {
    const lo = Math.min(black, white), hi = Math.max(black, white);
    return { centre: (lo + hi + 1) / 2, width: hi - lo + 1 };
  }

  // dragged is a window after a drag by so many pixels: to the right it becomes wider, up
  // darker.
  dragged({ centre, width }, dx, dy) {
    const step = Math.max(this.range[1] - this.range[0], 1) / 512;
    const digits = step >= 1 ? 0 : Math.ceil(-Math.log10(step));
    const round = (v) => Number(v.toFixed(digits));
    return { centre: round(centre - dy * step), width: Math.max(round(width + dx * step), 1) };
  }

  // draw draws the frame through a window, as PS3.3's LINEAR has it.
  draw(g, width, height, { centre, width: w }) {
    const c = this.canvas.getContext('2d'), image = c.createImageData(this.canvas.width, this.canvas.height);
    const at = centre - 0.5, half = (w - 1) / 2;
    this.numbers.forEach((v, i) => {
      let level = v <= at - half ? 0 : v > at + half ? 1 : (v - at) / (w - 1) + 0.5;
      if (this.inverted) level = 1 - level;
      const gray = Number.isNaN(v) ? 0 : Math.round(255 * level);
      image.data.set([gray, gray, gray, 255], 4 * i);
    });
    c.putImageData(image, 0, 0);
    g.drawImage(this.canvas, 0, 0, width, height);
  }
}
