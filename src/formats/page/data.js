/* SPDX-License-Identifier: MIT */
'use strict';
/* What the page holds. A head's weights are packed codes, unpacked when they are asked for. */

const facts = JSON.parse(document.getElementById('page-facts').textContent);
const nTokens = facts.tokens.length;
const NOT_FINITE = 255;

async function unpack(base64) {
  const text = atob(base64);
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/* One head: a code for each query i and key j <= i, row after row. The weight is (code / levels) squared, and 0 of later keys. */
class Head {
  constructor(k, codes) {
    [this.layer, this.head, this.levels] = facts.heads[k];
    this.codes = codes;
  }

  code(i, j) {
    return j > i ? 0 : this.codes[i * (i + 1) / 2 + j];
  }

  weight(i, j) {
    const code = this.code(i, j);
    return code === NOT_FINITE ? NaN : (code / this.levels) ** 2;
  }

  /* How far a stored weight may be from the true one. */
  error(weight) {
    return Math.sqrt(weight) / this.levels + 1 / (4 * this.levels ** 2);
  }
}

const KEPT_HEADS = 8; /* unpacked; the one that was not asked for longest goes first */
const unpacked = new Map();

function loadHead(k) {
  let head = unpacked.get(k);
  if (head === undefined)
    head = unpack(document.getElementById('head-' + k).textContent).then(codes => new Head(k, codes));
  unpacked.delete(k);
  unpacked.set(k, head);
  if (unpacked.size > KEPT_HEADS) unpacked.delete(unpacked.keys().next().value);
  return head;
}

/* Means over the rows but the first, which has nothing to choose from. */
function figuresOf(head) {
  const sums = {entropy: 0, distance: 0, itself: 0, previous: 0, first: 0};
  for (let i = 1; i < nTokens; i++) {
    let total = 0, plogp = 0, far = 0;
    for (let j = 0; j <= i; j++) {
      const p = head.weight(i, j);
      if (!(p > 0)) continue;
      total += p;
      plogp += p * Math.log(p);
      far += p * (i - j);
    }
    if (total === 0) continue;
    /* rounding leaves a row a little off 1 */
    sums.entropy += Math.log(total) - plogp / total;
    sums.distance += far / total;
    sums.itself += head.weight(i, i) / total;
    sums.previous += head.weight(i, i - 1) / total;
    sums.first += head.weight(i, 0) / total;
  }
  for (const name in sums) sums[name] /= Math.max(1, nTokens - 1);
  return sums;
}

/* --- colours --- */

const AMOUNTS = 256;

function rampColour(index) {
  return parseInt(facts.colours.substr(6 * index, 6), 16);
}

/* The place of a weight on the ramp, 0 .. 1. */
function placeOf(weight, root) {
  return root ? Math.sqrt(weight) : weight;
}

/* For each code the pixel of an ImageData, as one little-endian number. */
function pixelsOfCodes(levels, root) {
  const pixels = new Uint32Array(256);
  for (let code = 0; code < 256; code++) {
    const place = placeOf(Math.min(1, code / levels) ** 2, root);
    const rgb = rampColour(code === NOT_FINITE ? AMOUNTS : Math.round(place * (AMOUNTS - 1)));
    pixels[code] = (0xff000000 | (rgb & 0xff) << 16 | (rgb & 0xff00) | rgb >> 16) >>> 0;
  }
  return pixels;
}

/* --- words --- */

/* Two digits: more than that is not kept of small weights. */
function percent(head, weight) {
  if (Number.isNaN(weight)) return 'nan';
  if (weight === 0) return 'less than ' + Number((100 * head.error(0)).toPrecision(1)) + ' %';
  return Number((100 * weight).toPrecision(2)) + ' %';
}

/* A token in running text: what runs from right to left stays inside. */
function quoted(i) {
  return '\u201c\u2068' + facts.tokens[i] + '\u2069\u201d (' + i + ')';
}
