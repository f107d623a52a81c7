// The status page: which run is shown, and what of it changes when the sidecar says so.
import {History, listen} from './api.js';
import {Breaker} from './breaker.js';
import {LineChart} from './charts.js';
import {TokenMaps} from './maps.js';
import {alerts, byId, el, fill, fixed, groups, percent, phase, ranks, ranksSummary, setText, table, tiles} from './parts.js';
import {Timeline} from './timeline.js';

const STATES = {live: 'live', polling: 'live, asked every few seconds', away: 'no connection, trying again', connecting: 'connecting…'};
const NEWEST = 12;  // Windows of the table.

const charts = {
  rate: new LineChart(byId('chart-rate'), {title: 'Activation rate', explained: 'share of open patches, per gate layer', digits: 3, low: 0, high: 1, least: 2}),
  threshold: new LineChart(byId('chart-threshold'), {title: 'Threshold θ', explained: 'per gate layer; dots are directives', digits: 4, low: 0, high: 1, least: 0.1}),
  entropy: new LineChart(byId('chart-entropy'), {title: 'Entropy, moving average', explained: 'of the scores, per gate layer', digits: 4, low: 0, high: 1, least: 0.1}),
  loss: new LineChart(byId('chart-loss'), {title: 'Loss', explained: 'mean over open images', digits: 4, low: 0, least: 0.5}),
};
const breaker = new Breaker();
const timeline = new Timeline();
const maps = new TokenMaps();
let runs = null;
let history = null;

const wanted = () => (location.hash.startsWith('#/') ? decodeURIComponent(location.hash.slice(2)) : null);
const selected = () => runs?.find((run) => run.run === wanted()) ?? (wanted() === null ? runs?.[0] : undefined);

// Of one value of each gate layer, over the windows; layers may come and go with a run's options.
function perLayer(windows, value) {
  const lines = new Map();
  for (const window of windows) {
    for (const layer of window.layers) {
      if (!lines.has(layer.layer)) lines.set(layer.layer, []);
      lines.get(layer.layer).push({x: Number(window.last_step), y: Number(layer[value]), mark: value === 'threshold' && Number(window.directive_version) > 0});
    }
  }
  return [...lines].sort(([a], [b]) => a - b).map(([layer, points]) => ({name: `after block ${layer}`, points}));
}

function drawHistory() {
  const windows = history.inForce();
  charts.rate.update(perLayer(windows, 'activation_rate'));
  charts.threshold.update(perLayer(windows, 'threshold'));
  charts.entropy.update(perLayer(windows, 'score_ema'));
  const losses = windows.filter(({loss}) => Number.isFinite(loss)).map((window) => ({x: Number(window.last_step), y: window.loss}));
  charts.loss.update([{name: 'loss', points: losses}]);
  fill(byId('windows').querySelector('div'), windows.slice(-NEWEST), () => [windowTable(windows.slice(-NEWEST).reverse())]);
}

function windowTable(windows) {
  const rows = windows.flatMap((window) => window.layers.map((layer) => [`${window.first_step}–${window.last_step}`, String(layer.layer),
    percent(layer.activation_rate), fixed(layer.threshold, 4), fixed(layer.score_ema, 4), fixed(window.loss, 4), percent(window.coverage, 0)]));
  return table('Newest windows', ['Steps', 'Layer', 'Rate', 'θ', 'Entropy', 'Loss', 'Coverage'], rows);
}

async function followHistory(run) {
  const mine = history;
  try {
    if (await mine.refresh(run) && mine === history) drawHistory();
  } catch {
    return;  // The next event brings another try.
  }
  const waiting = mine.takeWaiting();
  if (waiting && mine === history) followHistory(waiting);
  if (mine === history && selected()) timeline.update(selected(), mine.windows);
}

function runLink(run, isShown) {
  const state = phase(run), alarms = run.alerts.length;
  return el('li', {}, el('a', {href: `#/${encodeURIComponent(run.run)}`, 'aria-current': isShown ? 'true' : undefined},
    el('span', {class: 'badge', 'data-state': state}, state), el('strong', {}, run.run), el('span', {}, `step ${run.step}`),
    ...(alarms > 0 ? [el('span', {class: 'alarm'}, `⚠ ${alarms} alert${alarms > 1 ? 's' : ''}`)] : [])));
}

function drawRuns(shown) {
  byId('no-runs').hidden = runs.length > 0;
  const list = byId('runs');
  const focused = document.activeElement?.closest('#runs a')?.getAttribute('href');
  const facts = runs.map((run) => [run.run, phase(run), run.step, run.alerts.length, run === shown]);
  fill(list, facts, () => runs.map((run) => runLink(run, run === shown)));
  if (focused && !list.contains(document.activeElement)) {
    [...list.querySelectorAll('a')].find((link) => link.getAttribute('href') === focused)?.focus({preventScroll: true});
  }
}

function drawRun(run) {
  const path = `api/runs/${encodeURIComponent(run.run)}`;
  setText(byId('name'), run.run);
  document.title = `${run.alerts.length > 0 ? `⚠ ${run.alerts.length} · ` : ''}${run.run} · Sluice`;
  setText(byId('phase'), phase(run));
  byId('phase').dataset.state = phase(run);
  byId('json-run').href = path;
  byId('json-history').href = `${path}/history`;
  const {counters, directive, layers, breaker: state} = run;
  fill(byId('tiles'), [run.step, counters?.images_open, counters?.images_skipped, directive?.version, layers, state, run.loss, run.coverage,
    run.compute_saved_ratio, run.accuracy_dense, run.accuracy_gated, run.images_per_second, run.learning_rate], () => tiles(run));
  maps.update(run);
  breaker.update(run);
  setText(byId('ranks-summary'), ranksSummary(run));
  fill(byId('ranks'), [run.world_size, run.ranks], () => ranks(run));
  fill(byId('groups'), directive?.group_scales ?? [], () => groups(run));
}

function draw() {
  if (runs === null) return;
  const run = selected();
  fill(byId('alerts'), runs.map(({run: name, alerts: firing}) => [name, firing]), () => alerts(runs));
  drawRuns(run);
  byId('shown').hidden = run === undefined;
  byId('no-run').hidden = run !== undefined || runs.length === 0;
  if (run === undefined) {
    setText(byId('no-run'), `The sidecar knows no run “${wanted() ?? ''}”.`);
    return;
  }
  if (history?.name !== run.run) {
    history = new History(run.run);
    timeline.reset();
    drawHistory();
  }
  drawRun(run);
  timeline.update(run, history.windows);
  followHistory(run);
}

addEventListener('hashchange', draw);
byId('runs').addEventListener('click', (event) => {
  // On a phone the run is below the list.
  if (event.target.closest('a') && matchMedia('(max-width: 60rem)').matches) byId('run').scrollIntoView();
});
listen((news) => {
  runs = news;
  draw();
}, (state) => {
  if (state === 'away') history?.forget();
  setText(byId('connection'), STATES[state]);
  byId('connection').dataset.state = state === 'polling' ? 'live' : state;
});
