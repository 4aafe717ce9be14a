import type { Link, SpanContext } from "@opentelemetry/api";
import { parseTraceparent, traceContextOf, type TraceContext } from "../core/trace-context.ts";
import { openTelemetry } from "./open-telemetry.ts";

/** What a task keeps of where it was added. */
export function traceOf({ traceId, spanId, traceFlags, traceState }: SpanContext): TraceContext | undefined {
  return traceContextOf({ traceId, spanId, flags: traceFlags }, traceState?.serialize());
}

/** The way back from a run. None from what cannot be read: others may have written it. */
export function linksTo(trace: TraceContext | undefined): Link[] {
  const ids = trace && parseTraceparent(trace.traceparent);
  if (ids === undefined) return [];
  const { traceId, spanId, flags } = ids;
  const context: SpanContext = { traceId, spanId, traceFlags: flags, isRemote: true };
  const state = trace?.tracestate;
  const traceState = state === undefined ? undefined : openTelemetry()?.createTraceState(state);
  return [{ context: traceState === undefined ? context : { ...context, traceState } }];
}
