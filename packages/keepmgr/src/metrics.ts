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
  readonly pool: readonly PoolGauge[];
  /** MiB that all Keeps count for. */
  readonly memory: number;
}

/** Keeps of one kind that wait to be somebody's. */
export interface PoolGauge {
  readonly tee: string;
  readonly wanted: number;
  readonly ready: number;
  readonly launching: number;
}

/** How long certificates are good that this host hands out. */
export interface CertificateAge {
  readonly certificate: string;
  /** Seconds since it became valid, and until it no longer is. */
  readonly age: number;
  readonly left: number;
}

/** What takes its time, and from when to when. */
const durations = {
  launch: ['enarx_launch_seconds', 'From the launch of a Keep to ready.'],
  claim: [
    'enarx_claim_seconds',
    'From ready, or from its creation out of the pool, to the begin of a delivery.',
  ],
  evidence: ['enarx_evidence_seconds', 'The processor’s time for one report, as the loader reports it.'],
  attest: ['enarx_attest_seconds', 'From the first connection to a Keep until evidence was given.'],
  delivery: ['enarx_delivery_seconds', 'From the begin of a delivery until the program runs.'],
} as const;

/**
 * What the daemon counts, in the text format of Prometheus (version 0.0.4). Labels are words of ours only: no tenant, no id,
 * nothing that a client sent.
 */
export class Metrics {
  readonly #creates = new Counter();
  readonly #ends = new Counter();
  readonly #refusals = new Counter();
  readonly #requests = new Counter();
  readonly #pool = new Counter();
  readonly #durations = Object.fromEntries(
    Object.keys(durations).map((what) => [what, new Histogram()]),
  ) as Record<keyof typeof durations, Histogram>;

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

  /** A Keep of the pool became somebody's, there was none for one who asked, or one was lost. */
  pool(event: 'assigned' | 'missed' | 'lost', tee: string, why = 'none'): void {
    this.#pool.add({ event, tee, reason: why });
  }

  took(what: keyof typeof durations, seconds: number): void {
    this.#durations[what].observe(seconds);
  }

  text(
    { keeps, records, cordoned, pool, memory }: Gauges,
    certificates: readonly CertificateAge[] = [],
  ): string {
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
      ...family('enarx_keeps_memory_bytes', 'gauge', 'What all Keeps count for.', (name) => [
        `${name} ${String(memory * 2 ** 20)}`,
      ]),
      ...family('enarx_pool_keeps', 'gauge', 'Keeps of the pool, by kind.', (name) =>
        pool.flatMap(({ tee, ready, launching }) => [
          `${name}{tee="${tee}",state="ready"} ${String(ready)}`,
          `${name}{tee="${tee}",state="launching"} ${String(launching)}`,
        ]),
      ),
      ...family('enarx_pool_wanted', 'gauge', 'How many there should be.', (name) =>
        pool.map(({ tee, wanted }) => `${name}{tee="${tee}"} ${String(wanted)}`),
      ),
      ...family('enarx_pool_events_total', 'counter', 'What became of Keeps of the pool.', (name) =>
        this.#pool.lines(name),
      ),
      ...Object.entries(durations).flatMap(([what, [name, help]]) =>
        family(name, 'histogram', help, () => this.#durations[what as keyof typeof durations].lines(name)),
      ),
      ...family(
        'enarx_collateral_age_seconds',
        'gauge',
        'Age of certificates that the host hands out.',
        (name) =>
          certificates.map(
            ({ certificate, age }) => `${name}{certificate="${certificate}"} ${age.toFixed(0)}`,
          ),
      ),
      ...family('enarx_collateral_left_seconds', 'gauge', 'How long they are still valid.', (name) =>
        certificates.map(
          ({ certificate, left }) => `${name}{certificate="${certificate}"} ${left.toFixed(0)}`,
        ),
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
