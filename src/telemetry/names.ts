/**
 * All names that OpenTelemetry is told, in one place: those of the conventions for messaging (opentelemetry.io/docs/specs/semconv/messaging,
 * 1.45), and for what these do not know our own, under `delayq.`.
 */
export const SCOPE = "delayq";

export const ATTRIBUTE = {
  /** What most readers know, and its new name. */
  system: "messaging.system",
  systemName: "messaging.system.name",
  operationName: "messaging.operation.name",
  operationType: "messaging.operation.type",
  destination: "messaging.destination.name",
  partition: "messaging.destination.partition.id",
  messageId: "messaging.message.id",
  batchCount: "messaging.batch.message_count",
  clientId: "messaging.client.id",
  errorType: "error.type",
  serverAddress: "server.address",
  serverPort: "server.port",
  taskName: "delayq.task.name",
  attempt: "delayq.task.attempt",
  lag: "delayq.task.lag_ms",
  outcome: "delayq.task.outcome",
  existed: "delayq.task.existed",
} as const;

export const METRIC = {
  sent: "messaging.client.sent.messages",
  consumed: "messaging.client.consumed.messages",
  operationDuration: "messaging.client.operation.duration",
  processDuration: "messaging.process.duration",
} as const;

/** In seconds, as the conventions advise. */
export const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10];

export type Operation = "add" | "addBulk" | "process";

export const OPERATION_TYPE: Readonly<Record<Operation, string>> = {
  add: "send",
  addBulk: "send",
  process: "process",
};
