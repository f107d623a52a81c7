// Chart.js with the page's colours: a line's layer is told by its colour and by its dashes, charts can be read by keyboard,
// and a change of the colour scheme redraws them.
import {el, fill, setText} from './parts.js';

const DASHES = [[], [7, 4], [2, 3], [11, 4, 2, 4], [16, 5], [4, 2, 1, 2]];
const COLOURS = 6;  // --series-0 to --series-5 of page.css.
const MARKS = 30;   // More dots would hide the dashes.
const charts = new Set();

const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const dash = (i) => DASHES[Math.floor(i / COLOURS + i) % DASHES.length];

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => charts.forEach((chart) => chart.recolour()));

function sample(i) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const line = document.createElementNS('http://www.w3.org/2000/svg', 'line');
  for (const [node, attributes] of [
    [svg, {width: 34, height: 8, 'aria-hidden': 'true', focusable: 'false'}],
    [line, {x1: 0, x2: 34, y1: 4, y2: 4, stroke: `var(--series-${i % COLOURS})`, 'stroke-width': 2.5, 'stroke-dasharray': dash(i).join(' ')}],
  ]) {
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  }
  svg.append(line);
  return svg;
}

function axis(options) {
  return {
    ...options, border: {}, grid: {color: colour('--grid'), borderColor: colour('--edge')},
    ticks: {color: colour('--soft'), maxRotation: 0, maxTicksLimit: 7, ...options.ticks},
    title: {display: Boolean(options.titled), text: options.titled, color: colour('--soft')},
  };
}

function tooltip() {
  return {backgroundColor: colour('--card'), titleColor: colour('--text'), bodyColor: colour('--text'), borderColor: colour('--edge'),
    borderWidth: 1, animation: false};
}

// Steps to the right, one line for each series. `series` of update() is [{name, points: [{x, y, mark}]}]; a point with a mark
// is drawn as a dot.
export class LineChart {
  constructor(figure, {title, explained, digits, low, high, least}) {
    this.figure = figure;
    this.digits = digits;
    this.title = title;
    this.hidden = new Set();
    this.at = -1;
    this.canvas = el('canvas', {tabindex: '0', role: 'img', 'aria-label': title});
    this.legend = el('ul', {class: 'legend', 'aria-label': `Lines of ${title}`});
    this.readout = el('p', {class: 'readout', 'aria-live': 'polite'});
    figure.append(el('figcaption', {}, `${title} `, el('small', {}, explained)), this.legend, el('div', {class: 'plot'}, this.canvas), this.readout);
    this.limits = {low, high, least};
    this.chart = new Chart(this.canvas, {type: 'line', data: {datasets: []}, options: this.options()});
    this.canvas.addEventListener('keydown', (event) => this.move(event));
    this.canvas.addEventListener('blur', () => this.leave());
    charts.add(this);
  }

  options() {
    return {
      animation: false, parsing: false, normalized: true, responsive: true, maintainAspectRatio: false,
      interaction: {mode: 'index', intersect: false, axis: 'x'},
      scales: {
        x: axis({type: 'linear', titled: 'step', bounds: 'data', ticks: {precision: 0, includeBounds: false}}),
        y: axis({}),
      },
      plugins: {legend: {display: false}, tooltip: {...tooltip(), callbacks: {
        title: ([item]) => `step ${item.parsed.x}`,
        label: (item) => `${item.dataset.label}: ${item.parsed.y.toFixed(this.digits)}`,
      }}},
    };
  }

  dataset({name, points}, i) {
    const paint = colour(`--series-${i % COLOURS}`);
    const marked = points.filter(({mark}) => mark).length <= MARKS;
    return {label: name, data: points, hidden: this.hidden.has(name), borderColor: paint, backgroundColor: paint, borderDash: dash(i), borderWidth: 2,
      pointRadius: points.map((point) => ((point.mark && marked) || points.length === 1 ? 3 : 0)), pointHoverRadius: 5, tension: 0};
  }

  // A range that shows the lines, but no noise as mountains: `least` wide, and inside what can be.
  range(series) {
    const {low, high, least} = this.limits;
    const values = series.flatMap(({points}) => points.map(({y}) => y));
    if (values.length === 0) return {suggestedMin: low, suggestedMax: high};
    const bottom = values.reduce((a, b) => Math.min(a, b)), top = values.reduce((a, b) => Math.max(a, b));
    const margin = Math.max(least - (top - bottom), 0.1 * (top - bottom)) / 2;
    return {suggestedMin: Math.max(low ?? -Infinity, bottom - margin), suggestedMax: Math.min(high ?? Infinity, top + margin)};
  }

  update(series) {
    this.series = series;
    Object.assign(this.chart.options.scales.y, this.range(series));
    fill(this.legend, series.map(({name}) => name), () => series.map(({name}, i) => this.key(name, i)));
    this.chart.data.datasets = series.map((one, i) => this.dataset(one, i));
    this.chart.update('none');
    const newest = series.map(({name, points}) => `${name} ${points.length ? points.at(-1).y.toFixed(this.digits) : 'no value'}`);
    const steps = series.flatMap(({points}) => (points.length ? [points.at(-1).x] : []));
    this.canvas.setAttribute('aria-label', steps.length === 0 ? `${this.title}: no window has closed yet` :
      `${this.title} at step ${Math.max(...steps)}: ${newest.join(', ')}. Arrow keys read earlier values.`);
    if (this.at >= 0) this.point(this.at);
    this.idle();
  }

