// The page: what is chosen, what is asked, and what the controls do to it.
import { get, post, send } from './api.js';
import { levels, named, scaleOf, short, ticks, time } from './field.js';
import { GrowingMap } from './map.js';
import { Panel } from './panel.js';
import { Scan } from './scan.js';
import { Strip } from './strip.js';
import { Trace } from './trace.js';
import { VideoPage } from './video.js';

const $ = (id) => document.getElementById(id);
const classKeys = ['class', 'activation', 'score'];

let about, palettes;
let panels = [];
let video;
let strip = null; // of a long recording's windows
let listed; // of the folder
let files = [], films = []; // those that the chosen model reads
let chosenClass = '', chosenBox = ''; // '' is the model's own choice

// say shows what went wrong, and to whoever listens.
function say(error) { $('message').textContent = error ? error.message || String(error) : ''; }

// trying runs what a control starts, and shows its failure.
const trying = (f) => async (...args) => {
  try { say(''); await f(...args); } catch (e) { if (e.name !== 'AbortError') say(e); }
};

// ---- questions

const sizes = (id) => $(id).value.split(',').map((s) => s.trim()).filter(Boolean);

function question(panel, windows) {
  const q = { patch: sizes('patch'), stride: sizes('stride'), fill: [$('fill').value] };
  const of = chosen(panel);
  if (of.score) q.score = of.score;
  if (of.activation) q.activation = of.activation;
  if (of.class) q.class = [of.class];
  if (chosenBox && detects(panel)) q.box = [chosenBox];
  if (panel.model === panels[0].model) Object.assign(q, narrowed());
  if (panel.approximate) q.mode = 'approximate';
  if (seriesOf(panel)) q.recording = recording(windows);
  return q;
}

const seriesOf = (panel) => about.models[panel.model].series;

// every is how far apart windows begin, '' where one window is asked about.
const every = () => (panels[0]?.picture && seriesOf(panels[0]) && isRecording(panels[0]) ? $('r-every').value.trim() : '');

// recording is what is read of recordings, where that is not what the model says: of all
// windows, or of one.
function recording(windows) {
  const r = {}, text = (key) => $('r-' + key).value.trim();
  if (text('channels')) r.channels = text('channels').split(',').map((c) => c.trim()).filter(Boolean);
  if (text('occlude')) r.occlude = text('occlude').split(',').map((c) => c.trim()).filter(Boolean);
  if (text('rate')) {
    r.rate = Number(text('rate'));
    if (!(r.rate > 0)) throw new Error(`rate: ${text('rate')} is no number of samples a second.`);
  }
  for (const key of ['start', 'end', 'resample', 'normalize', 'missing']) if (text(key)) r[key] = text(key);
  if (every() && !windows) delete r.end; // it bounds them all
  return r;
}
const recordingKeys = ['channels', 'start', 'end', 'rate', 'resample', 'normalize', 'missing'];

// narrowed is what is said of the chosen model's output; other models have other outputs.
const whatKeys = ['target', 'reduce', 'part', 'at', 'segment_region'];
const narrowed = () => Object.fromEntries(whatKeys.map((k) => [k, $('what-' + k).value.trim()]).filter(([, v]) => v));

// The numbers that may be asked for of each kind of target; the first is the usual one.
const scores = {
  class: { value: "the class's score", margin: 'margin to the best other', entropy: 'entropy of all' },
  segment: { value: "mean over the class's pixels", margin: 'margin to the best other', entropy: 'entropy of all', dice: 'Dice of the pixels', iou: 'IoU of the pixels' },
  number: { value: 'the number' },
  features: { cosine: 'cosine', euclidean: 'Euclidean distance' },
  box: { overlap: 'score times overlap', drise: 'similarity of D-RISE' },
};
const score = () => ($('score').selectedIndex > 0 ? $('score').value : '');

// fitTo shows what can be asked of what the model has.
function fitTo(kind) {
  if ($('score').dataset.kind === kind) return;
  $('score').dataset.kind = kind;
  $('score').replaceChildren(...Object.entries(scores[kind]).map(([value, text]) => new Option(text, value)));
  $('class-label').hidden = kind === 'box' || kind === 'features';
}

const ask = (panel, q) => ({ model: panel.model, picture: panel.picture.id, question: q, with: alongside(panel), window: windowOf(panel) });

// windowOf is the window through which a panel's picture is seen, '' being the usual one.
const windowOf = (panel) => (panel.dicom?.black_white ? $('window').value.trim() : '');

// along are the pictures of other inputs that were chosen for the first panel's, by the
// inputs' names.
let along = {};
function alongside(panel) {
  if (panel.picture.id !== panels[0].picture?.id) return {};
  return Object.fromEntries(about.models[panel.model].with.filter((w) => along[w.input]).map((w) => [w.input, along[w.input].id]));
}

