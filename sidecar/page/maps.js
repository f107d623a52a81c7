// Which patches of a few images were open: each image with its closed patches darkened and a line around the open ones, so that
// black images show them too. Every patch can be read by keyboard or pointer, with its score.
import {json} from './api.js';
import {byId, el, fill, setText} from './parts.js';

const LEAST = 336;  // Pixels of a canvas's longer side, at least.
const CLOSED = 'rgba(0, 0, 0, 0.68)';

const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

// One gate's word about one image.
class Decision {
  constructor({layer, open, scores}) {
    this.layer = layer;
    this.bits = bytes(open);
    this.scores = bytes(scores);
  }

  open(patch) {
    return (this.bits[patch >> 3] >> (patch & 7) & 1) === 1;
  }

  count() {
    return this.scores.reduce((sum, _, patch) => sum + (this.open(patch) ? 1 : 0), 0);
  }

  words(patch) {
    return `${this.open(patch) ? 'open' : 'closed'}, score ${(this.scores[patch] / 255).toFixed(2)}`;
  }
}

const called = (image) => `Image ${image.image_id}${image.label === '' ? '' : `, ${image.label}`}`;

// One image: a canvas that takes the focus.
class Picture {
  constructor(image, {rows, columns}, read) {
    Object.assign(this, {image, rows, columns, read, at: -1});
    this.decisions = image.layers.map((layer) => new Decision(layer));
    const cell = Math.ceil(LEAST / Math.max(rows, columns));
    this.cell = cell;
    this.canvas = el('canvas', {tabindex: '0', role: 'img', width: columns * cell, height: rows * cell});
    this.caption = el('p', {});
    this.node = el('li', {}, this.canvas, this.caption);
    this.canvas.addEventListener('keydown', (event) => this.move(event));
    this.canvas.addEventListener('blur', () => this.point(-1));
    this.canvas.addEventListener('pointerleave', () => this.point(-1));
    this.canvas.addEventListener('pointermove', ({offsetX, offsetY}) => {
      const of = (offset, size, count) => Math.min(count - 1, Math.max(0, Math.floor(offset / size * count)));
      this.point(of(offsetY, this.canvas.clientHeight, rows) * columns + of(offsetX, this.canvas.clientWidth, columns));
    });
  }

  async unpack() {
    this.bitmap = await createImageBitmap(new Blob([bytes(this.image.thumbnail)], {type: 'image/png'}));
  }

  show(gate) {
    this.decision = this.decisions[Math.min(gate, this.decisions.length - 1)];
    const open = this.decision.count(), all = this.rows * this.columns;
    this.canvas.setAttribute('aria-label',
      `${called(this.image)}: ${open} of ${all} patches open after block ${this.decision.layer}. Arrow keys read them one by one.`);
    this.caption.replaceChildren(el('strong', {}, called(this.image)), `${open} of ${all} open`);
    this.draw();
  }

  draw() {
    const {canvas, bitmap, cell, rows, columns, decision} = this;
    const paint = canvas.getContext('2d');
    paint.imageSmoothingEnabled = bitmap.width > canvas.width / 2;  // Small images keep their pixels.
    paint.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    paint.fillStyle = CLOSED;
    for (let patch = 0; patch < rows * columns; ++patch) {
      if (!decision.open(patch)) paint.fillRect(patch % columns * cell, Math.floor(patch / columns) * cell, cell, cell);
    }
    const width = Math.max(1, Math.min(3, Math.floor(cell / 8)));
    for (const [colour, line] of [['#000000', width + 2], ['#ffd500', width]]) this.outline(paint, colour, line);
    if (this.at >= 0) {
      paint.strokeStyle = '#ffffff';
      paint.lineWidth = 2;
      paint.setLineDash([4, 3]);
      paint.strokeRect(this.at % columns * cell + 2, Math.floor(this.at / columns) * cell + 2, cell - 4, cell - 4);
      paint.setLineDash([]);
    }
  }

  // Around what is open, where the neighbour is not.
  outline(paint, colour, width) {
    const {rows, columns, cell, decision} = this;
    const open = (row, column) => row >= 0 && column >= 0 && row < rows && column < columns && decision.open(row * columns + column);
    paint.strokeStyle = colour;
    paint.lineWidth = width;
    paint.beginPath();
    const line = (fromX, fromY, toX, toY) => {
      const inside = (value, end) => Math.min(end - width / 2, Math.max(width / 2, value));
      paint.moveTo(inside(fromX, columns * cell), inside(fromY, rows * cell));
      paint.lineTo(inside(toX, columns * cell), inside(toY, rows * cell));
    };
    for (let row = 0; row < rows; ++row) {
      for (let column = 0; column < columns; ++column) {
        if (!open(row, column)) continue;
        const left = column * cell, top = row * cell, right = left + cell, bottom = top + cell;
        if (!open(row - 1, column)) line(left, top, right, top);
        if (!open(row + 1, column)) line(left, bottom, right, bottom);
        if (!open(row, column - 1)) line(left, top, left, bottom);
        if (!open(row, column + 1)) line(right, top, right, bottom);
      }
    }
    paint.stroke();
  }

