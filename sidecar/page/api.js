// What the sidecar tells: the runs by server-sent events, a run's windows on request. Relative addresses: the page may
// stand behind a proxy, under any path.

const PATIENCE = 5000;  // Milliseconds before another try.

export async function json(path) {
  const answer = await fetch(path, {cache: 'no-store'});
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
}

// Calls onRuns(runs) with every change, and onState('live' | 'polling' | 'away') when that changes.
export function listen(onRuns, onState) {
  const source = new EventSource('api/events');
  source.addEventListener('runs', (event) => {
    onState('live');
    onRuns(JSON.parse(event.data).runs);
  });
  source.onerror = () => {
    if (source.readyState !== EventSource.CLOSED) {
      onState('away');  // The browser tries again by itself.
      return;
    }
    // All places are taken, or a proxy does not let events through: ask instead.
    json('api/runs').then((answer) => {
      onState('polling');
      onRuns(answer.runs);
    }, () => onState('away')).finally(() => setTimeout(() => listen(onRuns, onState), PATIENCE));
  };
}

const newest = (run) => Math.max(0, ...run.ranks.map((rank) => rank.generation));

// The windows of one run, oldest first, as they close.
export class History {
  constructor(name) {
    this.name = name;
    this.windows = [];
    this.generation = -1;
    this.step = 0;
    this.busy = false;
    this.waiting = null;
  }

  // Looks for windows that closed by now. True if there are some.
  async refresh(run) {
    if (this.busy) {
      this.waiting = run;
      return false;
    }
    this.busy = true;
    try {
      return await this.load(run);
    } finally {
      this.busy = false;
    }
  }

  // What was missed meanwhile may be anything.
  forget() {
    this.generation = -1;
  }

  // A look that came while another was under way, once.
  takeWaiting() {
    const run = this.waiting;
    this.waiting = null;
    return run;
  }

  async load(run) {
    const path = `api/runs/${encodeURIComponent(this.name)}/history`;
    const generation = newest(run), step = Number(run.step);
    // A run that went back closes windows of the same steps again.
    const whole = this.windows.length === 0 || generation !== this.generation || step < this.step;
    const first = whole ? 0 : Number(this.windows.at(-1).last_step) + 1;
    const {windows} = await json(whole ? `${path}?limit=2000` : `${path}?first_step=${first}`);
    this.generation = generation;
    this.step = step;
    if (whole) {
      const changed = JSON.stringify(windows) !== JSON.stringify(this.windows);
      this.windows = windows;
      return changed;
    }
    this.windows.push(...windows);
    return windows.length > 0;
  }

  // Those that hold: what a run did before it went back is gone.
  inForce() {
    const kept = [];
    for (const window of this.windows) {
      while (kept.length > 0 && Number(kept.at(-1).last_step) >= Number(window.first_step)) kept.pop();
      kept.push(window);
    }
    return kept;
  }
}