// showWith lists the inputs whose pictures go with the chosen model's.
function showWith() {
  const inputs = about.models[panels[0].model].with;
  $('with-details').hidden = !inputs.length;
  $('with').replaceChildren(...inputs.map(({ input, known }) => {
    const label = document.createElement('label'), select = document.createElement('select'), file = document.createElement('input');
    label.className = 'wide';
    select.dataset.input = input;
    const usual = new Option(known ? "the picture's own" : 'choose…', ''), sent = along[input]?.sent;
    select.replaceChildren(usual, ...(sent ? [new Option(along[input].name, 'sent')] : []), ...files.map((f) => new Option(f.name || 'the built-in picture', 'file=' + inAddress(f))), new Option('open a file…', 'open'));
    select.value = along[input] ? (sent ? 'sent' : 'file=' + along[input].file) : '';
    Object.assign(file, { type: 'file', accept: $('open').accept, className: 'hidden' });
    const take = trying(async (f) => {
      try {
        if (f) along[input] = await f();
        else delete along[input];
        await reread();
        if (panels[0].map) await predict(panels[0]);
      } finally { showWith(); }
    });
    file.onchange = () => { if (file.files[0]) take(async () => ({ ...(await send(file.files[0])), sent: true })); };
    select.onchange = () => {
      if (select.value === 'open') { select.value = ''; file.click(); return; }
      const name = select.value;
      take(name && name !== 'sent' ? async () => ({ ...(await post('/api/pictures?' + name)), file: name.slice(5) }) : name ? async () => along[input] : null);
    };
    label.append(input + ' ', select, file);
    return label;
  }));
}

// detects says whether a panel's model finds boxes, which others do not have.
const detects = (panel) => (panel.seen ? panel.seen.kind === 'box' : about.models[panel.model].detector);

// chosen is what a panel's finished map can be read anew by, as far as it is of its model.
function chosen(panel) {
  return {
    class: detects(panel) ? '' : chosenClass,
    activation: $('activation').value === 'auto' ? '' : $('activation').value,
    score: detects(panel) === detects(panels[0]) ? score() : '',
  };
}

// sameWork says whether two questions cost the network the same runs.
function sameWork(a, b) {
  const work = (q) => JSON.stringify(Object.entries(q).filter(([k]) => !classKeys.includes(k)).sort());
  return a && a.model === b.model && a.picture === b.picture && a.window === b.window && JSON.stringify(a.with) === JSON.stringify(b.with) && work(a.question) === work(b.question);
}

// ---- pictures

async function showPicture(panel, picture, window = '') {
  $('progress-row').hidden = true;
  if (panel === panels[0]) $('explain').disabled = true;
  if (panel === panels[0]) {
    along = {}; // those of another place
    showWith();
    closeStrip();
  }
  panel.setPicture(picture);
  if (panel === panels[0]) {
    $('window').value = window;
    showScan(null);
    showTime(panel);
    showIntervals();
  }
  if (panel === panels[0] && !video.open) {
    $('picture-name').textContent = picture.name;
    current(picture.file);
  }
  if (isRecording(panel)) await readRecording(panel);
  else await panel.look(window);
  await predict(panel);
  if (windowOf(panel) && panel.window !== windowOf(panel)) { // that of the other panel
    await panel.look(windowOf(panel));
    await predict(panel);
  }
  // What is not another picture is the same one.
  if (panel === panels[0] && panels[1] && $('compare').value !== 'picture') await showPicture(panels[1], picture);
  render();
}

async function predict(panel) {
  if (!panel.picture) return;
  const of = panel.picture;
  const seen = await post('/api/predictions', ask(panel, question(panel)));
  if (panel.picture !== of) return;
  panel.seen = seen;
  panel.dicom = seen.dicom;
  await showNumbers(panel);
  if (panel === panels[0]) {
    $('explain').disabled = false;
    showClasses(seen);
    await estimate();
  }
  panel.redraw();
}

// ---- scans

// showNumbers gets the numbers of a scan, and shows what there is to choose.
async function showNumbers(panel) {
  const { picture, dicom } = panel, gray = Boolean(dicom?.black_white);
  panel.frame.classList.toggle('scan', gray);
  if (gray && !panel.scan) {
    const scan = await Scan.load(picture);
    if (panel.picture !== picture) return;
    panel.scan = scan;
  }
  if (panel === panels[0]) showScan(dicom);
}

function showScan(dicom) {
  $('scan-details').hidden = !dicom;
  if (!dicom) return;
  const gray = Boolean(dicom.black_white), frames = dicom.frames, scan = panels[0].scan;
  $('window-fields').hidden = $('windowing').hidden = !gray;
  if (gray) {
    showWindow(Scan.window(dicom.black_white));
    $('windows').replaceChildren(new Option('', 'auto'), new Option('', 'full'), new Option('', 'none'), ...scan.windows.map((w, i) => new Option(w, i + 1)));
  }
  $('scan-frame-label').hidden = frames < 2;
  Object.assign($('scan-frame'), { max: frames, value: dicom.frame });
  showFrame(dicom.frame, frames);
  const spacing = dicom.spacing_mm && `pixels lie ${short(dicom.spacing_mm[0])} by ${short(dicom.spacing_mm[1])} mm apart (${dicom.spacing_from}): patch and stride may be in mm`;
  $('scan-text').textContent = [dicom.window, dicom.modality && `numbers: ${dicom.modality}`, dicom.inverted ? 'greater is darker' : '', spacing].filter(Boolean).join('; ');
}

function showWindow({ centre, width }) {
  $('window-centre').value = Number(centre.toPrecision(7));
  $('window-width').value = Number(width.toPrecision(7));
}