  move(event) {
    const {rows, columns} = this, last = rows * columns - 1;
    const from = this.at < 0 ? -1 : this.at;
    const to = {ArrowLeft: from - 1, ArrowRight: from + 1, ArrowUp: from - columns, ArrowDown: from < 0 ? 0 : from + columns, Home: 0, End: last}[event.key];
    if (event.key === 'Escape') this.point(-1);
    if (to === undefined) return;
    event.preventDefault();
    if (to >= 0 && to <= last) this.point(to);
  }

  point(patch) {
    if (patch === this.at || !this.decision) return;
    this.at = patch;
    this.draw();
    this.read(patch < 0 ? '' : `${called(this.image)}, row ${Math.floor(patch / this.columns) + 1}, column ${patch % this.columns + 1}: ${this.decision.words(patch)}`);
  }
}

export class TokenMaps {
  constructor() {
    this.shown = '';    // Which map is.
    this.wanted = null; // Step chosen by the user; null follows the newest.
    this.steps = [];
    this.pictures = [];
    byId('map-step').addEventListener('change', ({target}) => {
      this.wanted = target.selectedIndex === 0 ? null : target.value;
      this.follow();
    });
    byId('map-gate').addEventListener('change', () => this.show());
  }

  update(run) {
    if (this.name !== run.run) Object.assign(this, {name: run.run, wanted: null});
    // A run that went back makes maps of the same steps again.
    const generation = Math.max(0, ...run.ranks.map((rank) => rank.generation));
    const facts = JSON.stringify([run.run, run.map_steps, generation]);
    if (this.facts === facts) return;
    Object.assign(this, {facts, generation, steps: run.map_steps});
    this.follow();
  }

  // One map at a time, each of them shown: where maps come faster than they are loaded, the next one is the newest then.
  async follow() {
    if (!this.steps.includes(this.wanted)) this.wanted = null;
    this.choose();
    this.again = true;
    if (this.busy) return;
    this.busy = true;
    while (this.again) {
      this.again = false;
      try {
        await this.load(this.name, this.generation, this.wanted ?? this.steps.at(-1) ?? null);
      } catch {
        this.facts = null;  // The next event brings another try.
      }
    }
    this.busy = false;
  }

  async load(name, generation, step) {
    const map = JSON.stringify([name, generation, step]);
    if (map === this.shown) return;
    let pictures = [];
    if (step !== null) {
      const {maps: [found]} = await json(`api/runs/${encodeURIComponent(name)}/maps?step=${step}`);
      pictures = found.images.map((image) => new Picture(image, found, (text) => setText(byId('map-readout'), text)));
      await Promise.all(pictures.map((picture) => picture.unpack()));
      if (name !== this.name) return;
    }
    this.shown = map;
    this.place(pictures);
  }

  choose() {
    const steps = [...this.steps].reverse();
    fill(byId('map-step'), steps, () => steps.map((step, i) => el('option', {value: step}, i === 0 ? `${step}, the newest` : step)));
    byId('map-step').selectedIndex = this.wanted === null ? 0 : steps.indexOf(this.wanted);
    byId('maps-choice').hidden = steps.length === 0;
  }

  place(pictures) {
    const focused = this.pictures.findIndex((picture) => picture.canvas === document.activeElement);
    this.pictures = pictures;
    const gates = pictures[0]?.decisions.map(({layer}) => `after block ${layer}`) ?? [];
    const gate = Math.max(0, byId('map-gate').selectedIndex);
    fill(byId('map-gate'), gates, () => gates.map((name) => el('option', {}, name)));
    byId('map-gate').selectedIndex = Math.min(gate, gates.length - 1);
    byId('map-gate-choice').hidden = gates.length < 2;
    byId('maps').replaceChildren(...pictures.map((picture) => picture.node));
    setText(byId('map-readout'), '');
    setText(byId('maps-note'), pictures.length === 0 ?
      'No map yet: a worker with a gate sends one now and then (telemetry.map_every).' :
      'The first images of rank 0’s batch. Patches inside the line are open, the dark ones closed.');
    this.show();
    pictures[focused]?.canvas.focus({preventScroll: true});
  }

  show() {
    for (const picture of this.pictures) picture.show(Math.max(0, byId('map-gate').selectedIndex));
  }
}
