/* SPDX-License-Identifier: MIT */
/*
 * The map of one head on a canvas. A view is a scale (pixels a cell) and the place of the upper left corner in cells.
 * The map is painted once into images: image s has a pixel for 2^s x 2^s cells, the largest of them, so that a single
 * strong weight stays visible from afar. A frame draws the visible part of one image and the visible labels.
 */

const MOST_SCALE = 40;
const LABEL_FONT = '11px system-ui, sans-serif';
const LABEL_SCALE = 10; /* from here on each cell has its token at the axes */

class MapView {
  constructor(canvas, onPoint) {
    this.canvas = canvas;
    this.onPoint = onPoint; /* (i, j) of the cell under the pointer, or (-1, -1) */
    this.images = [];
    this.x = this.y = 0;
    this.scale = 1;
    this.row = this.column = -1; /* marked */
    this.waiting = false;
    this.pointers = new Map();
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.listen();
  }

  /* --- painting the images --- */

  show(head, root) {
    const pixels = pixelsOfCodes(head.levels, root);
    let codes = new Uint8Array(nTokens * nTokens);
    for (let i = 0, at = 0; i < nTokens; i++, at += i)
      codes.set(head.codes.subarray(at, at + i + 1), i * nTokens);
    this.images = [];
    for (let n = nTokens; ; n = Math.ceil(n / 2)) {
      this.images.push(this.paint(codes, n, pixels));
      if (n <= 64) break;
      codes = MapView.halve(codes, n);
    }
    this.wake();
  }

  /* What lies above the diagonal stays transparent. */
  paint(codes, n, pixels) {
    const image = document.createElement('canvas');
    image.width = image.height = n;
    const context = image.getContext('2d');
    const data = context.createImageData(n, n);
    const out = new Uint32Array(data.data.buffer);
    for (let i = 0; i < n; i++)
      for (let j = 0; j <= i; j++) out[i * n + j] = pixels[codes[i * n + j]];
    context.putImageData(data, 0, 0);
    return image;
  }

  static halve(codes, n) {
    const half = Math.ceil(n / 2), out = new Uint8Array(half * half);
    for (let i = 0; i < n; i++) {
      const row = (i >> 1) * half;
      for (let j = 0; j <= i; j++) {
        const at = row + (j >> 1), code = codes[i * n + j];
        if (code > out[at]) out[at] = code;
      }
    }
    return out;
  }

  /* --- the view --- */

  resize() {
    const box = this.canvas.getBoundingClientRect();
    const first = this.width === undefined, whole = !first && this.scale <= this.fitScale() * 1.001;
    this.width = box.width;
    this.height = box.height;
    this.left = Math.min(box.width < 560 ? 80 : 120, this.longestLabel() + 12);
    this.top = Math.min(box.width < 560 ? 60 : 90, this.longestLabel() + 12);
    this.ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(box.width * this.ratio);
    this.canvas.height = Math.round(box.height * this.ratio);
    if (first || whole) this.fit();
    else this.wake();
  }

  /* Pixels of the longest token as it is drawn; positions need some, too. */
  longestLabel() {
    if (this.longest === undefined) {
      const c = this.canvas.getContext('2d');
      c.font = LABEL_FONT;
      this.longest = Math.max(24, ...facts.tokens.map(token => c.measureText(MapView.short(token)).width));
    }
    return this.longest;
  }

  fitScale() {
    const room = Math.min(this.width - this.left, this.height - this.top) - 4;
    return Math.min(MOST_SCALE, Math.max(room, 20) / nTokens);
  }

  fit() {
    this.scale = this.fitScale();
    this.x = this.y = 0;
    this.wake();
  }

  /* Keeps the map in sight; true when the view has changed. */
  moveTo(x, y) {
    const most = (pixels) => Math.max(0, nTokens - (pixels - 4) / this.scale);
    const newX = Math.min(Math.max(0, x), most(this.width - this.left));
    const newY = Math.min(Math.max(0, y), most(this.height - this.top));
    const moved = newX !== this.x || newY !== this.y;
    this.x = newX;
    this.y = newY;
    if (moved) this.wake();
    return moved;
  }