function showFrame(n, of) {
  $('scan-frame-text').textContent = `Frame ${n} of ${of}`;
  $('scan-frame').setAttribute('aria-valuetext', $('scan-frame-text').textContent);
}

// windowed takes the window of a drag, and gives the one before it.
function windowed(panel, window, last) {
  if (window) showWindow(window);
  if (last) setWindow(`${window.centre},${window.width}`);
  return Scan.window(panel.dicom.black_white);
}

// setWindow shows and asks anew through a window.
const setWindow = trying(async (text) => {
  $('window').value = text;
  for (const panel of panels) {
    if (!panel.dicom?.black_white) continue;
    await panel.look(windowOf(panel));
    panel.rect = null;
    if (panel.map) await predict(panel);
  }
  await reread();
});

const setFrame = trying(async (n) => {
  const a = panels[0], window = windowOf(a), picture = await post(`/api/pictures?picture=${a.picture.id}&frame=${n}`);
  await showPicture(a, { ...picture, file: a.picture.file }, window);
});

// ---- recordings

// isRecording says whether a panel's picture is a recording: tensors are drawn as pictures.
const isRecording = (panel) => Boolean(seriesOf(panel)) && !/\.np[yz]$/i.test(panel.picture.name);

async function readRecording(panel) {
  const of = panel.picture, trace = await post('/api/traces', ask(panel, question(panel)));
  if (panel.picture !== of) return;
  panel.setTrace(new Trace(trace, seriesOf(panel)));
  showTime(panel);
}

// reopen reads recordings anew, by what is said of them now.
const reopen = trying(async () => {
  closeStrip();
  for (const panel of panels) {
    if (!panel.picture || !isRecording(panel)) continue;
    panel.rect = panel.point = null;
    await readRecording(panel);
  }
  await reread();
});

function showTime(panel) {
  if (panel !== panels[0]) return;
  const t = panel.trace, all = strip && strip.chosen === null;
  $('time-row').hidden = !t;
  $('all-windows').hidden = !strip || all;
  if (!t) return;
  $('time-text').textContent = all ? strip.says() : `${t.clock(t.from)} to ${t.clock(t.to)}${t.isWhole ? '' : `${strip ? ' of a window up to ' : ' of '}${t.clock(t.length)}`}`;
  for (const id of ['zoom-out', 'zoom-whole', 'time-left', 'time-right']) $(id).disabled = !strip && t.isWhole;
}

// ---- strips of a long recording's windows

function closeStrip() {
  if (!strip) return;
  strip.remove();
  strip = panels[0].map = null;
  document.body.classList.remove('windows', 'window');
}

// explainWindows asks about all windows.
function explainWindows() {
  if (panels.length > 1) throw new Error('A strip of windows is not compared: leave Compare, or Every.');
  closeStrip();
  panels[0].forget();
  panels[0].rect = panels[0].point = null;
  trying(showIntervals)();
  strip = new Strip($('windows'), { ...ask(panels[0], question(panels[0], true)), every: every() }, seriesOf(panels[0]), (s) => {
    if (s !== strip) return;
    schedule();
    if (s.over) finished(s);
  }, openWindow);
  document.body.classList.add('windows');
  strip.chosen = null;
  const mine = strip;
  mine.start().catch((e) => mine.end('failed', e.message));
  schedule();
}

// openWindow shows one window by itself, showWindows all of them again.
function openWindow(n, { trace, map }) {
  const panel = panels[0];
  strip.chosen = n;
  document.body.classList.add('window');
  panel.map = map;
  panel.rect = panel.point = null;
  trace.whole();
  panel.setTrace(trace);
  showClasses(map.clean);
  render();
}

function showWindows() {
  const n = strip.chosen;
  strip.chosen = panels[0].map = null;
  document.body.classList.remove('window');
  strip.reveal(n);
  render();
}

// step goes on by half of what is shown, and from a window to the next.
const step = trying(async (way) => {
  const t = panels[0].trace;
  if (strip && strip.chosen === null) strip.scroll(way / 2);
  else if (strip && (way < 0 ? t.from <= 0 : t.to >= t.length)) await strip.open(strip.chosen + way);
  else timed((t) => t.scroll(way / 2));
});

// zoom makes what is shown so many times as long.
function zoom(by) {
  if (strip && strip.chosen === null) strip.zoom(by === Infinity ? by : 1 / by);
  else timed((t) => { if (by === Infinity) t.whole(); else t.zoom(by); });
}

// timed does something to the recordings that are shown.
function timed(f) {
  for (const panel of panels) {
    if (!panel.trace) continue;
    f(panel.trace);
    panel.redraw();
  }
  showTime(panels[0]);
}

