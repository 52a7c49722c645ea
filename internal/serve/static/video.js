// A video: its frames, and what is recognized in them as it comes.
import { blob, drop, get, listen, post } from './api.js';
import { named, short, time } from './field.js';

const $ = (id) => document.getElementById(id);

// Colours that the colour-blind can tell apart (Okabe and Ito), on dark outlines.
const palette = ['#56b4e9', '#e69f00', '#009e73', '#f0e442', '#cc79a7', '#d55e00', '#0072b2', '#ffffff'];
const colour = (key) => palette[key % palette.length];

export class VideoPage {
  // say shows what went wrong; model gives the number of the chosen model, and what it is.
  constructor(say, model) {
    Object.assign(this, { say, model, film: null, run: null, at: 0, wanted: 0, loading: false, follow: true, playing: false });
    this.canvas = $('frame');
    this.wire();
  }

  get open() { return this.film !== null; }

  // choose shows a video, if it is still wanted once it is there.
  async choose(file, wanted) {
    const film = await post('/api/videos?file=' + file);
    if (!wanted()) return;
    this.close();
    document.body.classList.add('watching');
    Object.assign(this, { film, at: -1, follow: true });
    $('picture-name').textContent = film.name;
    this.fitQuestion();
    this.length();
    this.show(0);
    this.render();
  }

  close() {
    this.stop();
    this.play(false);
    document.body.classList.remove('watching');
    Object.assign(this, { film: null, image: null, mask: null, at: -1 });
  }

  // fitQuestion shows what can be asked of the chosen model.
  fitQuestion() {
    const m = this.model();
    for (const e of document.querySelectorAll('[data-for]')) e.hidden = (e.dataset.for === 'boxes') !== m.detector;
    $('recognize').disabled = Boolean(m.no_videos);
    this.say(m.no_videos ? new Error(m.no_videos) : null);
  }

  // ---- recognizing

  question() {
    const q = {}, text = (id) => $(id).value.trim();
    const number = (key, id) => {
      if (text(id) === '') return;
      const v = Number(text(id));
      if (!Number.isFinite(v)) throw new Error(`${key.replace('_', ' ')}: ${text(id)} is no number.`);
      q[key] = v;
    };
    q.mode = text('v-mode');
    for (const key of ['every', 'verify_every']) number(key, 'v-' + key);
    for (const key of ['start', 'end']) if (text('v-' + key)) q[key] = text('v-' + key);
    if (q.mode === 'approximate') for (const key of ['tolerance', 'epsilon']) number(key, 'v-' + key);
    if (this.model().detector) {
      for (const key of ['min_score', 'iou']) number(key, 'v-' + key);
      if (text('v-classes')) q.classes = text('v-classes').split(',').map((c) => c.trim()).filter(Boolean);
    } else for (const key of ['top', 'smooth']) number(key, 'v-' + key);
    return q;
  }

  async recognize() {
    this.stop();
    const run = { state: 'asking', results: [], at: new Map(), done: 0, total: -1, begun: performance.now() };
    this.run = run;
    this.follow = true;
    this.play(false);
    this.render();
    try {
      const made = await post('/api/recognitions', { model: this.model().index, video: this.film.id, question: this.question() });
      if (this.run !== run) { drop('recognitions', made.id); return; }
      run.id = made.id;
    } catch (e) {
      if (this.run === run) this.run = null;
      this.render();
      throw e;
    }
    run.state = 'waiting';
    run.source = listen('/api/recognitions/' + run.id + '/events', {
      begun: (head) => { run.head ??= head; this.length(); },
      frames: (f) => this.take(run, f),
      done: (report) => { run.report = report; this.end(run, 'done'); },
      failed: (f) => this.end(run, 'failed', f.error),
      cancelled: () => this.end(run, 'cancelled'),
    }, (why) => this.end(run, 'failed', why));
    this.render();
  }

  take(run, f) {
    if (this.run !== run) return;
    Object.assign(run, { state: f.state, phase: f.phase, done: f.done, total: f.total, left: f.seconds_left, fps: f.frames_per_second, ahead: f.ahead });
    if (f.first !== run.results.length) return; // was told before
    for (const r of f.results || []) {
      run.at.set(r.frame, run.results.length);
      run.results.push(r);
    }
    if (f.results?.length) {
      this.length();
      if (this.follow) this.show(run.results.at(-1).frame);
    }
    this.render();
  }

  end(run, state, error) {
    run.source?.close();
    run.state = state;
    if (this.run !== run) return;
    if (state === 'failed') this.say(new Error(error));
    this.render();
    if (state === 'done') this.files().catch(this.say);
  }

