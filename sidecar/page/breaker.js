// The forgetting breaker and the legacy probes that move it.
import {byId, el, fill, fixed, setText, signed, table} from './parts.js';
import {BarChart} from './charts.js';

const RUNGS = ['closed', 'raise θ', 'raise θ again', 'rehearse', 'freeze the backbone', 'roll back and pause'];

function rungs({level, highest_level: highest}) {
  return RUNGS.map((name, i) => el('li', {'aria-current': i === level ? 'step' : undefined, 'data-barred': i > highest ? '' : undefined,
    title: i > highest ? 'not allowed by the sidecar’s options' : undefined},
    `${i} ${name}${i > highest ? ' (not allowed)' : ''}`));
}

function reason({breaker, directive}) {
  const share = Number(directive?.rehearsal_share ?? 0);
  const extra = share > 0 ? ` ${fixed(100 * share, 0)} % of each batch are legacy images.` : '';
  if (breaker.reason === '') return `It has not moved yet.${extra}`;
  return `Since step ${breaker.since_step}: ${breaker.reason}.${extra}`;
}

// Probes that are only counted have no limit.
const known = (probe) => Number(probe.limit) > 0;

function row(probe) {
  const worse = known(probe) && Number(probe.loss_delta) > Number(probe.limit);
  return [probe.probe, {text: known(probe) ? signed(probe.loss_delta) : '–', warn: worse}, known(probe) ? signed(probe.limit) : '–',
    String(probe.step), `${probe.checks_ok} / ${probe.checks_worse}`, String(probe.worse_in_a_row)];
}

function probeTable(probes) {
  if (probes.length === 0) return [el('p', {class: 'note'}, 'No probe has been checked yet.')];
  return [el('p', {class: 'note'}, 'Rise of the loss over the probe’s baseline; the dashed mark is its limit.'),
    table('Legacy probes', ['Probe', 'Loss', 'Limit', 'At step', 'OK / worse', 'In a row'], probes.map(row))];
}

export class Breaker {
  constructor() {
    this.chart = new BarChart(byId('chart-probes'), 'Rise of the loss of legacy probes');
  }

  update(run) {
    fill(byId('ladder'), [run.breaker.level, run.breaker.highest_level], () => rungs(run.breaker));
    setText(byId('breaker-reason'), reason(run));
    fill(byId('probes'), run.probes, () => probeTable(run.probes));
    const bars = run.probes.filter(known).slice(0, 12).map((probe) => ({name: probe.probe, value: Number(probe.loss_delta),
      limit: Number(probe.limit), worse: Number(probe.loss_delta) > Number(probe.limit)}));
    const said = JSON.stringify(bars);
    if (said !== this.said) this.chart.update(bars);
    this.said = said;
  }
}