// showIntervals lists what matters most of a recording, once its map is there.
async function showIntervals(map) {
  const found = map && panels[0].trace ? (await get(map.file('files/scores.intervals.json'))).intervals : [];
  const of = strip;
  $('intervals-section').hidden = !found.length;
  const most = Math.max(...found.map((i) => i.peak), 1e-12), t = panels[0].trace;
  $('intervals').replaceChildren(...found.map((i) => {
    const li = document.createElement('li'), b = document.createElement('button');
    const name = document.createElement('span'), value = document.createElement('span');
    name.className = 'name';
    name.textContent = of ? `${of.clock(i.start)} to ${of.clock(i.end)}` : `${t.clock(i.from)} to ${t.clock(i.to)}`;
    value.className = 'value';
    value.textContent = short(i.peak);
    b.title = `mean drop ${short(i.score)}, largest ${short(i.peak)}`;
    b.style.setProperty('--share', Math.max(0, i.peak / most));
    b.append(name, value);
    b.onclick = trying(async () => {
      if (of) await of.open(await of.holding((i.start + i.end) / 2));
      timed((t) => { const n = Math.max(4 * (i.to - i.from), t.length / 10), at = of ? ((i.start + i.end) / 2 - t.start) * (t.rate || 1) : (i.from + i.to) / 2; t.show(at - n / 2, at + n / 2); });
    });
    li.append(b);
    return li;
  }));
}

// fitKind shows what can be asked of pictures, or of recordings, as the model reads the one or
// the other; true if that is not what it was.
function fitKind() {
  const series = about.models[$('model').value].series, kind = series ? 'series' : 'pictures';
  [files, films] = series ? [[...listed.recordings, ...listed.pictures.filter((f) => /\.(np[yz]|dcm|dicom|ima)$/i.test(f.name))], []] : [listed.pictures, listed.videos];
  $('recording-details').hidden = !series;
  $('open-label').firstChild.textContent = series ? 'Open a recording…' : 'Open a picture…';
  for (const a of document.querySelectorAll('.for-series')) a.hidden = !series;
  const before = document.body.dataset.kind;
  document.body.dataset.kind = kind;
  showStrip();
  if (before === kind) return false;
  const n = (share) => String(Math.max(1, Math.round(series.samples / share)));
  const usual = !series ? ['16', '4', '8', '2'] : series.rate ? ['400ms', '50ms', '100ms', '20ms'] : [n(25), n(200), n(100), n(500)];
  ['patch', 'stride', 'rpatch', 'rstride'].forEach((id, i) => { $(id).value = usual[i]; });
  const fills = series ? [['gray', 'mean of the channel'], 'zero', ['line', 'line across the gap'], 'blur', 'noise', 'permuted'] : ['gray', 'black', 'white', 'mean', 'blur', 'noise'];
  $('fill').replaceChildren(...fills.map((f) => (Array.isArray(f) ? new Option(f[1], f[0]) : new Option(f))));
  return before !== undefined;
}

// Names are those that an address has. What was chosen last is shown, whatever comes first.
let choice = 0;
const chooseFile = trying(async (file, panel = panels[0]) => {
  const mine = ++choice;
  const picture = await post('/api/pictures?file=' + file);
  if (mine !== choice) return;
  if (video.open) { video.close(); render(); }
  picture.file = file;
  if (panel === panels[0]) chosenClass = chosenBox = '';
  await showPicture(panel, picture);
});

const chooseVideo = trying(async (file) => {
  const mine = ++choice;
  for (const panel of panels) panel.forget();
  await video.choose(file, () => mine === choice);
  if (mine === choice) current(file);
});

const openFiles = trying(async (list) => {
  const some = [...list].slice(0, 2);
  if (!some.length) return;
  if (some.some((f) => f.type.startsWith('video/'))) throw new Error('Videos are chosen from the folder that is served: krypton serve FOLDER.');
  choice++;
  if (video.open) video.close();
  chosenClass = chosenBox = '';
  await showPicture(panels[0], await send(some[0]));
  if (some[1]) {
    $('compare').value = 'picture';
    await compare();
    await showPicture(panels[1], await send(some[1]));
  }
});

const inAddress = ({ name, file }) => file ?? encodeURIComponent(name);

// current marks the file that is shown.
function current(file) { for (const b of $('strip').children) b.setAttribute('aria-current', String(b.dataset.file === file)); }

function showStrip() {
  const button = (f, choose) => {
    const b = document.createElement('button'), img = document.createElement('img');
    b.dataset.file = inAddress(f);
    b.title = f.name || 'the built-in picture';
    if (listed.recordings.includes(f)) {
      b.dataset.recording = '';
      b.textContent = f.name;
      b.onclick = () => choose(inAddress(f));
      return b;
    }
    img.alt = b.title;
    img.loading = 'lazy';
    img.src = '/api/thumbnail?file=' + inAddress(f);
    b.append(img);
    b.onclick = () => choose(inAddress(f));
    return b;
  };
  $('strip').replaceChildren(...films.map((f) => {
    const b = button(f, chooseVideo);
    b.dataset.video = '';
    b.title = 'video ' + f.name;
    return b;
  }), ...files.map((f) => button(f, chooseFile)));
  $('other-picture').replaceChildren(...files.map((f) => new Option(f.name || 'the built-in picture', inAddress(f))));
}

// ---- classes

const nameOf = (model, index) => named(about.models[model].labels?.[index], index);