  /* The cell below the point stays there. */
  zoom(factor, px, py) {
    const before = this.scale;
    px = Math.max(0, px - this.left);
    py = Math.max(0, py - this.top);
    this.scale = Math.min(MOST_SCALE, Math.max(this.fitScale(), this.scale * factor));
    this.moveTo(this.x + px / before - px / this.scale, this.y + py / before - py / this.scale);
    this.wake();
  }

  zoomMiddle(factor) {
    this.zoom(factor, (this.left + this.width) / 2, (this.top + this.height) / 2);
  }

  /* Marks a row, a column, or the cell where both meet; -1: none. */
  mark(row, column) {
    if (row === this.row && column === this.column) return;
    this.row = row;
    this.column = column;
    this.wake();
  }

  /* Brings a row into sight. */
  reveal(row) {
    const visible = (this.height - this.top) / this.scale;
    if (row < this.y || row >= this.y + visible) this.moveTo(this.x, row - visible / 2);
  }

  /* --- drawing --- */

  wake() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  draw() {
    const c = this.canvas.getContext('2d');
    if (this.images.length === 0 || this.width === undefined) return;
    const style = getComputedStyle(this.canvas);
    this.ink = style.color;
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.clearRect(0, 0, this.width, this.height);
    c.save();
    c.beginPath();
    c.rect(this.left, this.top, this.width - this.left, this.height - this.top);
    c.clip();
    this.drawImage(c);
    this.drawMarks(c);
    c.restore();
    c.font = LABEL_FONT;
    c.fillStyle = this.ink;
    c.direction = 'ltr';
    this.drawRows(c);
    this.drawColumns(c);
  }

  /* The first and the last + 1 of the cells in sight, from x (or y) on. */
  visible(from, pixels) {
    return [Math.floor(from), Math.min(nTokens, Math.ceil(from + pixels / this.scale))];
  }

  drawImage(c) {
    let s = 0;
    while (s + 1 < this.images.length && this.scale * this.ratio * 2 ** s < 1) s++;
    const step = 2 ** s, size = step * this.scale, image = this.images[s];
    const x0 = Math.floor(this.x / step), y0 = Math.floor(this.y / step);
    const nx = Math.min(image.width - x0, Math.ceil((this.width - this.left) / size) + 1);
    const ny = Math.min(image.height - y0, Math.ceil((this.height - this.top) / size) + 1);
    c.imageSmoothingEnabled = false;
    c.drawImage(image, x0, y0, nx, ny, this.left + (x0 * step - this.x) * this.scale,
                this.top + (y0 * step - this.y) * this.scale, nx * size, ny * size);
  }

  drawMarks(c) {
    const x = this.left + (this.column - this.x) * this.scale, y = this.top + (this.row - this.y) * this.scale;
    const size = Math.max(this.scale, 2), end = this.left + (this.row + 1 - this.x) * this.scale;
    const below = this.top + (nTokens - this.y) * this.scale;
    c.strokeStyle = 'rgba(255, 90, 90, .9)';
    c.lineWidth = 1;
    if (this.row >= 0) c.strokeRect(this.left - this.x * this.scale, y - .5, end - this.left + this.x * this.scale, size + 1);
    if (this.column >= 0) {
      const above = this.top + (this.column - this.y) * this.scale;
      c.strokeRect(x - .5, above, size + 1, below - above);
    }
  }

  /* Tokens where a cell has room for one, round positions otherwise. */
  eachLabel(from, pixels, put) {
    const [first, last] = this.visible(from, pixels);
    let step = 1;
    while (this.scale < LABEL_SCALE && step * this.scale < 46) step *= String(step)[0] === '2' ? 2.5 : 2;
    for (let i = Math.ceil(first / step) * step; i < last; i += step)
      put(i, this.scale < LABEL_SCALE ? String(i) : MapView.short(facts.tokens[i]));
  }

