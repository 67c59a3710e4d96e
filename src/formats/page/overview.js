/* SPDX-License-Identifier: MIT */
/* Small maps of all heads, layers downwards and heads to the right; each is a button that opens its head. */

function nameOf(k) {
  return 'layer ' + facts.heads[k][0] + ' head ' + facts.heads[k][1];
}

/* A button for each head of which something is said. */
function listRoles(box, onOpen) {
  facts.words.forEach((words, k) => {
    if (words === '') return;
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = nameOf(k) + ': ' + words;
    button.addEventListener('click', () => onOpen(k));
    box.append(button);
    box.hidden = false;
  });
}

class Overview {
  constructor(box, onOpen) {
    this.buttons = [];
    const heads = [...new Set(facts.heads.map(([, head]) => head))];
    box.style.gridTemplateColumns = 'auto repeat(' + heads.length + ', 52px)';
    box.append(Overview.name(''), ...heads.map(head => Overview.name(String(head))));
    facts.heads.forEach(([layer, head], k) => {
      if (k % heads.length === 0) box.append(Overview.name('layer ' + layer));
      const button = document.createElement('button');
      button.type = 'button';
      button.title = nameOf(k) + (facts.words[k] === '' ? '' : ': ' + facts.words[k]);
      button.setAttribute('aria-label', button.title);
      button.append(document.createElement('canvas'));
      button.addEventListener('click', () => onOpen(k));
      button.addEventListener('keydown', event => this.onKey(event, k, heads.length));
      this.buttons.push(button);
      box.append(button);
    });
  }

  static name(text) {
    const name = document.createElement('div');
    name.className = 'name';
    name.textContent = text;
    return name;
  }

  async draw(root) {
    this.small = this.small ?? await unpack(facts.small);
    const side = facts.side, pixels = pixelsOfCodes(254, root);
    this.buttons.forEach((button, k) => {
      const canvas = button.firstChild;
      canvas.width = canvas.height = side;
      const context = canvas.getContext('2d');
      const data = context.createImageData(side, side);
      const out = new Uint32Array(data.data.buffer);
      for (let i = 0; i < side; i++)
        for (let j = 0; j <= i; j++) out[i * side + j] = pixels[this.small[(k * side + i) * side + j]];
      context.putImageData(data, 0, 0);
    });
  }

  mark(k) {
    this.buttons.forEach((button, i) => button.setAttribute('aria-pressed', String(i === k)));
  }

  onKey(event, k, across) {
    const steps = {ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across};
    const next = this.buttons[k + steps[event.key]];
    if (next === undefined) return;
    event.preventDefault();
    next.focus();
  }
}
