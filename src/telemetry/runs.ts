import type { Context, Span, Tracer } from "@opentelemetry/api";
import { describeFailure } from "../core/failure.ts";
import type { Task } from "../core/task.ts";
import type { TraceContext } from "../core/trace-context.ts";
import type { Verdict } from "../core/verdict.ts";
import { errorType } from "./error-type.ts";
import { linksTo } from "./links.ts";
import { ATTRIBUTE } from "./names.ts";
import { currentInstruments, currentTracer, openTelemetry, type Instruments } from "./open-telemetry.ts";
import { commonAttributes, type Labels, type Place } from "./place.ts";

/** One run of a handler. */
export interface Run {
  /** Calls it so that what it begins, also later, belongs to this run. */
  within<R>(call: () => R): R;
  /** When it is decided what becomes of the task; a handler that goes on does so for nothing. @param thrown by it */
  end(kind: Verdict["kind"], isLost: boolean, thrown: unknown): void;
}

/**
 * Tells OpenTelemetry of the handlers that a worker runs: a span and metrics for each run.
 *
 * The span begins a trace of its own and is linked to where the task was added: days may lie between, and a trace of days,
 * or of all the tasks of one bulk, is of no use to anybody.
 */
export class Runs {
  readonly #place: Place & { readonly worker: string };
  #tracer: Tracer | undefined;
  #instruments: Instruments | undefined;
  #attributes: Labels = {};
  #isHeard = false;

  constructor(place: Place & { readonly worker: string }) {
    this.#place = place;
  }

  /** Looks whether somebody listens: once for each batch, since it costs something. */
  look(): void {
    this.#tracer = currentTracer();
    this.#instruments = currentInstruments();
    const isHeard = this.#tracer !== undefined || this.#instruments !== undefined;
    if (isHeard && !this.#isHeard) this.#attributes = commonAttributes(this.#place, "process");
    this.#isHeard = isHeard;
  }

  /** Undefined while nobody listens. @param trace where the task was added */
  begin(task: Task, trace: TraceContext | undefined): Run | undefined {
    if (!this.#isHeard) return undefined;
    this.#instruments?.consumed.add(1, this.#attributes);
    return new ToldRun(this.#started(task, trace), this.#instruments, this.#attributes);
  }

  #started(task: Task, trace: TraceContext | undefined): Span | undefined {
    const api = openTelemetry();
    return (
      api &&
      this.#tracer?.startSpan(
        `process ${this.#place.queue}`,
        {
          kind: api.SpanKind.CONSUMER,
          root: true,
          links: linksTo(trace),
          attributes: {
            ...this.#attributes,
            [ATTRIBUTE.partition]: String(task.shard),
            [ATTRIBUTE.messageId]: task.id,
            [ATTRIBUTE.clientId]: this.#place.worker,
            [ATTRIBUTE.taskName]: task.name,
            [ATTRIBUTE.attempt]: task.attempt,
            [ATTRIBUTE.lag]: Math.max(0, (task.startedAtMs ?? task.dueAtMs) - task.dueAtMs),
          },
        },
        api.ROOT_CONTEXT,
      )
    );
  }
}

const OUTCOME: Readonly<Record<Verdict["kind"], string>> = {
  ack: "completed",
  keep: "completed",
  retry: "retried",
  bury: "dead",
  release: "released",
  postpone: "postponed",
  expire: "expired",
};
const LOST = "lease_lost";

class ToldRun implements Run {
  readonly #span: Span | undefined;
  readonly #context: Context | undefined;
  readonly #instruments: Instruments | undefined;
  readonly #attributes: Labels;
  readonly #beganMs = performance.now();

  constructor(span: Span | undefined, instruments: Instruments | undefined, attributes: Labels) {
    this.#span = span;
    const api = openTelemetry();
    this.#context = span && api?.trace.setSpan(api.ROOT_CONTEXT, span);
    this.#instruments = instruments;
    this.#attributes = attributes;
  }

  within<R>(call: () => R): R {
    const api = openTelemetry();
    return api === undefined || this.#context === undefined ? call() : api.context.with(this.#context, call);
  }

  end(kind: Verdict["kind"], isLost: boolean, thrown: unknown): void {
    const outcome = isLost ? LOST : OUTCOME[kind];
    const failure = kind === "retry" || kind === "bury" ? describeFailure(thrown) : undefined;
    const type = failure === undefined ? (isLost ? LOST : undefined) : errorType(failure.name);
    const own = {
      [ATTRIBUTE.outcome]: outcome,
      ...(type !== undefined && { [ATTRIBUTE.errorType]: type }),
    };
    const seconds = (performance.now() - this.#beganMs) / 1000;
    this.#instruments?.processDuration.record(seconds, { ...this.#attributes, ...own });
    this.#span?.setAttributes(own);
    if (failure !== undefined) this.#span?.recordException(failure);
    const code = openTelemetry()?.SpanStatusCode.ERROR;
    if (type !== undefined && code !== undefined) {
      this.#span?.setStatus({ code, message: failure?.message ?? "the lease was lost" });
    }
    this.#span?.end();
  }
}
