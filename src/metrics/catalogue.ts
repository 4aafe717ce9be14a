import type { TaskCounter } from "../runtime/instruments.ts";

/**
 * Every metric that delayq has, and what it means. A name is told either by processes, of their own work, or by the
 * exporter, of a whole queue or of Redis: so a sum over all that is scraped counts nothing twice.
 *
 * Labels are bounded: names of queues, scripts and servers, and words of short lists; never ids of tasks.
 */
export interface Definition {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
}

const counter = (help: string, ...labels: string[]): Definition => ({ type: "counter", help, labels });
const gauge = (help: string, ...labels: string[]): Definition => ({ type: "gauge", help, labels });
const histogram = (help: string, ...labels: string[]): Definition => ({ type: "histogram", help, labels });

export const PROCESS_METRICS = {
  delayq_tasks_added_total: counter(
    "Tasks that this process added; not ids that existed, nor what replicas did not confirm.",
    "queue",
  ),
  delayq_tasks_completed_total: counter("Tasks that this process completed.", "queue"),
  delayq_tasks_failed_total: counter("Attempts that failed in this process, time-outs included.", "queue"),
  delayq_tasks_retried_total: counter(
    "Failed attempts of this process after which another follows.",
    "queue",
  ),
  delayq_tasks_dead_total: counter(
    "Tasks that this process buried: after their last attempt, or as a scheduler, whose leases expired too often.",
    "queue",
  ),
  delayq_tasks_requeued_total: counter(
    "Dead tasks that this process brought back; not what replicas did not confirm.",
    "queue",
  ),
  delayq_tasks_cancelled_total: counter(
    "Tasks that this process cancelled; not what replicas did not confirm.",
    "queue",
  ),
  delayq_tasks_recovered_total: counter(
    "Tasks that this process, a scheduler, brought back because their lease had expired.",
    "queue",
  ),
  delayq_tasks_expired_total: counter("Tasks that this process did not run, since it was too late.", "queue"),
  delayq_tasks_timed_out_total: counter(
    "Attempts that this process ended because their time was up; they count as failed too.",
    "queue",
  ),
  delayq_tasks_unhandled_total: counter(
    "How often this process put off a task that it has no handler for, or that a newer release wrote.",
    "queue",
  ),
  delayq_leases_lost_total: counter(
    "Leases that this process lost while it ran their tasks, also to a cancel that aborts.",
    "queue",
  ),
  delayq_task_start_lag_seconds: histogram(
    "How long after its due time the handler of a task was started.",
    "queue",
  ),
  delayq_task_duration_seconds: histogram(
    "How long handlers ran, until they ended, their time was up or their lease was lost.",
    "queue",
    "outcome",
  ),
  delayq_script_duration_seconds: histogram(
    "How long a script call took, from when it was sent until it was answered; over all connections named.",
    "script",
  ),
  delayq_worker_concurrency: gauge(
    "How many handlers this process runs at the same time at most; 0 once its workers are closed.",
    "queue",
  ),
  delayq_worker_running_tasks: gauge("How many handlers run in this process now.", "queue"),
  delayq_build_info: gauge("1, with the version of delayq.", "version"),
} as const;

export const EXPORTER_METRICS = {
  delayq_queue_tasks: gauge("How many tasks are in each state.", "queue", "state"),
  delayq_queue_oldest_due_age_seconds: gauge(
    "For how long the task has been due that has waited longest for a worker; 0 if none waits.",
    "queue",
  ),
  delayq_queue_due_tasks: gauge(
    "How many tasks fall due within so long from now; those that are due already are left out.",
    "queue",
    "within",
  ),
  delayq_queue_paused: gauge("1 while the queue is paused.", "queue"),
  delayq_queue_shards: gauge("Into how many shards the queue is cut.", "queue"),
  delayq_queue_shards_without_owner: gauge("How many shards no live scheduler serves.", "queue"),
  delayq_queue_workers: gauge("How many workers of the queue live.", "queue"),
  delayq_queue_worker_slots: gauge(
    "How many handlers they run at the same time at most, all together.",
    "queue",
  ),
  delayq_queue_schedulers: gauge(
    "How many schedulers of the queue live, those that stand by included.",
    "queue",
  ),
  delayq_schedulers: gauge("How many schedulers live, those that stand by included."),
  delayq_queue_events_total: counter(
    "How often what happened to tasks, as Redis has counted since the queue was made.",
    "queue",
    "event",
  ),
  delayq_queue_last_export_timestamp_seconds: gauge(
    "When the last complete export of the queue ended, by the clock of Redis; none if there never was one.",
    "queue",
  ),
  delayq_clock_skew_seconds: gauge("How far the clock of a Redis server is ahead of the exporter's.", "node"),
  delayq_redis_up: gauge("1 if a Redis server answers.", "node"),
  delayq_redis_role: gauge("1, with the role that the server says it has.", "node", "role"),
  delayq_redis_cpu_seconds_total: counter("Processor time that Redis has used.", "node", "mode"),
  delayq_redis_memory_used_bytes: gauge("Memory that Redis has allocated.", "node"),
  delayq_redis_memory_max_bytes: gauge("How much it may allocate; 0 means no limit.", "node"),
  delayq_redis_memory_used_ratio: gauge("Which share of that is used; none without a limit.", "node"),
  delayq_redis_evicted_keys_total: counter("Keys that Redis threw away because it was full.", "node"),
  delayq_redis_network_receive_bytes_total: counter("Bytes that Redis has received.", "node"),
  delayq_redis_network_transmit_bytes_total: counter("Bytes that Redis has sent.", "node"),
  delayq_redis_aof_enabled: gauge("1 if Redis writes an append-only file.", "node"),
  delayq_redis_aof_last_write_ok: gauge("0 if its last write to the append-only file failed.", "node"),
  delayq_redis_rdb_last_save_ok: gauge("0 if its last snapshot failed.", "node"),
  delayq_redis_rdb_last_save_timestamp_seconds: gauge(
    "When its last snapshot was taken, or it was started.",
    "node",
  ),
  delayq_redis_disk_loading: gauge("1 while Redis loads its data.", "node"),
  delayq_redis_connected_replicas: gauge("How many replicas follow a master.", "node"),
  delayq_redis_replica_lag_bytes: gauge(
    "How far a replica that follows its master is behind it.",
    "node",
    "replica",
  ),
  delayq_redis_master_link_up: gauge("1 if a replica hears its master.", "node"),
  delayq_exporter_errors_total: counter("Readings of the exporter that failed.", "part"),
  delayq_exporter_last_success_timestamp_seconds: gauge("When the exporter could last read everything."),
} as const;

/** Which counter of a process is told under which name. */
export const COUNTERS: Readonly<Record<TaskCounter, keyof typeof PROCESS_METRICS>> = {
  added: "delayq_tasks_added_total",
  completed: "delayq_tasks_completed_total",
  failed: "delayq_tasks_failed_total",
  retried: "delayq_tasks_retried_total",
  dead: "delayq_tasks_dead_total",
  requeued: "delayq_tasks_requeued_total",
  cancelled: "delayq_tasks_cancelled_total",
  recovered: "delayq_tasks_recovered_total",
  expired: "delayq_tasks_expired_total",
  timedOut: "delayq_tasks_timed_out_total",
  unhandled: "delayq_tasks_unhandled_total",
  leasesLost: "delayq_leases_lost_total",
};