  static short(token) {
    const characters = Array.from(token);
    return characters.length <= 14 ? token : characters.slice(0, 13).join('') + '\u2026';
  }

  drawRows(c) {
    c.textAlign = 'right';
    c.textBaseline = 'middle';
    this.eachLabel(this.y, this.height - this.top, (i, text) => {
      const y = this.top + (i + .5 - this.y) * this.scale;
      if (y >= this.top) c.fillText(text, this.left - 5, y, this.left - 8);
    });
  }

  drawColumns(c) {
    const tokens = this.scale >= LABEL_SCALE; /* upright; positions lie */
    this.eachLabel(this.x, this.width - this.left, (j, text) => {
      const x = this.left + (j + .5 - this.x) * this.scale;
      if (x < this.left) return;
      c.save();
      c.translate(x, this.top - 5);
      if (tokens) c.rotate(-Math.PI / 2);
      c.textAlign = tokens ? 'left' : 'center';
      c.fillText(text, 0, tokens ? 0 : -4, this.top - 8);
      c.restore();
    });
  }

  /* --- the pointer and the keyboard --- */

  cellAt(px, py) {
    const j = Math.floor((px - this.left) / this.scale + this.x), i = Math.floor((py - this.top) / this.scale + this.y);
    const inside = px >= this.left && py >= this.top && i < nTokens && j >= 0 && j <= i;
    return inside ? [i, j] : [-1, -1];
  }

  listen() {
    const canvas = this.canvas;
    canvas.addEventListener('wheel', event => this.onWheel(event), {passive: false});
    canvas.addEventListener('pointerdown', event => {
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    });
    canvas.addEventListener('pointermove', event => this.onMove(event));
    for (const name of ['pointerup', 'pointercancel'])
      canvas.addEventListener(name, event => this.pointers.delete(event.pointerId));
    canvas.addEventListener('pointerleave', () => this.onPoint(-1, -1));
    canvas.addEventListener('dblclick', event => this.zoom(2, event.offsetX, event.offsetY));
    canvas.addEventListener('keydown', event => this.onKey(event));
  }

  onWheel(event) {
    const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? this.height : 1;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * unit / 300), event.offsetX, event.offsetY);
    } else if (this.moveTo(this.x + (event.shiftKey ? event.deltaY : event.deltaX) * unit / this.scale,
                           this.y + (event.shiftKey ? 0 : event.deltaY) * unit / this.scale)) {
      event.preventDefault(); /* at its edge the page scrolls on */
    }
    this.onPoint(...this.cellAt(event.offsetX, event.offsetY));
  }

  /* One pointer drags, two pinch. */
  onMove(event) {
    const last = this.pointers.get(event.pointerId), now = [event.offsetX, event.offsetY];
    if (last !== undefined && this.pointers.size === 2) {
      const [other] = [...this.pointers].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
      const before = Math.hypot(last[0] - other[0], last[1] - other[1]);
      const after = Math.hypot(now[0] - other[0], now[1] - other[1]);
      if (before > 0 && after > 0) this.zoom(after / before, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (last !== undefined) {
      this.moveTo(this.x - (now[0] - last[0]) / this.scale, this.y - (now[1] - last[1]) / this.scale);
    }
    if (last !== undefined) this.pointers.set(event.pointerId, now);
    this.onPoint(...this.cellAt(...now));
  }

  onKey(event) {
    const step = 60 / this.scale;
    const moves = {ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step]};
    if (event.key in moves) this.moveTo(this.x + moves[event.key][0], this.y + moves[event.key][1]);
    else if (event.key === '+' || event.key === '=') this.zoomMiddle(1.5);
    else if (event.key === '-') this.zoomMiddle(1 / 1.5);
    else if (event.key === '0') this.fit();
    else return;
    event.preventDefault();
  }
}
