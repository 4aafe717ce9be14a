/*
 * Sets OpenTelemetry up before anything else is loaded, and writes each span to stdout when it has ended. To try it:
 *
 *   npm install @opentelemetry/api @opentelemetry/sdk-trace-base @opentelemetry/context-async-hooks
 *   NODE_OPTIONS="--import ./examples/tracing.js" delayq worker --queue emails --handler examples/handlers.js
 *   NODE_OPTIONS="--import ./examples/tracing.js" delayq add emails welcome '{"userId":7}'
 */
import { context, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { BasicTracerProvider, BatchSpanProcessor, ConsoleSpanExporter } from "@opentelemetry/sdk-trace-base";

const provider = new BasicTracerProvider({
  spanProcessors: [new BatchSpanProcessor(new ConsoleSpanExporter(), { scheduledDelayMillis: 500 })],
});
trace.setGlobalTracerProvider(provider);
context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

process.once("beforeExit", () => void provider.shutdown()); // sends what has not been sent
