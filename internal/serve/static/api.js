// Requests to the server: the HTTP interface of docs/serve.md.

export class Problem extends Error {}

async function answer(response) {
  if (response.ok) return response;
  let text = `the server answered ${response.status}`;
  try { text = (await response.json()).error || text; } catch { /* no JSON */ }
  throw new Problem(text);
}

export async function blob(path) { return (await answer(await fetch(path))).blob(); }

export async function get(path, signal) { return (await answer(await fetch(path, { signal }))).json(); }

export async function post(path, body, signal) {
  const response = await answer(await fetch(path, {
    method: 'POST', signal,
    headers: { 'Content-Type': 'application/json' },
    body: body === undefined ? undefined : JSON.stringify(body),
  }));
  return response.status === 204 ? null : response.json();
}

export async function send(file) {
  return (await answer(await fetch('/api/pictures?name=' + encodeURIComponent(file.name), { method: 'POST', body: file }))).json();
}

// drop lets go of a piece of work, 'maps' or 'recognitions'.
export function drop(kind, id) { return fetch(`/api/${kind}/${id}`, { method: 'DELETE', keepalive: true }).catch(() => {}); }

// A stream is asked for again after so many seconds: browsers have six connections to a
// server in all their tabs, and others wait for one.
const lasting = 4, mostLost = 20;

// listen hears the events of a piece of work, and says lost if the server is gone. The
// first event may come again.
export function listen(path, handlers, lost) {
  const source = new EventSource(`${path}?seconds=${lasting}`);
  let failures = 0;
  for (const [name, f] of Object.entries(handlers)) {
    source.addEventListener(name, (e) => { failures = 0; f(JSON.parse(e.data)); });
  }
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED && ++failures < mostLost) return;
    source.close();
    lost('the server does not answer');
  };
  return source;
}

function bytes(base64) {
  const text = atob(base64), b = new Uint8Array(text.length);
  for (let i = 0; i < b.length; i++) b[i] = text.charCodeAt(i);
  return new DataView(b.buffer);
}

// numbers are little-endian whatever the machine is.
export function floats(base64) {
  const d = bytes(base64), v = new Float32Array(d.byteLength / 4);
  for (let i = 0; i < v.length; i++) v[i] = d.getFloat32(4 * i, true);
  return v;
}

export function ints(base64) {
  const d = bytes(base64), v = new Int32Array(d.byteLength / 4);
  for (let i = 0; i < v.length; i++) v[i] = d.getInt32(4 * i, true);
  return v;
}
