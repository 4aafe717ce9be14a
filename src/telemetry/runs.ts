import type { Context, Span, Tracer } from "@opentelemetry/api";
import { describeFailure } from "../core/failure.ts";
import type { Task, TaskError } from "../core/task.ts";
import type { TraceContext } from "../core/trace-context.ts";
import type { Verdict } from "../core/verdict.ts";
import { errorLabel } from "./error-type.ts";
import { linksTo } from "./links.ts";
import { ATTRIBUTE } from "./names.ts";
import { currentInstruments, currentTracer, openTelemetry, type Instruments } from "./open-telemetry.ts";
import { commonAttributes, type Labels, type Place } from "./place.ts";

/** One run of a handler. */
export interface Run {
  /** Calls it so that what it begins, also later, belongs to this run. */
  within<R>(call: () => R): R;
  /**
   * When it is decided what becomes of the task, or its lease is lost; a handler that goes on does so for nothing. What is
   * said after the first time does not count. @param thrown by it
   */
  end(kind: Verdict["kind"] | typeof LOST, thrown?: unknown): void;
}

/**
 * Tells OpenTelemetry of the handlers that a worker runs: a span and metrics for each run.
 *
 * The span begins a trace of its own and is linked to where the task was added: days may lie between, and a trace of days,
 * or of all the tasks of one bulk, is of no use to anybody.
 *
 * Nothing here throws: samplers, processors and context managers are the application's, and a task that is claimed is not
 * to be lost because of them.
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
    try {
      this.#tracer = currentTracer();
      this.#instruments = currentInstruments();
    } catch (error) {
      this.#place.onError(error);
    }
    const isHeard = this.#tracer !== undefined || this.#instruments !== undefined;
    if (isHeard && !this.#isHeard) this.#attributes = commonAttributes(this.#place, "process");
    this.#isHeard = isHeard;
  }

  /** Undefined while nobody listens. @param trace where the task was added */
  begin(task: Task, trace: TraceContext | undefined): Run | undefined {
    if (!this.#isHeard) return undefined;
    try {
      this.#instruments?.consumed.add(1, this.#attributes);
      const { onError } = this.#place;
      return new ToldRun(this.#started(task, trace), this.#instruments, this.#attributes, onError);
    } catch (error) {
      this.#place.onError(error);
      return undefined;
    }
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

const LOST = "lease_lost";
const OUTCOME: Readonly<Record<Verdict["kind"] | typeof LOST, string>> = {
  ack: "completed",
  keep: "completed",
  retry: "retried",
  bury: "dead",
  release: "released",
  postpone: "postponed",
  expire: "expired", // of a task that was not started, so it is not asked for
  [LOST]: LOST,
};

class ToldRun implements Run {
  readonly #span: Span | undefined;
  readonly #context: Context | undefined;
  readonly #instruments: Instruments | undefined;
  readonly #attributes: Labels;
  readonly #onError: (error: unknown) => void;
  readonly #beganMs = performance.now();
  #hasEnded = false;

  constructor(
    span: Span | undefined,
    instruments: Instruments | undefined,
    attributes: Labels,
    onError: (error: unknown) => void,
  ) {
    this.#span = span;
    const api = openTelemetry();
    this.#context =
      api && (span === undefined ? api.ROOT_CONTEXT : api.trace.setSpan(api.ROOT_CONTEXT, span));
    this.#instruments = instruments;
    this.#attributes = attributes;
    this.#onError = onError;
  }

  within<R>(call: () => R): R {
    const api = openTelemetry();
    if (api === undefined || this.#context === undefined) return call();
    let isCalled = false;
    const noted = (): R => {
      isCalled = true;
      return call();
    };
    try {
      return api.context.with(this.#context, noted);
    } catch (error) {
      if (isCalled) throw error;
      this.#onError(error);
      return call();
    }
  }

  end(kind: Verdict["kind"] | typeof LOST, thrown?: unknown): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    try {
      this.#tell(kind, kind === "retry" || kind === "bury" ? describeFailure(thrown) : undefined);
    } catch (error) {
      this.#onError(error);
    }
  }

  #tell(kind: Verdict["kind"] | typeof LOST, failure: TaskError | undefined): void {
    const outcome = OUTCOME[kind];
    const type = failure?.name ?? (kind === LOST ? LOST : undefined);
    const own = (itsType: string | undefined): Labels => ({
      [ATTRIBUTE.outcome]: outcome,
      ...(itsType !== undefined && { [ATTRIBUTE.errorType]: itsType }),
    });
    const seconds = (performance.now() - this.#beganMs) / 1000;
    const label = type && errorLabel(type);
    this.#instruments?.processDuration.record(seconds, { ...this.#attributes, ...own(label) });
    this.#span?.setAttributes(own(type));
    if (failure !== undefined) this.#span?.recordException(failure);
    const code = openTelemetry()?.SpanStatusCode.ERROR;
    if (type !== undefined && code !== undefined) {
      this.#span?.setStatus({ code, message: failure?.message ?? "the lease was lost" });
    }
    this.#span?.end();
  }
}
