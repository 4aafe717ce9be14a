import { openTelemetry } from "./open-telemetry.ts";

/**
 * For pino's `mixin`: each line says to which trace it belongs, under the names that OpenTelemetry's own instrumentation of pino
 * uses.
 */
export function traceFields(): object {
  const context = openTelemetry()?.trace.getActiveSpan()?.spanContext();
  if (context === undefined) return {};
  const { traceId, spanId, traceFlags } = context;
  return { trace_id: traceId, span_id: spanId, trace_flags: `0${traceFlags.toString(16)}` };
}