  get under() { return this.run && !['done', 'failed', 'cancelled'].includes(this.run.state); }

  // stop lets go of the recognition, and of what is there of it.
  stop() {
    this.run?.source?.close();
    if (this.run?.id) drop('recognitions', this.run.id);
    this.run = null;
    this.mask = null;
    for (const id of ['watch-files', 'watch-notes']) $(id).replaceChildren();
    $('watch-command').value = '';
  }

  async cancel() {
    const run = this.run;
    if (!run) return;
    run.source?.close();
    if (run.id) drop('recognitions', run.id);
    this.end(run, 'cancelled');
  }

  async pause() { await post(`/api/recognitions/${this.run.id}/${this.run.state === 'paused' ? 'resume' : 'pause'}`); }

  async files() {
    const run = this.run, at = '/api/recognitions/' + run.id;
    const ending = { yolo: '.yolo.zip', mot: '.mot.txt', coco: '.coco.json', 'coco-results': '.coco-results.json', segments: '.segments.csv' };
    const link = (file, text, end) => {
      const a = Object.assign(document.createElement('a'), { href: `${at}/files/${file}`, textContent: text, className: 'button' });
      a.setAttribute('download', this.film.name.split('/').at(-1).replace(/\.[^.]*$/, '') + '.krypton' + end);
      return a;
    };
    const drawn = run.head.annotated, end = drawn.replace(/^annotated/, '');
    $('watch-files').replaceChildren(
      ...run.head.formats.map((f) => link('labels' + (ending[f] || '.' + f), f, ending[f] || '.' + f)),
      link(drawn, 'video', end), link(drawn + '?regions=true', 'video with what was recomputed', '.regions' + end));
    $('watch-notes').replaceChildren(...(run.report.notes || []).map((n) => Object.assign(document.createElement('p'), { textContent: n })));
    $('watch-command').value = (await get(at + '/command')).command;
  }

  // ---- frames

  // result is what is known of a frame: of the last one before it, where not all are asked for.
  result(n) {
    const run = this.run;
    if (!run?.results.length) return null;
    const i = run.at.get(n);
    if (i !== undefined) return run.results[i];
    let lo = 0, hi = run.results.length;
    while (lo < hi) {
      const mid = (lo + hi) >> 1;
      if (run.results[mid].frame <= n) lo = mid + 1; else hi = mid;
    }
    return lo ? run.results[lo - 1] : null;
  }

  // last is the number of the last frame that may be shown.
  last() {
    const seen = this.run?.results.at(-1)?.frame ?? 0;
    if (this.run?.state === 'done' && !this.run.head?.settings?.end) return seen;
    return Math.max(seen, this.film.frames - 1, 0);
  }

  length() {
    $('position').max = this.last();
    $('position').disabled = false;
  }

  // show loads a frame; while one is loaded, only the latest that is wanted waits.
  async show(n) {
    this.wanted = n;
    if (this.loading) return;
    this.loading = true;
    try {
      while (this.film && (this.wanted !== this.at || this.stale())) {
        const film = this.film, run = this.run, at = this.wanted;
        const masked = $('regions').checked && run?.id && run.at.has(at);
        const [image, mask] = await Promise.all([
          blob(`/api/videos/${film.id}/frames/${at}`).then(createImageBitmap),
          masked ? blob(`/api/recognitions/${run.id}/regions/${at}`).then(createImageBitmap) : null,
        ]);
        if (this.film !== film) return;
        Object.assign(this, { image, mask, masked: Boolean(masked), at });
        this.render();
      }
    } catch (e) {
      this.play(false);
      if (this.film) this.say(e);
    } finally { this.loading = false; }
  }

  // stale says that the frame that is shown lacks what was recomputed of it, or has it.
  stale() { return Boolean($('regions').checked && this.run?.id && this.run.at.has(this.at)) !== this.masked; }

  play(on) {
    this.playing = on;
    $('play').textContent = on ? 'Stop' : 'Play';
    clearInterval(this.clock);
    if (!on) return;
    this.follow = false;
    const fps = this.film.fps || 25, from = this.at >= this.last() ? 0 : Math.max(0, this.at), begun = performance.now();
    this.clock = setInterval(() => {
      const n = Math.min(this.last(), from + Math.floor((performance.now() - begun) / 1000 * fps)); // frames are left out where they come too late
      if (n !== this.wanted) this.show(n);
      if (n === this.last()) this.play(false);
    }, 1000 / Math.min(fps, 50));
  }

