import type { Span, Tracer } from "@opentelemetry/api";
import { BulkIncompleteError, DelayqError } from "../core/errors.ts";
import { describeFailure } from "../core/failure.ts";
import { isText } from "../core/names.ts";
import type { TraceContext } from "../core/trace-context.ts";
import { errorLabel } from "./error-type.ts";
import { traceOf } from "./links.ts";
import { ATTRIBUTE } from "./names.ts";
import { currentInstruments, currentTracer, openTelemetry, type Instruments } from "./open-telemetry.ts";
import { commonAttributes, type Labels, type Place } from "./place.ts";

/** What is known of a task that was added. */
interface Sent {
  readonly id: string;
  readonly shard: number;
  readonly existed: boolean;
}

type Sending = "add" | "addBulk";

/** Refused before anything was sent: no message. */
const UNSENT = new Set(["DELAYQ_DATA_TOO_LARGE", "DELAYQ_OVERLOADED", "DELAYQ_CLOSED"]);

/**
 * Tells OpenTelemetry of the tasks that a queue adds: a span for each call, which the tasks keep, and metrics.
 *
 * Nothing here throws: samplers and processors are the application's, and what they throw says nothing of an add.
 */
export class Sends {
  readonly #place: Place;
  readonly #attributes = new Map<Sending, Labels>();

  constructor(place: Place) {
    this.#place = place;
  }

  /** Undefined while nobody listens; then it has cost some look-ups and no memory. */
  begin(operation: Sending, count: number, taskName?: unknown): Send | undefined {
    try {
      return this.#begun(operation, count, taskName);
    } catch (error) {
      this.#place.onError(error);
      return undefined;
    }
  }

  #begun(operation: Sending, count: number, taskName: unknown): Send | undefined {
    const api = openTelemetry();
    if (api === undefined) return undefined;
    const tracer = currentTracer();
    const instruments = currentInstruments();
    // An application may pass traces on without recording any.
    const around = tracer === undefined ? api.trace.getActiveSpan() : undefined;
    if (tracer === undefined && instruments === undefined && around === undefined) return undefined;
    const attributes = this.#attributesOf(operation);
    const name = `${operation} ${this.#place.queue}`;
    const own = operation === "addBulk" ? { [ATTRIBUTE.batchCount]: count } : taskNameOf(taskName);
    const span = tracer && started(tracer, name, { ...attributes, ...own });
    const context = (span ?? around)?.spanContext();
    const { onError } = this.#place;
    return new Send(span, context && traceOf(context), { instruments, attributes, count, onError });
  }

  #attributesOf(operation: Sending): Labels {
    let attributes = this.#attributes.get(operation);
    if (attributes === undefined) {
      attributes = commonAttributes(this.#place, operation);
      this.#attributes.set(operation, attributes);
    }
    return attributes;
  }
}

function started(tracer: Tracer, name: string, attributes: Labels): Span | undefined {
  const kind = openTelemetry()?.SpanKind.PRODUCER;
  return tracer.startSpan(name, kind === undefined ? { attributes } : { kind, attributes });
}

/** It may be anything as long as nobody has looked at it. */
const taskNameOf = (name: unknown): Labels => (isText(name) ? { [ATTRIBUTE.taskName]: name } : {});

interface Measured {
  readonly instruments: Instruments | undefined;
  readonly attributes: Labels;
  readonly count: number;
  readonly onError: (error: unknown) => void;
}

/** One call that adds. */
export class Send {
  /** What its tasks are to keep. */
  readonly trace: TraceContext | undefined;
  readonly #span: Span | undefined;
  readonly #measured: Measured;
  readonly #beganMs = performance.now();

  constructor(span: Span | undefined, trace: TraceContext | undefined, measured: Measured) {
    this.#span = span;
    this.trace = trace;
    this.#measured = measured;
  }

  /** Passes on what becomes of the call. */
  async follow<S extends Sent | readonly Sent[]>(sending: Promise<S>): Promise<S> {
    let sent: S;
    try {
      sent = await sending;
    } catch (error) {
      this.#tell(() => this.#fail(error));
      throw error;
    }
    this.#tell(() => this.#succeed(sent));
    return sent;
  }

  #tell(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#measured.onError(error);
    }
  }

  #succeed(sent: Sent | readonly Sent[]): void {
    if (isOne(sent)) {
      this.#span?.setAttributes({
        [ATTRIBUTE.messageId]: sent.id,
        [ATTRIBUTE.partition]: String(sent.shard),
        ...(sent.existed && { [ATTRIBUTE.existed]: true }),
      });
    }
    this.#count(this.#measured.count);
    this.#end();
  }

  #fail(error: unknown): void {
    const failure = describeFailure(error);
    const type = error instanceof DelayqError ? error.code : failure.name;
    const added = error instanceof BulkIncompleteError ? error.added.length : 0;
    const { count } = this.#measured;
    this.#count(added);
    if (!isUnsent(type)) this.#count(count - added, type);
    this.#span?.recordException(failure);
    const code = openTelemetry()?.SpanStatusCode.ERROR;
    if (code !== undefined) this.#span?.setStatus({ code, message: failure.message });
    this.#span?.setAttribute(ATTRIBUTE.errorType, type);
    this.#end(type);
  }

  #count(count: number, type?: string): void {
    if (count > 0) this.#measured.instruments?.sent.add(count, this.#with(type));
  }

  #end(type?: string): void {
    const seconds = (performance.now() - this.#beganMs) / 1000;
    this.#measured.instruments?.operationDuration.record(seconds, this.#with(type));
    this.#span?.end();
  }

  #with(type: string | undefined): Labels {
    const { attributes } = this.#measured;
    return type === undefined ? attributes : { ...attributes, [ATTRIBUTE.errorType]: errorLabel(type) };
  }
}

const isOne = (sent: Sent | readonly Sent[]): sent is Sent => !Array.isArray(sent);

const isUnsent = (type: string): boolean => UNSENT.has(type) || type.startsWith("DELAYQ_INVALID_");