// choices are what can be mapped of a picture: the boxes that were found, or classes, the
// best first; a key begins with what it is of.
function choices(seen) {
  const mapped = seen.classes[0];
  if (seen.kind === 'box') {
    const found = seen.boxes?.found || [];
    return [...found.map((b) => ({ key: `box:${b.number}`, name: `${b.number} ${named(b.label, b.class)}`, score: b.score })), { key: 'box:false', name: 'false boxes', score: null }]
      .map((c, i) => ({ ...c, mapped: chosenBox ? c.key === 'box:' + chosenBox : i === 0 }));
  }
  const top = seen.top || [];
  const list = top.some((c) => c.index === mapped.index) ? top : [...top, mapped];
  return list.map((c) => ({ key: `class:index:${c.index}`, name: named(c.label, c.index), score: c.score, mapped: c.index === mapped.index }));
}

function showClasses(seen) {
  fitTo(seen.kind);
  const list = choices(seen);
  const most = Math.max(...list.map((c) => Math.abs(c.score ?? 0)), 1e-12);
  const focused = document.activeElement?.dataset?.class;
  $('classes').replaceChildren(...list.map((c) => {
    const li = document.createElement('li'), b = document.createElement('button');
    b.dataset.class = c.key;
    b.setAttribute('aria-pressed', String(c.mapped));
    const name = document.createElement('span'), value = document.createElement('span');
    name.className = 'name';
    name.textContent = c.name;
    value.className = 'value';
    value.textContent = c.score === null ? '' : short(c.score);
    b.style.setProperty('--share', Math.max(0, Math.min(1, most <= 1 ? c.score : c.score / most)));
    b.append(name, value);
    b.onclick = () => choose(c.key);
    li.append(b);
    return li;
  }));
  if (focused) $('classes').querySelector(`[data-class="${focused}"]`)?.focus();
}

const choose = trying(async (key) => {
  const before = [chosenClass, chosenBox], [, what, text] = /^(\w+):(.*)$/.exec(key);
  if (what === 'box') chosenBox = text; else chosenClass = text;
  try { await reread(); } catch (e) { [chosenClass, chosenBox] = before; throw e; }
});

// picked chooses the smallest box at a point of the network's.
function picked(panel, p) {
  const seen = panel.seen, [sx, sy, ox, oy] = seen?.transform || [];
  if (seen?.kind !== 'box') return;
  const x = p.x * sx + ox, y = p.y * sy + oy, size = (b) => (b.x1 - b.x0) * (b.y1 - b.y0);
  const here = (seen.boxes?.found || []).filter((b) => b.x0 <= x && x <= b.x1 && b.y0 <= y && y <= b.y1).sort((a, b) => size(a) - size(b));
  if (here.length) choose(`box:${here[0].number}`);
}

// reread shows maps that are there by what is chosen now, and starts the others anew.
async function reread() {
  if (strip) {
    panels[0].map = null;
    document.body.classList.remove('window');
    await predictAll();
    explainWindows();
    return;
  }
  for (const panel of panels) {
    const map = panel.map;
    if (!map) continue;
    const want = ask(panel, question(panel));
    if (map.state === 'done' && sameWork(map.ask, want) && !panel.approximate) {
      await map.read(chosen(panel));
      map.ask = want;
      if (panel.part?.state === 'done') await panel.part.read(chosen(panel));
      if (panel === panels[0]) {
        showClasses(map.clean);
        await showIntervals(map);
      }
    } else {
      run(panel, want);
    }
  }
  if (!panels[0].map) await predictAll();
  await showFiles();
  render();
}

async function predictAll() { for (const p of panels) await predict(p); }

// ---- maps

let estimating = 0;
async function estimate() {
  const mine = ++estimating;
  if (!panels[0].picture) return;
  const e = await post('/api/estimates', ask(panels[0], question(panels[0])));
  if (mine === estimating) $('estimate').textContent = `${every() ? 'each window: ' : ''}${e.positions.toLocaleString('en')} positions, about ${time(e.seconds)}`;
}

function run(panel, what, part) {
  if (panel === panels[0] && !part) trying(showIntervals)();
  const old = part ? panel.part : panel.map;
  old?.cancel();
  if (!part) { panel.part?.cancel(); panel.part = null; }
  const map = new GrowingMap(what, (m) => {
    if (m !== panel.map && m !== panel.part) return;
    if (m.clean && m === panel.map && panel === panels[0] && m.shown !== m.clean) { m.shown = m.clean; showClasses(m.clean); }
    schedule();
    if (m.over) finished(m);
  });
  if (part) panel.part = map; else panel.map = map;
  map.start().catch((e) => map.end('failed', e.message));
  schedule();
}

function finished(map) {
  if (map.state === 'failed') say(new Error(map.error));
  if (map.state === 'done' && [strip, panels[0].map].includes(map) && panels[0].trace) trying(showIntervals)(map);
  if (map.state === 'done' && [strip, panels[0].map, panels[0].part].includes(map)) trying(showFiles)();
}

const explain = trying(async () => {
  if (every()) { explainWindows(); return; }
  if (strip) { // the window that was shown is not the one that is asked about
    closeStrip();
    await readRecording(panels[0]);
  }
  for (const panel of panels) if (panel.picture) run(panel, ask(panel, question(panel)));
});

