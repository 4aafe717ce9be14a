/**
 * Where a task was added, as W3C Trace Context says it (w3.org/TR/trace-context). It is kept with the task, so that the runs
 * of its handler can be linked to it, days later and in another process.
 */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/** What the parts of a `traceparent` say. */
export interface TraceIds {
  readonly traceId: string;
  readonly spanId: string;
  readonly flags: number;
}

/** Version 00, which is 55 characters, and later ones as far as they are alike. */
const TRACEPARENT =
  /^(?!ff|00.{54})[\da-f]{2}-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(?:$|-)/;
const TRACEPARENT_MAX = 100;
/** As much as everybody must pass on; of a longer one nothing is kept. */
const TRACESTATE_MAX = 512;
const PRINTABLE = /^[\x20-\x7e]+$/;
const SAMPLED = 1;

export const isTracestate = (text: string): boolean => text.length <= TRACESTATE_MAX && PRINTABLE.test(text);

/** Undefined for what is none. */
export function parseTraceparent(text: string): TraceIds | undefined {
  const [, traceId, spanId, flags] =
    (text.length <= TRACEPARENT_MAX ? TRACEPARENT.exec(text) : undefined) ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, flags: Number.parseInt(flags, 16) };
}

/** What others have written, as far as it is one. */
export function readTrace(value: unknown): TraceContext | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const { traceparent, tracestate } = value as Partial<Record<keyof TraceContext, unknown>>;
  if (typeof traceparent !== "string" || parseTraceparent(traceparent) === undefined) return undefined;
  return typeof tracestate === "string" && isTracestate(tracestate)
    ? { traceparent, tracestate }
    : { traceparent };
}

/** @returns undefined for a trace that nobody records: then nothing could be found behind the link */
export function traceContextOf({ traceId, spanId, flags }: TraceIds, state = ""): TraceContext | undefined {
  if ((flags & SAMPLED) === 0) return undefined;
  const traceparent = `00-${traceId}-${spanId}-01`;
  if (parseTraceparent(traceparent) === undefined) return undefined;
  return isTracestate(state) ? { traceparent, tracestate: state } : { traceparent };
}
