import { createRequire } from "node:module";
import type * as OpenTelemetry from "@opentelemetry/api";
import type {
  Counter,
  Histogram,
  MeterProvider,
  ProxyTracerProvider,
  Tracer,
  TracerProvider,
} from "@opentelemetry/api";
import { version } from "../core/version.ts";
import { DURATION_BUCKETS, METRIC, SCOPE } from "./names.ts";

/**
 * The way to `@opentelemetry/api`, which is there if the application brought it.
 *
 * It is asked for with `require`, when it is first needed: a static import would fail where it is missing, and a dynamic
 * one is a promise, so that the first tasks would be added before it is kept. It hands its implementations over in a global
 * of its own, so it does not matter which copy of it is found here.
 *
 * Without an SDK everything it gives does nothing, but not for nothing: spans and attributes would be made for each task. So
 * it is asked first whether somebody registered an SDK; that may come and go at any time.
 */
type Api = typeof OpenTelemetry;

export interface Instruments {
  readonly sent: Counter;
  readonly consumed: Counter;
  readonly operationDuration: Histogram;
  readonly processDuration: Histogram;
}

const require = createRequire(import.meta.url);

let api: Api | undefined;
let isAskedFor = false;
let tracers: TracerProvider | undefined;
let tracer: Tracer | undefined;
let meters: MeterProvider | undefined;
let instruments: Instruments | undefined;

/** Undefined where the application has none. */
export function openTelemetry(): Api | undefined {
  if (isAskedFor) return api;
  isAskedFor = true;
  try {
    api = require("@opentelemetry/api") as Api;
  } catch {
    api = undefined; // not installed, which is as good as not registered
  }
  return api;
}

/** Undefined while no SDK for traces is registered. */
export function currentTracer(): Tracer | undefined {
  const provider: (TracerProvider & Partial<ProxyTracerProvider>) | undefined =
    openTelemetry()?.trace.getTracerProvider();
  const behind = provider?.getDelegate?.() ?? provider;
  if (behind === tracers) return tracer;
  tracers = behind;
  tracer = undefined; // also if this one throws
  tracer =
    provider?.getDelegateTracer === undefined
      ? provider?.getTracer(SCOPE, version())
      : provider.getDelegateTracer(SCOPE, version());
  return tracer;
}

/** Undefined while no SDK for metrics is registered. */
export function currentInstruments(): Instruments | undefined {
  const provider = openTelemetry()?.metrics.getMeterProvider();
  if (provider === meters) return instruments;
  meters = provider;
  instruments = undefined;
  instruments = provider && instrumentsOf(provider);
  return instruments;
}

function instrumentsOf(provider: MeterProvider): Instruments | undefined {
  const meter = provider.getMeter(SCOPE, version());
  if (meter === api?.createNoopMeter()) return undefined;
  const advice = { explicitBucketBoundaries: DURATION_BUCKETS };
  const counter = (name: string, description: string): Counter =>
    meter.createCounter(name, { unit: "{message}", description });
  const histogram = (name: string, description: string): Histogram =>
    meter.createHistogram(name, { unit: "s", description, advice });
  return {
    sent: counter(METRIC.sent, "Tasks that were to be added."),
    consumed: counter(METRIC.consumed, "Tasks that were handed to a handler."),
    operationDuration: histogram(METRIC.operationDuration, "How long adding took."),
    processDuration: histogram(METRIC.processDuration, "How long handlers took."),
  };
}
