import type { Metric, Registry } from "prom-client";
import type { Buckets } from "../runtime/buckets.ts";
import type { Definition } from "./catalogue.ts";

/** What a registry of prom-client, of whatever copy and format, is asked for here. */
export type MetricsRegistry = Pick<Registry, "registerMetric" | "getSingleMetric" | "removeSingleMetric">;

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
  /** Of the parts of a histogram. */
  readonly metricName?: string;
}

/** What a family tells when it is asked: one number a label set, or a histogram. */
export interface Reading {
  readonly labels: Labels;
  readonly value: number | readonly Buckets[];
}

/**
 * A metric as a registry of prom-client asks it, whose values are made when they are asked for. prom-client's own classes would
 * look labels up at each observation, which costs more than a short task does.
 */
export class Family {
  /** Under which registries keep it. */
  readonly key: string;
  /** The same, until a registry in the OpenMetrics format takes `_total` from it. */
  name: string;
  readonly help: string;
  readonly type: Definition["type"];
  readonly aggregator = "sum";
  readonly #read: () => Iterable<Reading>;

  constructor(name: string, { help, type }: Definition, read: () => Iterable<Reading>) {
    this.key = name;
    this.name = name;
    this.help = help;
    this.type = type;
    this.#read = read;
  }

  async get(): Promise<object> {
    const { name, help, type, aggregator } = this;
    const values = [...this.#read()].flatMap(({ labels, value }) =>
      typeof value === "number" ? [{ labels, value }] : bucketSamples(name, labels, value),
    );
    return await Promise.resolve({ name, help, type, aggregator, values });
  }

  /** Counters of what really happened are not set back. */
  reset(): void {}

  register(registry: MetricsRegistry): void {
    // The types of prom-client know its own classes only; the registry asks for no more than this.
    registry.registerMetric(this as unknown as Metric);
  }
}

/** Buckets with the same bounds, added up. */
function bucketSamples(name: string, labels: Labels, parts: readonly Buckets[]): Sample[] {
  const [first] = parts;
  if (first === undefined) return [];
  const sums = parts
    .map((part) => part.cumulative())
    .reduce((sums, counts) => sums.map((sum, i) => sum + (counts[i] ?? 0)));
  const count = sums.at(-1) ?? 0;
  const ends = [...first.boundsMs.map((ms) => String(ms / 1000)), "+Inf"];
  const sum = parts.reduce((all, { sumMs }) => all + sumMs, 0) / 1000;
  return [
    ...ends.map((le, i) => ({
      metricName: `${name}_bucket`,
      labels: { ...labels, le },
      value: sums[i] ?? 0,
    })),
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
