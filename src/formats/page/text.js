/* SPDX-License-Identifier: MIT */
/* The text, token by token. Pointing at one colours the others by how much they have to do with it. */

class TextView {
  constructor(box, onToken, onChoose) {
    this.spans = facts.tokens.map((token, i) => {
      const span = document.createElement('span');
      /* signs of blanks become blanks again, and a new line is shown and begun */
      span.textContent = token.replace(/\u2423/g, ' ').replace(/\u23ce/g, '\u23ce\n');
      span.title = i + (facts.loss?.[i] == null ? '' : ': loss ' + facts.loss[i].toFixed(2) + ' nats');
      span.addEventListener('pointerenter', () => onToken(i));
      span.addEventListener('click', () => onChoose(i));
      return span;
    });
    box.addEventListener('pointerleave', () => onToken(-1));
    box.append(...this.spans);
  }

  /* Weights of all tokens for one of them; by row: those that it takes in. */
  colour(head, i, byRow) {
    this.spans.forEach((span, j) => {
      const weight = i < 0 ? 0 : byRow ? head.weight(i, j) : head.weight(j, i);
      const colour = weight > 0 ? 'rgba(var(--mark), ' + (.85 * Math.sqrt(weight)).toFixed(3) + ')' : '';
      if (span.style.backgroundColor !== colour) span.style.backgroundColor = colour;
      span.classList.toggle('from', j === i);
    });
  }

  /* The two tokens of a cell of the map; -1: none. */
  mark(i, j) {
    for (const span of this.marked ?? []) span.classList.remove('from', 'to');
    this.marked = i < 0 ? [] : [this.spans[i], this.spans[j]];
    this.spans[i]?.classList.add('from');
    this.spans[j]?.classList.add('to');
  }
}
