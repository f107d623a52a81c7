// Small parts of the page. Text from the sidecar becomes text nodes and nothing else: names and reasons come from clients.

// el('a', {href: '#x'}, 'text', node…); an attribute that is undefined is left out.
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

export const byId = (id) => document.getElementById(id);

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Makes the children of `node` anew if `facts` differ from the last call's: what did not change keeps focus and selection.
export function fill(node, facts, make) {
  const said = JSON.stringify(facts);
  if (node.said === said) return;
  node.said = said;
  node.replaceChildren(...make());
}

// Protobuf's JSON writes large integers as strings, and what is no number by name.
export function fixed(value, digits) {
  const number = Number(value);
  if (value === undefined || value === null) return '–';
  if (!Number.isFinite(number)) return String(value);
  return Math.abs(number) >= 1e6 ? number.toExponential(2) : number.toFixed(digits);
}

export const percent = (value, digits = 1) => (value === undefined ? '–' : `${fixed(100 * Number(value), digits)} %`);

export const signed = (value) => (Number(value) > 0 ? '+' : '') + percent(value, 2);

export function phase(run) {
  const ended = run.ranks.filter((rank) => rank.ended).length;
  if (ended > 0 && ended >= run.world_size) return 'ended';
  return run.ranks.some((rank) => rank.connected) ? 'live' : 'lost';
}

export function rankState(rank) {
  return rank.ended ? 'ended' : rank.connected ? 'live' : 'lost';
}

// A gate layer's averages say nothing before its first window has closed.
export const hasWindow = (layer) => [layer.score_mean, layer.score_ema, layer.score_stddev, layer.activation_rate].some(Boolean);

// A table that scrolls by itself, by keyboard too. Cells are texts, or {text, warn}.
export function table(label, titles, rows) {
  const cell = (value) => (typeof value === 'object' ? el('td', {class: value.warn ? 'warn' : undefined}, value.text) : el('td', {}, value));
  const head = el('tr', {}, ...titles.map((title) => el('th', {scope: 'col'}, title)));
  const body = rows.map((row) => el('tr', {}, ...row.map(cell)));
  return el('div', {class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label},
    el('table', {}, el('thead', {}, head), el('tbody', {}, ...body)));
}

export function tiles(run) {
  const layer = run.layers.at(-1);
  const seen = layer !== undefined && hasWindow(layer);
  const images = run.counters ?? {};
  return [
    ['Step', run.step, `coverage ${percent(run.coverage, 0)}`],
    ['Activation rate', seen ? percent(layer.activation_rate) : '–', layer === undefined ? 'no gate' : `after block ${layer.layer}`],
    ['Compute saved', percent(run.compute_saved_ratio), 'of a dense step’s seconds'],
    ['Loss', fixed(run.loss, 4), `learning rate ${Number(run.learning_rate).toPrecision(3)}`],
    ['Accuracy', percent(run.accuracy_gated ?? run.accuracy_dense), `dense ${percent(run.accuracy_dense)}, gated ${percent(run.accuracy_gated)}`],
    ['Images per second', fixed(run.images_per_second, 1), `${images.images_open ?? 0} open, ${images.images_skipped ?? 0} skipped`],
    ['Directive', run.directive ? `v${run.directive.version}` : 'none yet', run.directive ? `based on step ${run.directive.based_on_step}` : ''],
    ['Breaker', `${run.breaker.level} of ${run.breaker.highest_level}`, `${run.breaker.rollbacks} of ${run.breaker.most_rollbacks} roll-backs`],
  ].map(([name, value, more]) => el('div', {}, el('dt', {}, name), el('dd', {}, String(value), el('small', {}, more))));
}

const milliseconds = (seconds) => `${fixed(1000 * Number(seconds), 1)} ms`;

