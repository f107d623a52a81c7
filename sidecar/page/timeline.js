// What was decided, newest first: every window with its reason, what a person or the breaker ordered between two windows,
// and the alerts that fire.
import {alertName, byId, el, fill} from './parts.js';

const PAGE = 15;

// Windows in a row that led to nothing for the same reason are one entry.
function ofWindows(windows) {
  const entries = [];
  let newest = 0;
  for (const window of windows) {
    const version = Number(window.directive_version), first = Number(window.first_step), last = Number(window.last_step);
    const before = entries.at(-1);
    if (before && first <= before.last) entries.push({kind: 'restore', first, last: first, what: 'Went back', text: `Steps from ${first} on are run again.`});
    // Only the newest of those is told with its reason (ofNow).
    if (newest > 0 && version > newest + 1) {
      const versions = version === newest + 2 ? `Directive ${newest + 1}` : `Directives ${newest + 1}–${version - 1}`;
      entries.push({kind: 'directive', first, last: first, what: versions, text: 'Made between two windows: by hand, by the breaker or for dormant groups.'});
    }
    newest = Math.max(newest, version);
    if (before && before.kind === 'decision' && version === 0 && before.text === window.reason && first === before.last + 1) {
      before.last = last;
      before.count += 1;
      continue;
    }
    entries.push({kind: version > 0 ? 'directive' : 'decision', first, last, version, count: 1, text: window.reason,
      what: version > 0 ? `Directive ${version}` : 'No directive'});
  }
  return entries;
}

function ofNow(run, windows) {
  const entries = [];
  const {directive, breaker} = run;
  const breakerStep = Number(breaker.since_step);
  if (directive && !windows.some((window) => window.directive_version === directive.version)) {
    const step = Number(directive.based_on_step);
    entries.push({kind: 'directive', first: step, last: step, count: 1, version: Number(directive.version), text: directive.reason,
      what: `Directive ${directive.version}, between two windows`});
  }
  if (breaker.reason !== '') {
    entries.push({kind: 'breaker', first: breakerStep, last: breakerStep, count: 1, text: breaker.reason, what: `Breaker at level ${breaker.level}`});
  }
  for (const alert of run.alerts) {
    const step = Number(alert.since_step);
    entries.push({kind: 'alert', first: step, last: step, count: 1, text: alert.reason, what: `Alert: ${alertName(alert)}`});
  }
  return entries;
}

function item(entry) {
  const steps = entry.first === entry.last ? `step ${entry.last}` : `steps ${entry.first}–${entry.last}`;
  return el('li', {'data-kind': entry.kind}, el('span', {class: 'when'}, steps), el('span', {class: 'what'}, entry.what), entry.text || '(no reason given)');
}

export class Timeline {
  constructor() {
    this.shown = PAGE;
    this.entries = [];
    byId('only-directives').addEventListener('change', () => this.draw());
    byId('more').addEventListener('click', () => {
      const first = this.shown;
      this.shown += 5 * PAGE;
      this.draw();
      // The button may be gone: reading goes on where it stood.
      const next = byId('timeline').children[first];
      if (byId('more').hidden && next) {
        next.tabIndex = -1;
        next.focus();
      }
    });
  }

  reset() {
    this.shown = PAGE;
  }

  update(run, windows) {
    const now = ofNow(run, windows);
    // Stable: what happened at the end of a window stands behind it.
    this.entries = [...ofWindows(windows)];
    for (const entry of now) {
      let at = this.entries.length;
      while (at > 0 && this.entries[at - 1].last > entry.last) --at;
      this.entries.splice(at, 0, entry);
    }
    this.draw();
  }

  draw() {
    const only = byId('only-directives').checked;
    const chosen = this.entries.filter((entry) => !only || entry.kind !== 'decision').reverse();
    const shown = chosen.slice(0, this.shown);
    fill(byId('timeline'), shown, () => (shown.length > 0 ? shown.map(item) : [el('li', {class: 'note'}, 'Nothing yet: no window has closed.')]));
    byId('more').hidden = chosen.length <= this.shown;
  }
}