// carried puts a rectangle of one panel's network into another's pixels: by the picture
// where both show the same one, as models have inputs of their own size.
function carried({ x, y, w, h }, from, to) {
  const a = from.seen, b = to.seen;
  if (from === to || from.picture.id !== to.picture.id || !a || !b || from.trace) return { x, y, w, h };
  const along = (lo, size, i) => {
    const at = (v) => (v * a.transform[i] + a.transform[i + 2] - b.transform[i + 2]) / b.transform[i];
    const most = b.input[1 - i], near = 1e-6; // what fits but for rounding fits
    const first = Math.min(most - 1, Math.max(0, Math.floor(at(lo) + near)));
    return [first, Math.max(1, Math.min(most, Math.ceil(at(lo + size) - near)) - first)];
  };
  const [bx, bw] = along(x, w, 0), [by, bh] = along(y, h, 1);
  return { x: bx, y: by, w: bw, h: bh };
}

const refine = trying(async () => {
  if (strip) throw new Error('Windows of a strip are not refined: say From, and no Every.');
  const [x, y, w, h] = ['rx', 'ry', 'rw', 'rh'].map((id) => Number($(id).value));
  if (![x, y, w, h].every(Number.isInteger) || w < 1 || h < 1) throw new Error('The rectangle needs whole numbers: x, y, width and height.');
  for (const panel of panels) {
    if (!panel.picture) continue;
    const r = panel.rect = carried({ x, y, w, h }, panels[0], panel);
    run(panel, ask(panel, { ...question(panel), patch: sizes('rpatch'), stride: sizes('rstride'), region: `${r.x},${r.y},${r.w},${r.h}` }), true);
  }
});

function drawn(panel, own) {
  const rect = carried(own, panel, panels[0]);
  for (const [id, v] of [['rx', rect.x], ['ry', rect.y], ['rw', rect.w], ['rh', rect.h]]) $(id).value = v;
  $('region-details').open = true;
  setDrawing(false);
  refine();
}

function unrefine() {
  for (const panel of panels) {
    panel.part?.cancel();
    panel.part = panel.rect = null;
  }
  trying(showFiles)();
  render();
}

// ---- comparing

function newPanel() {
  const p = new Panel($('panels'), told, drawn, picked, windowed);
  p.zoomed = showTime;
  return p;
}

const compare = trying(async () => {
  const what = $('compare').value;
  if (what && strip) {
    closeStrip();
    await readRecording(panels[0]);
  }
  $('other-picture-label').hidden = what !== 'picture';
  $('other-model-label').hidden = what !== 'model';
  document.body.classList.toggle('two', what !== '');
  panels[1]?.remove();
  panels.length = 1;
  if (what) {
    const b = newPanel(), a = panels[0];
    b.model = what === 'model' ? Number($('other-model').value) : a.model;
    b.approximate = what === 'approximate';
    panels.push(b);
    if (what === 'picture') {
      if (files.length) await chooseFile($('other-picture').value, b);
      else b.empty.textContent = 'Drop two pictures at once.';
    } else if (a.picture) await showPicture(b, a.picture);
    if (a.map && b.picture) run(b, ask(b, question(b)));
  }
  render();
});

// sameButMode says whether two questions differ in nothing but what may be given up.
function sameButMode(a, b) {
  const rest = ({ model, picture, question: { mode, ...q } }) => JSON.stringify([model, picture, Object.entries(q).sort()]);
  return rest(a) === rest(b);
}

// difference says how far the approximate map is from the exact one.
function difference() {
  const [a, b] = panels;
  if (!b?.approximate || a.map?.state !== 'done' || b.map?.state !== 'done') return '';
  if (!sameButMode(a.map.ask, b.map.ask)) return 'The two maps answer different questions: Explain computes both anew.';
  const x = a.map.importance(), y = b.map.importance();
  let sum = 0, most = 0, n = 0, lo = 0, hi = 0;
  x.forEach((v, i) => {
    if (Number.isNaN(v) || Number.isNaN(y[i])) return;
    const d = Math.abs(v - y[i]);
    sum += d; n++;
    most = Math.max(most, d);
    lo = Math.min(lo, v); hi = Math.max(hi, v);
  });
  const faster = a.map.summary.seconds_map / b.map.summary.seconds_map;
  return `Measured at every pixel: ${short(sum / n)} mean and ${short(most)} largest difference, of drops from ${short(lo)} to ${short(hi)}; it took ${short(1 / faster)} of the exact map's time.`;
}

// ---- drawing

let scheduled = false;
function schedule() {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => { scheduled = false; render(); });
}

function range() {
  const lo = $('lo').value.trim(), hi = $('hi').value.trim();
  if (lo === '' && hi === '') return null;
  const v = [Number(lo || 0), Number(hi)];
  const ok = hi !== '' && Number.isFinite(v[1] - v[0]) && v[0] < v[1];
  for (const id of ['lo', 'hi']) $(id).setAttribute('aria-invalid', String(!ok));
  return ok ? v : null;
}

function render() {
  const lines = levels($('contours').value);
  $('contours').setAttribute('aria-invalid', String(lines === null));
  const fields = (strip ? [strip.range()] : panels.flatMap((p) => p.lanes() || [p.field()])).filter(Boolean);
  const scale = scaleOf(fields, $('colormap').value, range(), panels.some((p) => p.trace));
  const opts = { alpha: Number($('alpha').value), blocks: $('blocks').checked, contours: lines || [] };
  strip?.draw(scale, palettes[scale.colormap], opts);
  if (strip) showTime(panels[0]);
  for (const p of panels) {
    p.chosen = chosenBox || '1';
    p.draw(scale, palettes[scale.colormap], opts);
    caption(p);
  }
  legend(fields.length ? scale : null);
  progress();
  $('difference').textContent = difference();
}