// The rank that worked longest before its newest step's first collective, if that is a tenth more than the ranks' mean: the
// others wait for it there.
function straggler(run) {
  const timed = run.ranks.filter((rank) => rank.timing && !rank.ended);
  if (timed.length < 2) return null;
  const own = (rank) => Number(rank.timing.own_seconds);
  const mean = timed.reduce((sum, rank) => sum + own(rank), 0) / timed.length;
  const slowest = timed.reduce((a, b) => (own(b) > own(a) ? b : a));
  return own(slowest) > 1.1 * mean ? {rank: slowest.rank, own: own(slowest), mean} : null;
}

export function ranks(run) {
  const furthest = Math.max(0, ...run.ranks.map((rank) => Number(rank.step)));
  const slow = straggler(run), timed = run.ranks.some((rank) => rank.timing);
  const more = ({rank, timing}) => (timing ? [{text: milliseconds(timing.own_seconds), warn: rank === slow?.rank},
    milliseconds(timing.exposed_seconds), String(timing.open_tokens)] : ['–', '–', '–']);
  const rows = run.ranks.map((rank) => {
    const behind = furthest - Number(rank.step), state = rankState(rank);
    return [`rank ${rank.rank}`, {text: state, warn: state === 'lost'}, String(rank.step),
      {text: behind === 0 ? '–' : String(behind), warn: state === 'lost' && behind > 0}, ...(timed ? more(rank) : []), String(rank.generation)];
  });
  for (let missing = run.ranks.length; missing < run.world_size; ++missing) {
    rows.push([`one more`, {text: 'never came', warn: true}, ...Array(timed ? 6 : 3).fill('–')]);
  }
  const titles = timed ? ['Own work', 'Waited', 'Open patches'] : [];
  return [table('Ranks', ['Rank', 'State', 'Step', 'Steps behind', ...titles, 'Generation'], rows)];
}

export function ranksSummary(run) {
  const count = (state) => run.ranks.filter((rank) => rankState(rank) === state).length;
  const never = Math.max(0, run.world_size - run.ranks.length);
  const text = `${count('live')} live, ${count('lost') + never} lost, ${count('ended')} ended, of ${run.world_size}`;
  const slow = straggler(run);
  const waits = slow === null ? '' : ` The others wait for rank ${slow.rank}: it works ${milliseconds(slow.own)} before a step’s first sum, ` +
    `the mean is ${milliseconds(slow.mean)}.`;
  const steps = run.ranks.map((rank) => Number(rank.step));
  const spread = Math.max(...steps) - Math.min(...steps);
  if (run.ranks.length < 2 || spread === 0) return `${text}.${waits}`;
  const slowest = run.ranks.reduce((a, b) => (Number(b.step) < Number(a.step) ? b : a));
  return `${text}. Furthest behind: rank ${slowest.rank}, by ${spread} steps.${waits}`;
}

export function groups(run) {
  const scales = run.directive?.group_scales ?? [];
  if (scales.length === 0) return [el('p', {class: 'note'}, 'None: every group’s update has scale 1.')];
  const rows = [...scales].sort((a, b) => b.scale - a.scale).map(({group, scale}) => [group, {text: `× ${fixed(scale, 2)}`, warn: scale > 4}]);
  return [table('Dormant groups', ['Group', 'Scale of its update'], rows)];
}

const ALERTS = {
  activation_rate: 'Activation rate', entropy_drift: 'Entropy drift', probe_delta: 'Forgetting', gradient_scale: 'Gradient scale',
  lost_rank: 'Lost rank', lost_telemetry: 'Lost telemetry', directive_mismatch: 'Directive mismatch', non_finite: 'Non-finite values',
  checkpoint_failed: 'Checkpoint failed',
};

export const alertName = (alert) => ALERTS[alert.name] ?? alert.name;

export function alerts(runs) {
  const firing = runs.flatMap((run) => run.alerts.map((alert) => ({run: run.run, alert})));
  if (firing.length === 0) return [];
  return [el('ul', {}, ...firing.map(({run, alert}) => el('li', {'data-alert': alert.name},
    el('strong', {}, `⚠ ${alertName(alert)}`), ' in ', el('a', {href: `#/${encodeURIComponent(run)}`}, run),
    ` since step ${alert.since_step}: ${alert.reason}`)))];
}
