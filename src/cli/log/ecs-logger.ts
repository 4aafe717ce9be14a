import { ecsFormat } from "@elastic/ecs-pino-format";
import {
  pino,
  type Bindings,
  type ChildLoggerOptions,
  type DestinationStream,
  type Logger,
  type LoggerOptions,
} from "pino";
import { version } from "../../core/version.ts";
import { errorFields } from "../../runtime/error-fields.ts";

/**
 * Lines in the Elastic Common Schema: Elastic's library writes what it knows (time, level, process, host, service), our own
 * fields and errors go to their places in the schema, and all the rest, what handlers log included, under `delayq`. There a field
 * cannot clash with the type that the schema gives to its name, for which Elasticsearch would refuse the line.
 *
 * No line holds a key twice. pino puts the bindings of a child before the fields of a line, whatever their names are; here
 * both are merged before the line is made.
 */
type Fields = Record<string, unknown>;
type MergingLogger = Logger & { [bound]?: Fields };

const bound = Symbol("bindings");
const OUTCOMES: ReadonlySet<unknown> = new Set(["success", "failure", "unknown"]);
const NS_PER_MS = 1_000_000;

/** Where our fields stand in the schema. Undefined if the value is not of the schema's type: a handler may log anything. */
const PLACES: Readonly<Record<string, (value: unknown) => Fields | undefined>> = {
  event: (value) =>
    typeof value === "string" ? { "event.kind": "event", "event.action": value } : undefined,
  outcome: (value) => (OUTCOMES.has(value) ? { "event.outcome": value } : undefined),
  durationMs: (value) =>
    typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER / NS_PER_MS
      ? { "event.duration": Math.round(value * NS_PER_MS) }
      : undefined,
  error: (value) => errorAt(value instanceof Error ? errorFields(value) : value),
  err: (value) => errorAt(errorFields(value)),
  trace_id: (value) => textAt("trace.id", value),
  span_id: (value) => textAt("span.id", value),
};

/** @param options `redact` names paths as they are in the other formats */
export function ecsLogger(
  { redact = [], ...options }: Omit<LoggerOptions, "redact"> & { redact?: readonly string[] },
  stream: DestinationStream,
): Logger {
  const serviceName = process.env["OTEL_SERVICE_NAME"] || "delayq";
  const eventDataset = `${serviceName}.log`;
  const { formatters, ...format } = ecsFormat({ serviceName, serviceVersion: version(), eventDataset });
  const mixin: LoggerOptions["mixin"] = (line, level, logger) => ({
    ...options.mixin?.(line, level, logger),
    ...(logger as MergingLogger)[bound],
  });
  const log = (line: object): Fields => formatters?.log?.(ecsOf(line)) ?? {};
  return merging(
    pino(
      {
        ...options,
        ...format,
        formatters: { ...formatters, log },
        mixin,
        redact: redact.map((path) => `delayq.${path}`),
      },
      stream,
    ),
  );
}

function ecsOf(line: object): Fields {
  const ecs: Fields = {};
  const others: Fields = {};
  for (const [key, value] of Object.entries(line)) {
    if (value === undefined) continue;
    const placed = Object.hasOwn(PLACES, key) ? PLACES[key]?.(value) : undefined;
    if (placed === undefined) others[key] = value;
    else Object.assign(ecs, placed);
  }
  if (Object.keys(others).length > 0) ecs["delayq"] = others;
  return ecs;
}

/** Its children keep their bindings apart, for `mixin`. */
function merging(logger: MergingLogger): Logger {
  // oxlint-disable-next-line typescript/unbound-method -- it is called on the logger whose child is wanted
  const { child } = logger;
  return Object.assign(logger, {
    child(this: MergingLogger, bindings: Bindings, options?: ChildLoggerOptions): Logger {
      const made = Reflect.apply(child, this, [{}, options]) as MergingLogger;
      made[bound] = { ...this[bound], ...bindings };
      return made;
    },
    setBindings(this: MergingLogger, bindings: Bindings): void {
      this[bound] = { ...this[bound], ...bindings };
    },
  });
}

const textAt = (place: string, value: unknown): Fields | undefined =>
  typeof value === "string" ? { [place]: value } : undefined;

function errorAt(value: unknown): Fields | undefined {
  const { type, message, code, stack } = (value ?? {}) as Fields;
  if (typeof type !== "string" || typeof message !== "string") return undefined;
  return {
    error: {
      type,
      message,
      ...(typeof code === "string" && { code }),
      ...(typeof stack === "string" && { stack_trace: stack }),
    },
  };
}
