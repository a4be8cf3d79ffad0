// SPDX-License-Identifier: Apache-2.0
import { readdirSync } from 'node:fs';
import { memoryUsage } from 'node:process';

type Labels = Readonly<Record<string, string>>;

/** Upper bounds in seconds. */
const buckets = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300];
/** Problem codes, states and kinds are finite sets; a mistake here must not fill the memory of whoever scrapes. */
const mostSeries = 512;

class Counter {
  readonly #series = new Map<string, number>();

  add(labels: Labels): void {
    const key = labelsOf(labels);
    const known = this.#series.get(key);
    if (known !== undefined || this.#series.size < mostSeries) this.#series.set(key, (known ?? 0) + 1);
  }

  lines(name: string): string[] {
    return [...this.#series].map(([labels, value]) => `${name}${labels} ${String(value)}`);
  }
}

class Histogram {
  readonly #counts = new Array<number>(buckets.length + 1).fill(0);
  #sum = 0;

  observe(seconds: number): void {
    const index = buckets.findIndex((bound) => seconds <= bound);
    const at = index < 0 ? buckets.length : index;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#sum += seconds;
  }

  lines(name: string): string[] {
    let total = 0;
    const lines = this.#counts.map((count, index) => {
      total += count;
      return `${name}_bucket{le="${String(buckets[index] ?? '+Inf')}"} ${String(total)}`;
    });
    return [...lines, `${name}_sum ${this.#sum.toFixed(6)}`, `${name}_count ${String(total)}`];
  }
}

/** What the gauges show at the moment of a scrape. */
export interface Gauges {
  readonly keeps: Readonly<Record<string, number>>;
  readonly records: number;
  readonly cordoned: boolean;
}

/**
 * What the daemon counts, in the text format of Prometheus (version 0.0.4). Labels are words of ours only: no tenant, no id,
 * nothing that a client sent.
 */
export class Metrics {
  readonly #creates = new Counter();
  readonly #ends = new Counter();
  readonly #refusals = new Counter();
  readonly #requests = new Counter();
  readonly #launch = new Histogram();
  readonly #claim = new Histogram();

  created(tee: string): void {
    this.#creates.add({ tee });
  }

  ended(state: string, reason: string | undefined): void {
    this.#ends.add({ state, reason: reason ?? 'none' });
  }

  refused(code: string): void {
    this.#refusals.add({ code });
  }

  answered(status: number): void {
    this.#requests.add({ status: String(status) });
  }

  /** From creation to ready. */
  launched(seconds: number): void {
    this.#launch.observe(seconds);
  }

  /** From ready to the first complete attestation with a delivery, as far as the host is told. */
  claimed(seconds: number): void {
    this.#claim.observe(seconds);
  }

  text({ keeps, records, cordoned }: Gauges): string {
    const lines = [
      ...family('enarx_keeps', 'gauge', 'Keeps by state.', (name) =>
        Object.entries(keeps).map(([state, count]) => `${name}{state="${state}"} ${String(count)}`),
      ),
      ...family('enarx_records', 'gauge', 'Keeps of which only the record is left.', (name) => [
        `${name} ${String(records)}`,
      ]),
      ...family('enarx_cordoned', 'gauge', 'Whether the host takes no new Keeps.', (name) => [
        `${name} ${cordoned ? '1' : '0'}`,
      ]),
      ...family('enarx_keeps_created_total', 'counter', 'Keeps created, by kind.', (name) =>
        this.#creates.lines(name),
      ),
      ...family('enarx_keeps_ended_total', 'counter', 'Keeps ended, by last state and reason.', (name) =>
        this.#ends.lines(name),
      ),
      ...family('enarx_refusals_total', 'counter', 'Requests that met a problem, by code.', (name) =>
        this.#refusals.lines(name),
      ),
      ...family('enarx_requests_total', 'counter', 'Requests answered, by status.', (name) =>
        this.#requests.lines(name),
      ),
      ...family('enarx_launch_seconds', 'histogram', 'From creation to ready.', (name) =>
        this.#launch.lines(name),
      ),
      ...family('enarx_claim_seconds', 'histogram', 'From ready to an accepted delivery.', (name) =>
        this.#claim.lines(name),
      ),
      ...family('process_resident_memory_bytes', 'gauge', 'Memory of the daemon.', (name) => [
        `${name} ${String(memoryUsage.rss())}`,
      ]),
      ...family('process_open_fds', 'gauge', 'File descriptors of the daemon.', (name) => [
        `${name} ${String(readdirSync('/proc/self/fd').length)}`,
      ]),
    ];
    return `${lines.join('\n')}\n`;
  }
}

function family(name: string, type: string, help: string, samples: (name: string) => string[]): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples(name)];
}

/** All values are codes and words of ours, which need no escaping. */
function labelsOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${value.replace(/[^\w/.-]/g, '_')}"`);
  return `{${pairs.join(',')}}`;
}
