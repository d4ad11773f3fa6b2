// The other visitor, drawn: it asks for a page of its own four times a second, one request after the
// other, and every round trip becomes a bar. Also sends the register form without leaving the page,
// so that the strip can be watched while the answer is awaited. Without JavaScript the forms still work.
'use strict';

const EVERY = 250;        // milliseconds from one question to the next
const SLOW = 250;         // longer than this is drawn red
const SHOWN = 30000;      // milliseconds from the left edge to the right, half of it on a small screen
const KEPT = 'squall.visitor';
const SVG = 'http://www.w3.org/2000/svg';

const wall = () => performance.timeOrigin + performance.now();
const seconds = ms => (ms / 1000).toFixed(1) + ' s';
const millis = ms => ms >= 1000 ? seconds(ms) : (ms < 10 ? ms.toFixed(1) : Math.round(ms)) + ' ms';

function element(name, attributes = {}, ...children) {
  const svg = ['svg', 'rect', 'line', 'text'].includes(name);
  const node = svg ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

class Visitor {
  constructor(home) {
    this.url = home.dataset.visitor;
    this.trips = [];      // { start, took, lost }; `took` is missing while the answer is awaited
    this.own = [];        // { start, took, kind }: the forms this page has sent
    this.restore();
    this.state = element('span', { class: 'state', role: 'status' });
    this.numbers = element('p', { class: 'numbers' });
    this.picture = element('svg', { 'aria-hidden': 'true' });
    home.append(
      element('header', {}, element('h2', {}, 'Another visitor', element('code', {}, 'GET ' + this.url)), this.state),
      this.picture,
      this.numbers,
    );
    setInterval(() => this.ask(), EVERY);
    const draw = () => { this.draw(); requestAnimationFrame(draw); };
    draw();
    addEventListener('pagehide', () => this.keep());
  }

  // One question at a time: a server that does not answer is not asked again meanwhile.
  async ask() {
    if (this.pending || document.hidden) return;
    const trip = this.pending = { start: wall() };
    this.trips.push(trip);
    try {
      const answer = await fetch(this.url, { cache: 'no-store', credentials: 'omit' });
      await answer.text();
      trip.lost = !answer.ok;
    } catch {
      trip.lost = true;
    }
    trip.took = wall() - trip.start;
    this.pending = null;
    const edge = wall() - 2 * SHOWN;
    this.trips = this.trips.filter(t => t.start > edge);
    this.own = this.own.filter(t => t.took === undefined || t.start + t.took > edge);
  }

  // The strip goes on where the last page left it.
  keep() {
    try {
      const done = list => list.filter(t => t.took !== undefined);
      sessionStorage.setItem(KEPT, JSON.stringify({ trips: done(this.trips), own: done(this.own) }));
    } catch { /* no storage, no memory: the strip begins anew */ }
  }
  restore() {
    try {
      Object.assign(this, JSON.parse(sessionStorage.getItem(KEPT)) ?? {});
    } catch { /* as above */ }
  }

  draw() {
    const now = wall(), { clientWidth: width, clientHeight: height } = this.picture;
    const shown = width < 420 ? SHOWN / 2 : SHOWN;
    const x = at => width - (now - at) * width / shown;
    // From 1 ms at the bottom to 10 s at the top, each power of ten as tall as the others.
    const floor = height - 14;
    const tall = ms => Math.max(0.04, Math.min(1, (Math.log10(Math.max(ms, 1)) + 0.25) / 4.25)) * floor;
    const shapes = [];
    for (const [ms, label] of [[10, '10 ms'], [100, '100 ms'], [1000, '1 s']]) {
      const y = floor - tall(ms);
      shapes.push(element('line', { x1: 0, x2: width, y1: y, y2: y, class: 'grid' }));
      shapes.push(element('text', { x: 0, y: y - 3 }, label));
    }
    for (const { start, took, kind } of this.own) {
      const from = x(start), to = took === undefined ? width : x(start + took);
      shapes.push(element('rect', { x: from, y: 0, width: Math.max(1, to - from), height, class: 'own ' + kind }));
      if (to < 0 || to - from < 24) continue; // too narrow to be told from its neighbour
      const text = { x: Math.min(Math.max(from + 4, 4), width - 112), y: height - 2 };
      shapes.push(element('text', text, 'your request, ' + seconds(took ?? now - start)));
    }
    for (const { start, took, lost } of this.trips) {
      const ms = took ?? now - start;
      if (x(start + ms) < 0) continue;
      const kind = ms > SLOW ? 'slow' : lost ? 'lost' : '';
      const wide = Math.max(3, ms * width / shown);
      shapes.push(element('rect', { x: x(start), y: floor - tall(ms), width: wide, height: tall(ms), rx: 1, class: 'bar ' + kind }));
    }
    this.picture.replaceChildren(...shapes);
    this.tell(now);
  }

  tell(now) {
    const waiting = this.pending ? now - this.pending.start : 0;
    const recent = this.trips.filter(t => t.took !== undefined && t.start > now - SHOWN);
    const last = this.trips.findLast(t => t.took !== undefined);
    const stalled = waiting > SLOW;
    const words = stalled ? `no answer for ${seconds(waiting)}`
      : last?.lost ? 'the server does not answer' : last ? `answered in ${millis(last.took)}` : 'asking';
    this.state.classList.toggle('stalled', stalled || !!last?.lost);
    if (this.state.textContent !== words) this.state.textContent = words;
    const times = recent.filter(t => !t.lost).map(t => t.took).sort((a, b) => a - b);
    if (!times.length || now < (this.told ?? 0) + 500) return;
    this.told = now;
    const number = (value, what) => element('span', {}, element('b', {}, value), ' ' + what);
    this.numbers.replaceChildren(
      number(times.length, 'answers in 30 s'),
      number(millis(times[times.length >> 1]), 'median'),
      number(millis(times.at(-1)), 'slowest'),
    );
  }

  // What the visitor saw while that form of ours was on its way.
  during({ start, took }) {
    const seen = this.trips.filter(t => t.start < start + took && t.start + t.took > start && !t.lost);
    const slowest = Math.max(0, ...seen.map(t => t.took));
    return { count: seen.length, slowest };
  }
}

function newCaptcha() {
  for (const image of document.querySelectorAll('[data-captcha]')) image.src = '/auth/captcha?' + Date.now();
  for (const input of document.querySelectorAll('[name=captcha]')) input.value = '';
}

function flash(nodes) {
  document.getElementById('flashes').replaceChildren(...nodes);
}

// Sends the form and stays here; the answer's messages are shown in place.
async function register(form, visitor) {
  const button = form.querySelector('.button'), label = button.textContent;
  const outcome = document.querySelector('[data-outcome]');
  const body = new URLSearchParams(new FormData(form));
  const own = { start: wall(), kind: body.get('wait') };
  visitor?.own.push(own);
  document.body.classList.add('sending');
  button.disabled = true;
  button.textContent = button.dataset.busy;
  flash([]);
  const ticking = setInterval(() => {
    outcome.textContent = `Your request has been waiting for ${seconds(wall() - own.start)}. `
      + (own.kind === 'block' ? 'So has the loop, and so has everybody.' : 'The loop is not: it serves the other visitor.');
  }, 100);
  try {
    const answer = await fetch(form.action, { method: 'POST', body, cache: 'no-store' });
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    const error = page.querySelector('[data-error]');
    flash(error
      ? [element('p', { class: 'flash error' }, [...error.querySelectorAll('h1, .message')].map(n => n.textContent).join(': '))]
      : page.querySelectorAll('.flash'));
    own.took = wall() - own.start;
    const here = !answer.ok || new URL(answer.url).pathname === location.pathname;
    setTimeout(() => tellOutcome(outcome, own, visitor, here ? null : answer.url), 2 * EVERY);
  } catch {
    own.took = wall() - own.start;
    document.body.classList.remove('sending');
    flash([element('p', { class: 'flash error' }, 'The server did not answer.')]);
  }
  clearInterval(ticking);
  newCaptcha();
  document.getElementById('flashes').scrollIntoView({ block: 'nearest' });
  button.disabled = false;
  button.textContent = label;
}

function tellOutcome(outcome, own, visitor, next) {
  const { count, slowest } = visitor?.during(own) ?? { count: 0, slowest: 0 };
  outcome.classList.add('done');
  outcome.replaceChildren(
    `Your request took ${seconds(own.took)}. Meanwhile the other visitor got ${count} answer${count === 1 ? '' : 's'}, the slowest in ${millis(slowest)}.`,
  );
  if (own.kind === 'block') outcome.append(' The log in the terminal names the line that blocked.');
  if (next) outcome.append(element('br'), element('a', { class: 'button', href: next }, 'Continue'));
}

addEventListener('DOMContentLoaded', () => {
  const home = document.querySelector('[data-visitor]');
  const visitor = home && new Visitor(home);
  for (const button of document.querySelectorAll('[data-new-captcha]')) {
    button.hidden = false;
    button.addEventListener('click', newCaptcha);
  }
  for (const form of document.querySelectorAll('[data-waits]')) {
    form.addEventListener('submit', event => { event.preventDefault(); register(form, visitor); });
  }
});
