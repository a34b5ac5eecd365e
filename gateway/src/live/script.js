// One event a second from /live/events: draws the last two minutes. Everything shown is set as text, never as markup.
'use strict';

const KEPT = 120;
const KINDS = ['served', 'limited', 'denied', 'failed'];
const frames = [];
let paused = false;

const find = (id) => document.getElementById(id);
const number = (value) => (value >= 100 || Number.isInteger(value) ? Math.round(value).toLocaleString('en') : value.toFixed(1));
const millis = (value) => (value === null ? '–' : value < 10 ? value.toFixed(1) : number(Math.round(value)));
const rate = (frame, kind) => frame[kind] / frame.seconds;

function keep(frame) {
  frames.push(frame);
  if (frames.length > KEPT) frames.shift();
}

function say(state, text) {
  const status = find('state');
  if (status.textContent !== text) status.textContent = text;
  status.className = state;
}

function draw() {
  const last = frames.at(-1);
  if (paused || last === undefined) return;
  for (const kind of KINDS) find(kind).textContent = number(rate(last, kind));
  for (const quantile of ['p50', 'p99']) find(quantile).textContent = millis(last[quantile]);
  for (const gauge of ['inProgress', 'connections']) find(gauge).textContent = number(last[gauge]);
  drawAnswers(last);
  drawLatency(last);
  drawRefusals(last);
  drawKeys(last);
}

/** The place of frame `index`: the newest is at the right edge. */
const x = (index) => (1200 * (KEPT - frames.length + index)) / (KEPT - 1);

/** A round number that is not below any of `values`. */
function ceiling(values, least) {
  const most = Math.max(least, ...values);
  const magnitude = 10 ** Math.floor(Math.log10(most));
  return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * magnitude).find((round) => round >= most);
}

function drawAnswers(last) {
  const top = ceiling(frames.map((frame) => KINDS.reduce((sum, kind) => sum + rate(frame, kind), 0)), 10);
  const y = (value) => 240 - (240 * value) / top;
  const floor = frames.map(() => 0);
  for (const kind of KINDS) {
    const lower = frames.map((_, index) => `L${x(index)} ${y(floor[index])}`).reverse();
    frames.forEach((frame, index) => (floor[index] += rate(frame, kind)));
    const upper = frames.map((_, index) => `${index === 0 ? 'M' : 'L'}${x(index)} ${y(floor[index])}`);
    document.querySelector(`#answers .${kind}`).setAttribute('d', `${upper.join('')}${lower.join('')}Z`);
  }
  find('answers-top').textContent = `${number(top)}/s`;
  const now = KINDS.map((kind) => `${number(rate(last, kind))} ${kind}`).join(', ');
  find('answers').setAttribute('aria-label', `Answers per second over two minutes. Now: ${now}.`);
}

function drawLatency(last) {
  const known = frames.flatMap((frame) => [frame.p50, frame.p99]).filter((value) => value !== null);
  const top = ceiling(known, 1);
  for (const quantile of ['p50', 'p99']) {
    let path = '';
    let pen = 'M';
    frames.forEach((frame, index) => {
      const value = frame[quantile];
      if (value !== null) path += `${pen}${x(index)} ${158 - (156 * value) / top}`;
      pen = value === null ? 'M' : 'L';
    });
    document.querySelector(`#latency .${quantile}`).setAttribute('d', path);
  }
  find('latency-top').textContent = `${number(top)} ms`;
  const label = `Time to answer over two minutes. Now: half within ${millis(last.p50)} ms, 99 % within ${millis(last.p99)} ms.`;
  find('latency').setAttribute('aria-label', label);
}

function drawRefusals(last) {
  const totals = new Map();
  for (const frame of frames) {
    for (const [name, count] of Object.entries(frame.refusals)) totals.set(name, (totals.get(name) ?? 0) + count);
  }
  const rows = [...totals].sort(([, a], [, b]) => b - a).slice(0, 12);
  fill('refusals', rows.map(([name, total]) => [name, number((last.refusals[name] ?? 0) / last.seconds), number(total)]));
}

function drawKeys(last) {
  fill('keys', last.keys.map(({ key, limit, refused }) => [key, limit, number(refused)]));
  find('keys-note').textContent = last.plain || last.keys.length === 0 ? '' : 'Keys are shown as codes, which are others after a restart. weir gateway --live-keys plain shows the keys.';
}

function fill(id, rows) {
  const row = (cells) => {
    const element = document.createElement('tr');
    element.append(...cells.map((text) => Object.assign(document.createElement('td'), { textContent: text })));
    return element;
  };
  find(id).tBodies[0].replaceChildren(...rows.map(row));
  find(id).hidden = rows.length === 0;
  find(`${id}-empty`).hidden = rows.length > 0;
}

function stateOf(frame) {
  if (frame.mode === 'exact') say('live', 'live');
  else say('degraded', `live; limits are decided in mode “${frame.mode}”: the limiter does not answer`);
}

find('pause').addEventListener('click', () => {
  paused = !paused;
  find('pause').setAttribute('aria-pressed', String(paused));
  draw();
});

const events = new EventSource('/live/events');
events.addEventListener('history', ({ data }) => {
  frames.length = 0;
  JSON.parse(data).forEach(keep);
  draw();
});
events.addEventListener('message', ({ data }) => {
  keep(JSON.parse(data));
  stateOf(frames.at(-1));
  draw();
});
events.addEventListener('error', () => {
  // A closed source was refused: too many pages are open. An open one tries again by itself.
  const closed = events.readyState === EventSource.CLOSED;
  say('lost', closed ? 'too many pages are open: close one and load this one again' : 'the gateway does not answer: trying again');
});