function caption(p) {
  const c = p.map?.clean?.classes[0] || p.seen?.classes[0];
  if (!c) return;
  p.title.textContent = `${named(c.label, c.index)}  ${short(c.score)}`;
  const what = p.approximate ? 'approximate' : 'exact';
  const text = { asking: '', waiting: 'waiting for its turn', running: 'growing', paused: 'paused', done: what, failed: 'failed', cancelled: 'cancelled' }[p.map?.state] ?? '';
  p.state.textContent = [panels.length > 1 && about.models.length > 1 ? about.models[p.model].name : '', panels.length > 1 ? p.picture?.name : '', text].filter(Boolean).join(' · ');
  p.top.setAttribute('aria-label', `${p.picture.name}: ${p.title.textContent}${text ? ', map ' + text : ''}. Arrow keys read the map.`);
}

function legend(scale) {
  $('legend').hidden = !scale;
  if (!scale) return;
  const g = $('bar').getContext('2d'), colors = palettes[scale.colormap];
  for (let x = 0; x < 512; x++) {
    g.fillStyle = `rgb(${colors[x >> 1].join(',')})`;
    g.fillRect(x, 0, 1, 12);
  }
  $('ticks').replaceChildren(...ticks(scale).map((v) => {
    const s = document.createElement('span');
    s.textContent = short(v);
    s.style.left = `${100 * (v - scale.lo) / (scale.hi - scale.lo)}%`;
    return s;
  }));
  const kept = panels.some((p) => p.map?.kept);
  $('legend-text').textContent = kept ? 'score where kept, less the mean' : scale.lo < 0 ? 'score drop when hidden (below 0: a rise)' : 'score drop when hidden';
}

// under is what is being computed.
const under = () => [strip, ...panels.flatMap((p) => [p.map, p.part])].filter((m) => m && !m.over);

function progress() {
  const all = under();
  $('progress-row').hidden = !all.length;
  if (!all.length) return;
  const sum = (f) => all.reduce((s, m) => s + (f(m) || 0), 0);
  const total = sum((m) => m.total), finished = sum((m) => m.done), left = Math.max(...all.map((m) => m.left || 0));
  $('progress').value = total ? finished / total : 0;
  const held = all.every((m) => m.state === 'paused'), ahead = Math.max(...all.map((m) => m.ahead || 0));
  $('pause').textContent = held ? 'Resume' : 'Pause';
  $('progress-text').textContent = held ? `paused at ${finished.toLocaleString('en')} of ${total.toLocaleString('en')}`
    : `${finished.toLocaleString('en')} of ${total.toLocaleString('en')}, about ${time(left)} left${ahead ? `, beside ${ahead} of others` : ''}`;
}

function told(panel, p) {
  const read = p && [panel.part, panel.map].map((m) => m?.at(p.x, p.y)).find((r) => r && !Number.isNaN(r.drop));
  if (!read) { $('readout').textContent = p ? panel.says(p) : ' '; return; }
  const winner = read.winner === undefined ? '' : `; with the patch here, ${nameOf(panel.model, read.winner)} wins`;
  $('readout').textContent = `${panel.says(p)}${panel.trace ? ';' : ':'} ${panel.map?.kept && !panel.part ? 'score where kept, less the mean' : 'score drop'} ${short(read.drop)}${winner}`;
}

// ---- downloads

function style() {
  const s = {};
  if ($('alpha').value !== '0.6') s.alpha = $('alpha').value;
  if ($('colormap').value !== 'auto') s.colormap = $('colormap').value;
  if ($('contours').value.trim() && levels($('contours').value)) s.contours = $('contours').value;
  if ($('blocks').checked) s.blocks = 'true';
  const r = range();
  if (r) s.scale = r.join(',');
  return s;
}

async function showFiles() {
  const refined = panels[0].part?.state === 'done';
  $('files-of-label').hidden = !refined;
  if (!refined) $('files-of').value = 'map';
  const map = strip || panels[0][$('files-of').value], there = map?.state === 'done';
  $('segments-file').hidden = !(map?.clean?.maps.length === 1 && map.clean.maps[0].shape?.kind === 'slic');
  for (const a of $('downloads').children) {
    const drawn = !strip || a.dataset.file !== 'heatmap.png' || strip.head?.picture;
    a.setAttribute('aria-disabled', String(!there || !drawn));
    if (there && drawn) {
      a.href = map.file('files/' + a.dataset.file, style());
      a.setAttribute('download', '');
    } else a.removeAttribute('href');
  }
  $('command').value = there ? (await get(map.file('command', style()))).command : '';
  const notes = (there && map.summary?.notes) || [];
  $('notes').replaceChildren(...notes.map((n) => Object.assign(document.createElement('p'), { textContent: n })));
}

// ---- controls

function setDrawing(on) {
  document.body.classList.toggle('drawing', on);
  $('draw').setAttribute('aria-pressed', String(on));
}