  idle() {
    if (this.at >= 0) return;
    setText(this.readout, this.series.some(({points}) => points.length > 0) ? '' : 'No value yet.');
  }

  key(name, i) {
    const button = el('button', {type: 'button', 'aria-pressed': String(!this.hidden.has(name)), title: 'Show or hide this line'}, sample(i), name);
    button.addEventListener('click', () => {
      if (!this.hidden.delete(name)) this.hidden.add(name);
      button.setAttribute('aria-pressed', String(!this.hidden.has(name)));
      this.update(this.series);
    });
    return el('li', {}, button);
  }

  move(event) {
    const longest = Math.max(0, ...this.series.map(({points}) => points.length));
    const from = this.at < 0 ? longest : this.at;
    const to = {ArrowLeft: from - 1, ArrowRight: from + 1, PageUp: from - 10, PageDown: from + 10, Home: 0, End: longest - 1}[event.key];
    if (event.key === 'Escape') this.leave();
    if (to === undefined || longest === 0) return;
    event.preventDefault();
    this.point(Math.min(longest - 1, Math.max(0, to)));
  }

  point(index) {
    this.at = index;
    const shown = this.series.map(({name, points}, i) => ({name, i, point: points[index]})).filter(({name, point}) => point && !this.hidden.has(name));
    const active = shown.map(({i}) => ({datasetIndex: i, index}));
    this.chart.setActiveElements(active);
    this.chart.tooltip.setActiveElements(active, {x: 0, y: 0});
    this.chart.update('none');
    setText(this.readout, shown.length === 0 ? '' :
      `Step ${shown[0].point.x}: ${shown.map(({name, point}) => `${name} ${point.y.toFixed(this.digits)}`).join(', ')}`);
  }

  leave() {
    this.at = -1;
    this.chart.setActiveElements([]);
    this.chart.tooltip.setActiveElements([], {x: 0, y: 0});
    this.chart.update('none');
    this.idle();
  }

  recolour() {
    this.chart.options = this.options();
    this.update(this.series ?? []);
  }
}

// One bar for each of `bars` of update(): [{name, value, limit, worse}]; the limit is a line across the bar.
export class BarChart {
  constructor(figure, title) {
    this.figure = figure;
    this.title = title;
    this.bars = [];
    this.canvas = el('canvas', {role: 'img', 'aria-label': title});
    this.plot = el('div', {class: 'plot'}, this.canvas);
    figure.append(this.plot);
    const limits = {id: 'limits', afterDatasetsDraw: (chart) => this.drawLimits(chart)};
    this.chart = new Chart(this.canvas, {type: 'bar', data: {labels: [], datasets: [{data: []}]}, options: this.options(), plugins: [limits]});
    charts.add(this);
  }

  options() {
    const percents = (value) => `${value > 0 ? '+' : ''}${Number(value.toFixed(2))} %`;
    return {
      indexAxis: 'y', animation: false, responsive: true, maintainAspectRatio: false,
      scales: {x: axis({grace: '10%', ticks: {callback: percents}}), y: axis({})},
      plugins: {legend: {display: false}, tooltip: {...tooltip(), callbacks: {label: (item) => percents(item.parsed.x)}}},
    };
  }

  // Across the bar, in the colour of text: what is past it is worse, whatever the colours.
  drawLimits(chart) {
    const {ctx, scales: {x}} = chart;
    ctx.save();
    ctx.strokeStyle = colour('--text');
    ctx.lineWidth = 2;
    ctx.setLineDash([4, 3]);
    chart.getDatasetMeta(0).data.forEach((bar, i) => {
      const at = x.getPixelForValue(100 * this.bars[i].limit);
      ctx.beginPath();
      ctx.moveTo(at, bar.y - bar.height / 2 - 4);
      ctx.lineTo(at, bar.y + bar.height / 2 + 4);
      ctx.stroke();
    });
    ctx.restore();
  }

  update(bars) {
    this.bars = bars;
    this.figure.hidden = bars.length === 0;
    this.plot.style.height = `${3 + 2.4 * bars.length}rem`;
    const reach = Math.max(0, ...bars.map(({limit}) => 100 * limit)) * 1.15;
    this.chart.options.scales.x.suggestedMax = reach;
    this.chart.data = {labels: bars.map(({name}) => name), datasets: [{
      data: bars.map(({value}) => 100 * value), maxBarThickness: 26, borderWidth: 2,
      borderColor: bars.map(({worse}) => colour(worse ? '--series-1' : '--series-0')),
      backgroundColor: bars.map(({worse}) => (worse ? this.stripes() : colour('--series-0'))),
    }]};
    this.chart.update('none');
    this.canvas.setAttribute('aria-label', `${this.title}: ${bars.map(({name, value, limit, worse}) =>
      `${name} ${(100 * value).toFixed(2)} %, limit ${(100 * limit).toFixed(2)} %${worse ? ', above it' : ''}`).join('; ')}`);
  }

  stripes() {
    const tile = document.createElement('canvas');
    tile.width = tile.height = 8;
    const context = tile.getContext('2d');
    context.strokeStyle = colour('--series-1');
    context.lineWidth = 3;
    for (const shift of [-8, 0, 8]) {
      context.moveTo(shift, 8);
      context.lineTo(shift + 8, 0);
    }
    context.stroke();
    return context.createPattern(tile, 'repeat');
  }

  recolour() {
    const reach = this.bars;
    this.chart.options = this.options();
    this.update(reach);
  }
}
