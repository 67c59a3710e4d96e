/* SPDX-License-Identifier: MIT */
/* The page: one head is open, and one token may be pointed at or chosen. */

const byId = id => document.getElementById(id);
let open = null; /* the Head */
let chosen = -1, pointed = -1;
const colours = () => byId('colours').value === 'root';
const byRow = () => document.querySelector('input[name=direction]:checked').value === 'row';

const map = new MapView(byId('map'), pointAtCell);
const text = new TextView(byId('text'), pointAtToken, chooseToken);
const overview = new Overview(byId('overview'), openHead);

async function openHead(k) {
  open = await loadHead(k);
  map.show(open, colours());
  overview.mark(k);
  byId('map-title').textContent = 'L' + nameOf(k).slice(1) + (facts.words[k] === '' ? '' : ': ' + facts.words[k]);
  history.replaceState(null, '', '#' + open.layer + '.' + open.head);
  tellFigures();
  drawLegend();
  showToken();
}

function tellFigures() {
  const f = figuresOf(open), share = x => Math.round(100 * x) + ' %';
  byId('figures').textContent = nTokens < 2 ? '' : 'On average: spread over ' + Math.exp(f.entropy).toFixed(1) +
    ' tokens, ' + f.distance.toFixed(1) + ' back; ' + share(f.itself) + ' to itself, ' + share(f.previous) +
    ' to the previous token, ' + share(f.first) + ' to the first.';
  byId('precision').textContent = 'Weights w are kept to within \u221aw / ' + open.levels + ': 50 % is off by at most ' +
    (100 * open.error(.5)).toPrecision(1) + ' %, 1 % by ' + (100 * open.error(.01)).toPrecision(1) + ' %.';
}

/* --- pointing --- */

function pointAtCell(i, j) {
  const readout = byId('readout');
  if (open === null) return;
  if (i < 0) {
    showToken();
    text.mark(-1, -1);
    return;
  }
  map.mark(i, j);
  text.mark(i, j);
  readout.textContent = percent(open, open.weight(i, j)) + ' from ' + quoted(i) + ' to ' + quoted(j);
}

function pointAtToken(i) {
  pointed = i;
  showToken();
}

/* Choosing keeps a token; choosing it again lets it go. */
function chooseToken(i) {
  chosen = chosen === i ? -1 : i;
  byId('chosen').textContent = chosen < 0 ? '' : 'chosen: ' + quoted(chosen) + '; Esc lets it go';
  if (chosen >= 0) map.reveal(chosen);
  showToken();
}

function showToken() {
  const i = pointed >= 0 ? pointed : chosen;
  if (open === null) return;
  text.colour(open, i, byRow());
  map.mark(byRow() ? i : -1, byRow() ? -1 : i);
  byId('readout').textContent = i < 0 ? '\u00a0' : strongest(i);
}

/* The five tokens that have most to do with token i, in words. */
function strongest(i) {
  const weights = facts.tokens.map((_, j) => byRow() ? open.weight(i, j) : open.weight(j, i));
  const order = weights.map((_, j) => j).filter(j => weights[j] > 0).sort((a, b) => weights[b] - weights[a]).slice(0, 5);
  const loss = facts.loss?.[i] == null ? '' : ', loss ' + facts.loss[i].toFixed(2) + ' nats,';
  return quoted(i) + loss + (byRow() ? ' looks at ' : ' is looked at by ') +
    order.map(j => quoted(j) + ' ' + percent(open, weights[j])).join(', ');
}

/* --- the scale --- */

function drawLegend() {
  const canvas = byId('legend'), ratio = window.devicePixelRatio || 1, root = colours();
  const width = canvas.clientWidth, height = canvas.clientHeight, left = 14, long = width - 38;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const c = canvas.getContext('2d');
  c.setTransform(ratio, 0, 0, ratio, 0, 0);
  for (let x = 0; x < long; x++) {
    c.fillStyle = '#' + facts.colours.substr(6 * Math.round(x / (long - 1) * (AMOUNTS - 1)), 6);
    c.fillRect(left + x, 2, 1.5, 12);
  }
  c.font = '11px system-ui, sans-serif';
  c.textAlign = 'center';
  c.fillStyle = getComputedStyle(canvas).color;
  for (const weight of root ? [0, .01, .05, .2, .5, 1] : [0, .25, .5, .75, 1]) {
    const x = left + placeOf(weight, root) * long;
    c.fillRect(x - .5, 14, 1, 4);
    c.fillText(100 * weight + ' %', x, 29);
  }
}

/* --- beginning --- */

/* The head that the address names, else the first that has a role, else the first. */
function headOfHash() {
  const [layer, head] = location.hash.slice(1).split('.').map(Number);
  const asked = facts.heads.findIndex(([l, h]) => l === layer && h === head);
  return asked >= 0 ? asked : Math.max(0, facts.words.findIndex(words => words !== ''));
}

function listen() {
  byId('zoom-in').addEventListener('click', () => map.zoomMiddle(1.5));
  byId('zoom-out').addEventListener('click', () => map.zoomMiddle(1 / 1.5));
  byId('zoom-fit').addEventListener('click', () => map.fit());
  byId('colours').addEventListener('change', () => {
    map.show(open, colours());
    overview.draw(colours());
    drawLegend();
  });
  for (const input of document.querySelectorAll('input[name=direction]')) input.addEventListener('change', showToken);
  window.addEventListener('hashchange', () => openHead(headOfHash()));
  window.addEventListener('keydown', event => {
    if (event.key === 'Escape' && chosen >= 0) chooseToken(chosen);
  });
}

function complain(error) {
  byId('trouble').hidden = false;
  byId('trouble').textContent = typeof DecompressionStream === 'undefined'
    ? 'This browser is too old for this page: it needs DecompressionStream (browsers of 2023 and later have it).'
    : 'This page cannot be shown: ' + error.message;
}

listRoles(byId('roles'), openHead);
/* Of many tokens a row gives most so little that all would look like nothing. */
byId('colours').value = nTokens > 48 ? 'root' : 'even';
listen();
overview.draw(colours()).then(() => openHead(headOfHash())).catch(complain);