function wire() {
  $('explain').onclick = explain;
  $('refine').onclick = refine;
  $('unrefine').onclick = unrefine;
  $('draw').onclick = () => setDrawing(!document.body.classList.contains('drawing'));
  $('cancel').onclick = () => { for (const m of under()) m.cancel(); render(); };
  $('pause').onclick = trying(async () => {
    const all = under().filter((m) => m.id);
    const on = !all.every((m) => m.state === 'paused');
    await Promise.all(all.map((m) => m.pause(on)));
  });
  for (const id of ['patch', 'stride', 'fill']) $(id).onchange = trying(estimate);
  for (const id of ['activation', 'score']) $(id).onchange = trying(reread);
  for (const k of whatKeys) $('what-' + k).onchange = trying(async () => {
    if (k === 'target' || k === 'reduce' || k === 'part') { // classes and scores are those of what was read before
      chosenClass = '';
      $('score').selectedIndex = -1;
      $('score').dataset.kind = '';
    }
    await reread();
  });
  $('window').onchange = () => setWindow($('window').value.trim());
  for (const id of ['window-centre', 'window-width']) $(id).onchange = () => setWindow(`${$('window-centre').value},${$('window-width').value}`);
  $('windowing').onclick = () => {
    const on = document.body.classList.toggle('windowing');
    $('windowing').setAttribute('aria-pressed', String(on));
  };
  document.body.classList.add('windowing');
  $('scan-frame').oninput = () => showFrame($('scan-frame').value, $('scan-frame').max);
  $('scan-frame').onchange = () => setFrame($('scan-frame').value);
  for (const k of recordingKeys) $('r-' + k).onchange = reopen;
  $('r-occlude').onchange = trying(estimate);
  $('r-every').onchange = trying(estimate);
  $('zoom-in').onclick = () => zoom(0.5);
  $('zoom-out').onclick = () => zoom(2);
  $('zoom-whole').onclick = () => zoom(Infinity);
  $('time-left').onclick = () => step(-1);
  $('time-right').onclick = () => step(1);
  $('all-windows').onclick = showWindows;
  $('class').onchange = () => { if ($('class').value) choose('class:' + $('class').value); };
  for (const id of ['alpha', 'colormap', 'contours', 'lo', 'hi', 'blocks']) {
    $(id).addEventListener('input', schedule);
    $(id).addEventListener('change', trying(showFiles));
  }
  $('files-of').onchange = trying(showFiles);
  for (const id of ['compare', 'other-model']) $(id).onchange = compare;
  $('other-picture').onchange = () => chooseFile($('other-picture').value, panels[1]);
  $('model').onchange = trying(async () => {
    if (video.open) { video.stop(); video.fitQuestion(); video.render(); }
    for (const p of panels) {
      p.forget();
      p.seen = null;
      if (p === panels[0] || $('compare').value !== 'model') p.model = Number($('model').value);
    }
    closeStrip();
    chosenClass = chosenBox = '';
    for (const k of whatKeys) $('what-' + k).value = '';
    along = {};
    showWith();
    showLabels();
    if (fitKind() && !video.open) { // what was shown is of the other kind
      for (const p of panels) { p.setPicture({ name: '' }); p.picture = null; }
      if (files.length) await chooseFile(inAddress(files[0]));
    } else if (!video.open) await predictAll();
    await showFiles();
    render();
  });
  $('open').onchange = () => {
    openFiles($('open').files);
    $('open').value = ''; // the same file may be opened once more
  };
  $('copy').onclick = trying(async () => { await navigator.clipboard.writeText($('command').value); });
  document.addEventListener('dragover', (e) => { e.preventDefault(); $('drop').hidden = false; });
  document.addEventListener('dragleave', (e) => { if (!e.relatedTarget) $('drop').hidden = true; });
  document.addEventListener('drop', (e) => { e.preventDefault(); $('drop').hidden = true; openFiles(e.dataTransfer.files); });
  addEventListener('pagehide', () => { closeStrip(); panels.forEach((p) => p.forget()); });
}

function showLabels() {
  $('labels').replaceChildren(...(about.models[$('model').value].labels || []).map((l) => new Option('', l)));
}

async function begin() {
  history.replaceState(null, '', location.pathname); // the token has done its work
  [about, palettes] = await Promise.all([get('/api/about'), get('/api/colormaps')]);
  $('model').replaceChildren(...about.models.map((m, i) => new Option(m.name, i)));
  $('other-model').replaceChildren(...about.models.map((m, i) => new Option(m.name, i)));
  $('other-model').value = about.models.length > 1 ? 1 : 0;
  $('model-label').hidden = about.models.length < 2;
  document.querySelector('#compare [value=model]').disabled = about.models.length < 2;
  $('colormap').replaceChildren(new Option('auto', 'auto'), ...Object.keys(palettes).sort().map((n) => new Option(n)));
  panels.push(newPanel());
  panels[0].model = 0;
  showLabels();
  wire();
  video = new VideoPage(say, () => ({ index: Number($('model').value), ...about.models[$('model').value] }));
  listed = await get('/api/files');
  fitKind();
  render();
  await showFiles();
  if (films.length && (!files.length || about.models[0].no_maps)) await chooseVideo(inAddress(films[0]));
  else if (files.length) await chooseFile(inAddress(files[0]));
}

begin().catch(say);