  step(by) {
    this.play(false);
    this.follow = false;
    this.show(Math.min(this.last(), Math.max(0, this.wanted + by)));
  }

  // ---- drawing

  render() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      if (!this.film) return;
      this.draw();
      this.tell();
      this.progress();
      this.strip();
    });
  }

  draw() {
    const { canvas, film, image } = this, [w, h] = film.shown;
    const box = canvas.parentElement, k = Math.min(box.clientWidth / w, box.clientHeight / h), ratio = devicePixelRatio || 1;
    Object.assign(canvas.style, { width: `${w * k}px`, height: `${h * k}px`, left: `${(box.clientWidth - w * k) / 2}px`, top: `${(box.clientHeight - h * k) / 2}px` });
    canvas.width = Math.max(1, Math.round(w * k * ratio));
    canvas.height = Math.max(1, Math.round(h * k * ratio));
    const g = canvas.getContext('2d');
    if (!image) return;
    g.drawImage(image, 0, 0, canvas.width, canvas.height);
    if (this.mask) {
      g.imageSmoothingEnabled = false;
      g.drawImage(this.mask, 0, 0, canvas.width, canvas.height);
    }
    const r = this.result(this.at), sx = canvas.width / film.width, sy = canvas.height / film.height;
    for (const o of r?.objects || []) this.box(g, o, sx, sy, ratio);
  }

  box(g, o, sx, sy, ratio) {
    const [x, y, w, h] = [o.x0 * sx, o.y0 * sy, (o.x1 - o.x0) * sx, (o.y1 - o.y0) * sy];
    for (const [width, style] of [[5, '#101010'], [2.5, colour(o.id || o.class)]]) {
      g.lineWidth = width * ratio;
      g.strokeStyle = style;
      g.strokeRect(x, y, w, h);
    }
    const text = `${named(o.label, o.class)}${o.id ? ' ' + o.id : ''}`, size = 13 * ratio;
    g.font = `600 ${size}px system-ui, sans-serif`;
    const wide = g.measureText(text).width + 8 * ratio, top = y > 1.5 * size ? y - 1.4 * size : y;
    g.fillStyle = '#101010';
    g.fillRect(x, top, wide, 1.4 * size);
    g.fillStyle = '#ffffff';
    g.fillText(text, x + 4 * ratio, top + 1.05 * size);
  }

  // tell lists what is in the frame, and how it was found.
  tell() {
    const r = this.result(this.at), m = this.model();
    const rows = (r?.objects || r?.labels || []).map((o) => ({ name: named(o.label, o.class) + (o.id ? ` ${o.id}` : ''), score: o.score }));
    $('frame-labels').replaceChildren(...rows.map(({ name, score }) => {
      const li = document.createElement('li'), a = document.createElement('span'), b = document.createElement('span');
      a.className = 'name'; a.textContent = name;
      b.className = 'value'; b.textContent = score === null ? 'no number' : short(score);
      li.style.setProperty('--share', Math.max(0, Math.min(1, score ?? 0)));
      li.append(a, b);
      return li;
    }));
    if (!rows.length) {
      const none = this.run?.results.length && r ? (m.detector ? 'Nothing is found in this frame.' : '') : 'Recognize what is in the video.';
      $('frame-labels').append(Object.assign(document.createElement('li'), { className: 'quiet', textContent: none }));
    }
    const seconds = r?.frame === this.at ? r.seconds : this.film.fps ? this.at / this.film.fps : 0;
    const how = !r || r.frame !== this.at ? '' : ({ skip: ': nothing changed', update: ': what changed was recomputed', whole: ': run whole' }[r.how] + (r.recomputed === null || r.how !== 'update' ? '' : `, ${short(100 * r.recomputed)} % of the work`) + (r.smoothed ? `; smoothed ${named(r.smoothed.label, r.smoothed.class)}` : ''));
    $('frame-text').textContent = `Frame ${Math.max(0, this.at)} of ${this.last() + 1}, ${seconds.toFixed(2)} s${how}`;
    if (document.activeElement !== $('position') || this.follow || this.playing) $('position').value = Math.max(0, this.at);
    $('position').setAttribute('aria-valuetext', $('frame-text').textContent);
    $('follow').setAttribute('aria-pressed', String(this.follow));
    this.canvas.setAttribute('aria-label', `${this.film.name}, ${$('frame-text').textContent}${rows.length ? '; ' + rows.map((x) => x.name).join(', ') : ''}`);
  }

  progress() {
    const run = this.run, on = this.under;
    $('watch-row').hidden = !on;
    $('recognize').textContent = run && !on ? 'Recognize anew' : 'Recognize';
    if (!run) { $('watch-state').textContent = `${this.film.frames >= 0 ? this.film.frames.toLocaleString('en') + ' frames' : 'frames unknown'}, ${this.film.width} × ${this.film.height}`; return; }
    if (!on) {
      const s = run.report;
      $('watch-state').textContent = s ? `${s.frames.toLocaleString('en')} frames, ${short(s.frames_per_second)} a second: ${s.frames_skipped} unchanged, ${s.frames_updated} updated, ${s.frames_whole} run whole` : run.state;
      return;
    }
    $('watch-state').textContent = '';
    if (run.total > 0) $('watch-progress').value = run.done / run.total; else $('watch-progress').removeAttribute('value');
    const what = { waiting: 'waiting for its turn', paused: 'paused', asking: '' }[run.state] ?? { opening: 'opening the video', tuning: 'choosing thresholds on the first frames', answering: `${run.done.toLocaleString('en')}${run.total > 0 ? ' of ' + run.total.toLocaleString('en') : ''} frames, ${short(Number((run.fps || 0).toPrecision(3)))} a second` }[run.phase] ?? '';
    $('watch-text').textContent = [what, run.state === 'running' && run.total > 0 && run.left > 0 ? time(run.left) + ' left' : '', run.ahead ? `${run.ahead} of others take turns` : ''].filter(Boolean).join(' · ');
    $('watch-pause').textContent = run.state === 'paused' ? 'Resume' : 'Pause';
    $('watch-pause').disabled = !run.id;
  }

  // strip draws what is where in the video: the best class of each frame, or how many objects.
  strip() {
    const c = $('timeline'), g = c.getContext('2d'), list = this.run?.results || [], n = this.last() + 1;
    c.width = Math.max(1, c.clientWidth);
    g.clearRect(0, 0, c.width, c.height);
    const columns = [];
    for (let x = 0; x < c.width && list.length; x++) {
      const frame = Math.floor(x / c.width * n);
      if (frame > list.at(-1).frame) break;
      columns.push(this.result(frame));
    }
    const most = Math.max(1, ...columns.map((r) => r?.objects?.length || 0));
    columns.forEach((r, x) => {
      const objects = r?.objects?.length || 0, best = r?.smoothed || r?.labels?.[0];
      if (!best && !objects) return;
      const h = c.height * (best ? Math.max(0.25, Math.min(1, best.score ?? 0)) : objects / most);
      g.fillStyle = best ? colour(best.class) : palette[0];
      g.fillRect(x, c.height - h, 1, h);
    });
    g.fillStyle = getComputedStyle(c).color;
    g.fillRect(Math.max(0, this.at) / n * c.width - 1, 0, 2, c.height);
  }

  // ---- controls

  wire() {
    const trying = (f) => async (...a) => { try { this.say(null); await f(...a); } catch (e) { this.say(e); } };
    $('recognize').onclick = trying(() => this.recognize());
    $('watch-cancel').onclick = trying(() => this.cancel());
    $('watch-pause').onclick = trying(() => this.pause());
    $('play').onclick = () => this.play(!this.playing);
    $('follow').onclick = () => {
      this.follow = !this.follow;
      this.play(false);
      if (this.follow && this.run?.results.length) this.show(this.run.results.at(-1).frame);
      this.render();
    };
    $('position').oninput = () => { this.play(false); this.follow = false; this.show(Number($('position').value)); };
    $('regions').onchange = () => this.show(this.wanted);
    $('v-mode').onchange = () => { $('v-thresholds').hidden = $('v-mode').value !== 'approximate'; };
    $('watch-copy').onclick = trying(() => navigator.clipboard.writeText($('watch-command').value));
    this.canvas.addEventListener('keydown', (e) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
      if (by) { e.preventDefault(); this.step(by * (e.shiftKey ? 10 : 1)); }
      if (e.key === ' ') { e.preventDefault(); this.play(!this.playing); }
    });
    $('timeline').addEventListener('pointerdown', (e) => {
      const r = $('timeline').getBoundingClientRect();
      this.play(false);
      this.follow = false;
      this.show(Math.min(this.last(), Math.floor((e.clientX - r.left) / r.width * (this.last() + 1))));
    });
    new ResizeObserver(() => this.render()).observe(this.canvas.parentElement);
    addEventListener('pagehide', () => { if (this.under && this.run.id) drop('recognitions', this.run.id); });
  }
}
