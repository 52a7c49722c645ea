// A map that grows while the server computes it, and is read anew when it is there.
import { get, post, drop, listen, floats, ints } from './api.js';
import { importance, mean, segments, RandomMasks } from './field.js';

export class GrowingMap {
  // ask has model, picture and question; changed is called whenever something came.
  constructor(ask, changed) {
    this.ask = ask;
    this.changed = changed;
    this.state = 'asking';
    this.done = 0;
    this.total = 0;
    this.left = 0;
    this.clicked = performance.now();
  }

  async start() {
    const made = await post('/api/maps', this.ask);
    if (this.state === 'cancelled') { drop('maps', made.id); return; }
    Object.assign(this, { id: made.id, total: made.positions, left: made.seconds, state: 'waiting' });
    this.source = listen(`/api/maps/${this.id}/events`, {
      clean: (c) => this.begin(c),
      part: (p) => this.grow(p),
      done: (r) => this.finish(r),
      failed: (p) => this.end('failed', p.error),
      cancelled: (p) => this.end('cancelled', p.error),
    }, (why) => this.end('failed', why));
    this.changed(this);
  }

  begin(clean) {
    if (this.clean) return; // the stream was asked for again
    this.clean = clean;
    this.base = clean.classes[0].score;
    this.grids = clean.maps;
    this.scores = clean.maps.map((g) => new Float32Array(g.ys.length * g.xs.length).fill(NaN));
    this.winners = clean.maps.map((g) => new Int32Array(g.ys.length * g.xs.length).fill(-1));
    this.field = null;
    if (clean.maps.some((g) => ['slic', 'rise'].includes(g.shape?.kind))) this.learn().catch((e) => this.end('failed', e.message));
    this.changed(this);
  }

  // learn asks what the patches of lists cover; before it is known they are not drawn.
  async learn() {
    const { maps } = await get(`/api/maps/${this.id}/patches`);
    if (this.over) return; // the map is there as numbers of pixels
    this.lists = maps.map((l) => l && (l.labels ? { labels: ints(l.labels) } : { masks: new RandomMasks(l.masks, this.clean.input) }));
    this.field = null;
    this.changed(this);
  }

  grow(p) {
    Object.assign(this, { state: p.state, done: p.done, total: p.total, left: p.seconds_left, spent: p.seconds, ahead: p.ahead });
    if (p.positions && this.scores) {
      const at = ints(p.positions), scores = floats(p.scores), winners = ints(p.winners);
      const classes = scores.length / at.length;
      at.forEach((position, i) => {
        let k = 0;
        while (position >= this.scores[k].length) position -= this.scores[k++].length;
        this.scores[k][position] = scores[i * classes];
        this.winners[k][position] = winners[i];
      });
      this.first ??= performance.now() - this.clicked;
      this.field = null;
    }
    this.changed(this);
  }

  async finish(summary) {
    this.source.close();
    this.summary = summary;
    try {
      await this.read(this.chosen || {});
      this.state = 'done';
      this.done = this.total;
      this.left = 0;
    } catch (e) {
      this.end('failed', e.message);
    }
    this.changed(this);
  }

  end(state, error) {
    this.source?.close();
    this.state = state;
    this.error = state === 'failed' ? error : '';
    this.changed(this);
  }

  get over() { return ['done', 'failed', 'cancelled'].includes(this.state); }

  // read takes the finished map's scores for a class, an activation and a score.
  async read(chosen) {
    const query = new URLSearchParams(Object.entries(chosen).filter(([, v]) => v !== undefined && v !== ''));
    const r = await get(`/api/maps/${this.id}/scores?${query}`);
    Object.assign(this, { chosen, lists: null, clean: r.clean, base: r.clean.classes[0].score, grids: r.clean.maps, scores: [floats(r.scores[0])], laneScores: r.lanes?.map(floats), winners: [ints(r.winners)], field: null });
  }

  // file is where a download of the finished map is.
  file(name, style) {
    return `/api/maps/${this.id}/${name}?` + new URLSearchParams({ ...this.chosen, ...style });
  }

  importance() {
    if (!this.scores) return null;
    if (!this.field) {
      this.field = mean(this.grids.map((g, k) => this.drops(g, k)));
      this.laneFields = null;
    }
    return this.field;
  }

  // lanes are the maps of each of n channels, null where patches hide all together.
  lanes(n) {
    if (!this.importance()) return null;
    this.laneFields ??= this.laneScores
      ? this.laneScores.map((s) => importance(this.grids[0], s, this.base, this.clean.input))
      : this.grids.some((g) => g.channels) ? Array.from({ length: n }, (_, i) => this.lane(i)) : null;
    return this.laneFields;
  }

  // lane is the map of a channel as far as it is there: the mean over the groups it is in.
  lane(i) {
    const [h, w] = this.clean.input, of = [];
    this.grids.forEach((g, k) => { if (g.channels?.includes(i)) of.push(this.drops(g, k)); });
    return of.length ? mean(of) : new Float64Array(h * w).fill(NaN);
  }

  // drops is the map k as far as it is there.
  drops(g, k) {
    const list = this.lists?.[k];
    if (list?.labels) return segments(list.labels, this.scores[k], this.base);
    if (list) return list.masks.field(this.scores[k]);
    const [h, w] = this.clean.input;
    if (['slic', 'rise'].includes(g.shape?.kind) && g.ys.length * g.xs.length !== h * w) return new Float64Array(h * w).fill(NaN);
    return importance(g, this.scores[k], this.base, this.clean.input);
  }

  // kept says that the map is of what keeping a pixel is worth, and not of what hiding it costs.
  get kept() { return this.clean?.maps.some((g) => g.shape?.kind === 'rise'); }

  // at tells of a point in the network's pixels: the drop, and the class that wins where
  // the middle of the patch is nearest.
  at(x, y) {
    const field = this.importance();
    if (!field) return null;
    const [h, w] = this.clean.input;
    if (x < 0 || y < 0 || x >= w || y >= h) return null;
    const drop = field[Math.floor(y) * w + Math.floor(x)];
    const g = this.grids[0], list = this.lists?.[0];
    if (list || (g.xs.length !== w && this.kept)) {
      const i = list?.labels?.[Math.floor(y) * w + Math.floor(x)] ?? -1;
      return { drop, winner: this.winners[0][i] >= 0 ? this.winners[0][i] : undefined };
    }
    const near = (offsets, size, p) => offsets.reduce((best, o, i) => (Math.abs(o + size / 2 - p) < Math.abs(offsets[best] + size / 2 - p) ? i : best), 0);
    const winner = this.winners[0]?.[near(g.ys, g.patch[0], y) * g.xs.length + near(g.xs, g.patch[1], x)];
    return { drop, winner: winner >= 0 ? winner : undefined };
  }

  pause(on) { return post(`/api/maps/${this.id}/${on ? 'pause' : 'resume'}`); }

  cancel() {
    this.source?.close();
    if (this.id) drop('maps', this.id);
    if (!this.over) this.end('cancelled');
  }
}
