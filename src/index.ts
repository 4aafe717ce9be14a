export { Queue } from "./queue/queue.ts";
export type {
  CancelOutcome,
  PurgeOutcome,
  QueueOptions,
  RequeueOutcome,
  RescheduleOutcome,
  RunNowOutcome,
  UpdateOutcome,
} from "./queue/queue.ts";
export { Scheduler, type SchedulerOptions } from "./scheduler/scheduler.ts";
export { Worker, type WorkerOptions } from "./assembly/worker.ts";
export { LeaseLostError, WorkerClosedError, type WorkerEvents } from "./worker/task-worker.ts";
export { TaskTimeoutError } from "./worker/runner.ts";
export type { Handler, HandlerContext, Handlers } from "./worker/handler.ts";
export {
  BulkIncompleteError,
  DelayqError,
  NotConfirmedError,
  RetryLater,
  UnknownOutcomeError,
  UnrecoverableError,
  type DelayqErrorCode,
} from "./core/errors.ts";
export type { AddOptions, ChangeOptions, Durability, TaskDefaults, TaskLogLevel } from "./core/options.ts";
export type {
  AddedTask,
  AnyTasks,
  Task,
  TaskCounts,
  TaskError,
  TaskState,
  TaskType,
  TaskTypes,
} from "./core/task.ts";
export type { ConnectionOption } from "./store/connection-options.ts";
export type { TaskFilter } from "./core/task-filter.ts";
export { collectMetrics, type MetricsSources } from "./metrics/collect.ts";
export type { BulkOptions } from "./queue/changer.ts";
