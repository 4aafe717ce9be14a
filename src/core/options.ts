import { z } from "zod";
import { checkTaskId, isText } from "./names.ts";
import { boolean, fraction, integer, parseOptions, show } from "./validate.ts";
import { DelayqError } from "./errors.ts";

/** The last millisecond of the year 9999, the end of delayq's time. */
export const TIME_MAX_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
const DELAY_MAX_MS = TIME_MAX_MS;
const DAY_MS = 86_400_000;

export const LEASE_MIN_MS = 1000;
/** No lease is longer than this between two renewals; a deadline further away was written by a clock that is off. */
export const LEASE_MAX_MS = 3_600_000;
/** Longer than this no worker leaves a shard alone: then Redis has forgotten that it waits. */
export const SLOW_POLL_MAX_MS = 600_000;
export const PRIORITY_MAX = 9;

const backoffDelay = () => integer(0, 365 * DAY_MS);

const backoffSchema = z.strictObject(
  {
    type: z.enum(["fixed", "exponential"], { error: '"fixed" or "exponential"' }),
    delay: backoffDelay(),
    maxDelayMs: backoffDelay().default(DAY_MS),
    jitter: fraction().default(0),
  },
  { error: "an object such as { type, delay }" },
);

/** How long a failed task waits before it is tried again. */
export type Backoff = Readonly<z.output<typeof backoffSchema>>;

/** The options that a task keeps for its whole life. */
const keptSchema = z.strictObject({
  attempts: integer(1, 1_000_000),
  backoff: backoffSchema,
  timeoutMs: integer(0, 2 ** 31 - 1),
  deathsMax: integer(1, 1000),
  keepResultMs: integer(0, 365 * DAY_MS),
  expireMs: integer(0, 2 ** 31 - 1),
});

export type KeptOptions = Readonly<z.output<typeof keptSchema>>;

/**
 * What a task that says nothing gets. More than one attempt, since an expired lease uses one too: a task whose worker was
 * killed runs again.
 */
export const KEPT_DEFAULTS: KeptOptions = Object.freeze({
  attempts: 3,
  backoff: Object.freeze({ type: "exponential", delay: 1000, maxDelayMs: DAY_MS, jitter: 0 }),
  timeoutMs: 0,
  deathsMax: 3,
  keepResultMs: 0,
  expireMs: 0,
});

/** The options that a queue gives to its tasks unless a task says otherwise. */
export interface TaskDefaults {
  /** How often the task is started at most before it is buried. Default 3. */
  attempts?: number;
  /** The wait after a failed attempt. `delay` and `maxDelayMs` (default one day) in ms, `jitter` 0 to 1 (default 0). Default exponential, 1000 ms. */
  backoff?: { type: "fixed" | "exponential"; delay: number; maxDelayMs?: number; jitter?: number };
  /** How long a handler may take before its attempt counts as failed; 0 means as long as it likes. Default 0. */
  timeoutMs?: number;
  /** After so many expired leases the task is buried: it may be what kills its workers. Default 3. */
  deathsMax?: number;
  /** How long the completed task and its result stay readable; 0 means not at all. Default 0. */
  keepResultMs?: number;
  /**
   * A task that no worker has taken so many ms after its due time is not run any more: the next worker that would take it
   * removes it, and it counts as expired. A retry is due anew. 0 means that it is run however late. Default 0.
   */
  expireMs?: number;
}

/**
 * When a change counts as done: once Redis has it ("async"), or once so many replicas have it too. If they do not within
 * `timeoutMs`, 1 to 5000, the call rejects with `DELAYQ_NOT_CONFIRMED`.
 */
export type Durability = "async" | { readonly replicas: number; readonly timeoutMs: number };

/** How many replicas must have a change, and how long they are waited for. */
export type Confirmation = Exclude<Durability, "async">;

const REPLICAS_MAX = 100;
/** Others wait behind it, and the whole call has 10 s. */
const CONFIRM_MAX_MS = 5000;

const durabilitySchema = z.union(
  [
    z.literal("async"),
    z.strictObject({ replicas: integer(1, REPLICAS_MAX), timeoutMs: integer(1, CONFIRM_MAX_MS) }),
  ],
  {
    error: `"async" or { replicas, timeoutMs } with integers from 1 to ${REPLICAS_MAX} and from 1 to ${CONFIRM_MAX_MS}`,
  },
);

/** What is asked of the replicas; undefined: nothing. @param usual of a call that does not say */
export function confirmationOf(
  durability: Durability | undefined,
  usual?: Confirmation,
): Confirmation | undefined {
  if (durability === undefined) return usual;
  return durability === "async" ? undefined : durability;
}

/** Two that are equal may share a call. */
export const isSameConfirmation = (a: Confirmation | undefined, b: Confirmation | undefined): boolean =>
  a?.replicas === b?.replicas && a?.timeoutMs === b?.timeoutMs;

/** When and how one task runs. */
export interface AddOptions extends TaskDefaults {
  /** Run this many ms after the moment that Redis takes the task. Not together with `at`. Default 0. */
  delay?: number;
  /** Run at this instant, a Date or epoch ms, by the Redis clock. Not together with `delay`. */
  at?: Date | number;
  /** The task's id; a second add with the id of a task that still exists adds nothing. Default: generated. */
  id?: string;
  /** 0 to 9; among due tasks a higher level goes first. Default 0. */
  priority?: number;
  /** When this add counts as done. Default: as the queue says. */
  durability?: Durability;
}

/** What goes with one change. */
export interface ChangeOptions {
  /** When the change counts as done. Default: as the queue says. */
  durability?: Durability;
}

const delaySchema = () => integer(0, DELAY_MAX_MS);
const atSchema = () => {
  const error = "a Date or epoch milliseconds, from 1970 to the end of the year 9999";
  const epochMs = z.int({ error }).min(0, { error }).max(TIME_MAX_MS, { error });
  return z.union(
    [
      epochMs,
      z
        .date({ error })
        .transform((date) => date.getTime())
        .pipe(epochMs),
    ],
    { error },
  );
};

const defaultsSchema = keptSchema.partial();

const addSchema = defaultsSchema.extend({
  delay: delaySchema().optional(),
  at: atSchema().optional(),
  id: z.string({ error: "a text" }).optional(),
  priority: integer(0, PRIORITY_MAX).optional(),
  durability: durabilitySchema.optional(),
});

/** When a task is due: so many ms after Redis takes it, or at an instant. */
export type Due = { readonly delay: number } | { readonly atMs: number };

export interface ParsedAdd {
  readonly id: string | undefined;
  readonly due: Due;
  readonly priority: number;
  /** What differs from the queue's defaults; undefined if nothing does. */
  readonly overrides: Partial<KeptOptions> | undefined;
  /** Undefined: as the queue says. */
  readonly durability: Durability | undefined;
}

const PLAIN_ADD: ParsedAdd = Object.freeze({
  id: undefined,
  due: { delay: 0 },
  priority: 0,
  overrides: undefined,
  durability: undefined,
});
const CODES = { delay: "DELAYQ_INVALID_TIME", at: "DELAYQ_INVALID_TIME", id: "DELAYQ_INVALID_ID" } as const;

/** @throws DelayqError `DELAYQ_INVALID_OPTION`, `DELAYQ_INVALID_TIME`, `DELAYQ_INVALID_ID` */
export function parseAddOptions(input: AddOptions | undefined, defaults: KeptOptions): ParsedAdd {
  if (input === undefined) return PLAIN_ADD;
  const plain = plainAdd(input);
  if (plain !== undefined) return plain;
  const { id, delay, at, priority, durability, ...kept } = parseOptions(
    addSchema,
    input,
    "the options of a task",
    CODES,
  );
  if (id !== undefined) checkTaskId(id);
  return {
    id,
    due: dueOf(delay, at),
    priority: priority ?? 0,
    overrides: differing(kept, defaults),
    durability,
  };
}

const isPlainObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;

const isWhole = (value: unknown, max: number): value is number =>
  Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= max;

/**
 * The schema takes a microsecond for each task. Most options say when and no more than the level and the id beside it: what
 * is plainly right is taken as it is, and of all else (undefined) the schema judges.
 */
function plainAdd(input: AddOptions): ParsedAdd | undefined {
  if (!isPlainObject(input)) return undefined;
  let id: string | undefined;
  let due: Due | undefined;
  let priority = 0;
  for (const key of Object.getOwnPropertyNames(input)) {
    const value: unknown = input[key as keyof AddOptions];
    if (key === "delay" && due === undefined && isWhole(value, DELAY_MAX_MS)) due = { delay: value };
    else if (key === "at" && due === undefined && isWhole(value, TIME_MAX_MS)) due = { atMs: value };
    else if (key === "priority" && isWhole(value, PRIORITY_MAX)) priority = value;
    else if (key === "id" && isText(value)) id = value;
    else return undefined;
  }
  return { id, due: due ?? PLAIN_ADD.due, priority, overrides: undefined, durability: undefined };
}

function dueOf(delay: number | undefined, at: number | undefined): Due {
  if (at === undefined) return { delay: delay ?? 0 };
  if (delay === undefined) return { atMs: at };
  throw new DelayqError(
    "DELAYQ_INVALID_TIME",
    `Expected \`delay\` or \`at\`, got both: ${show(delay)} and ${show(at)}. Leave one out.`,
  );
}

function differing(
  kept: z.output<typeof defaultsSchema>,
  defaults: KeptOptions,
): Partial<KeptOptions> | undefined {
  let overrides: Record<string, unknown> | undefined;
  for (const key in kept) {
    const value = kept[key as keyof KeptOptions];
    if (value === undefined || same(value, defaults[key as keyof KeptOptions])) continue;
    overrides ??= {};
    overrides[key] = value;
  }
  return overrides;
}

const same = (a: number | Backoff, b: number | Backoff): boolean =>
  a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));

const dueSchema = z.strictObject({ delay: delaySchema().optional(), at: atSchema().optional() });

/** The new due time of a reschedule. @throws DelayqError `DELAYQ_INVALID_TIME` */
export function parseDue(input: { delay?: number; at?: Date | number }): Due {
  const { delay, at } = parseOptions(dueSchema, input, "the new due time", CODES);
  if (delay === undefined && at === undefined) {
    throw new DelayqError(
      "DELAYQ_INVALID_TIME",
      `Expected \`delay\` or \`at\` for the new due time, got neither.`,
    );
  }
  return dueOf(delay, at);
}

/** @throws DelayqError `DELAYQ_INVALID_OPTION` */
export function parseDefaults(input: TaskDefaults | undefined): KeptOptions {
  const parsed = parseOptions(defaultsSchema, input ?? {}, "`defaults`");
  const given = Object.fromEntries(Object.entries(parsed).filter(([, value]) => value !== undefined));
  return Object.freeze({ ...KEPT_DEFAULTS, ...given });
}

/** The largest payload unless a queue says otherwise, in bytes of JSON. */
/** Redis remembers for a minute which calls it has executed; no call is repeated for longer than this. */
export const REPEAT_MAX_MS = 50_000;
export const PAYLOAD_MAX_BYTES = 1_048_576;
const SHARDS_MAX = 1024;
/**
 * Calls for one shard are merged, so few shards make few large calls; more are there to be spread over the nodes of a Cluster.
 */
export const SHARDS_DEFAULT = 4;
export const SHARDS_DEFAULT_CLUSTER = 16;

/** pino's, the quietest last. */
export const TASK_LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;
export type TaskLogLevel = (typeof TASK_LOG_LEVELS)[number];

const base = {
  connection: z.unknown().optional(),
  prefix: z.string({ error: "a text" }).default("dq"),
  logger: z.unknown().optional(),
  taskLogLevel: z
    .enum(TASK_LOG_LEVELS, { error: TASK_LOG_LEVELS.map((level) => `"${level}"`).join(" or ") })
    .default("debug"),
};

const logPayloads = () => boolean().default(false);

export const queueOptionsSchema = z.strictObject({
  ...base,
  shards: integer(1, SHARDS_MAX).optional(),
  defaults: z.unknown().optional(),
  payloadMaxBytes: integer(1, 512 * PAYLOAD_MAX_BYTES).default(PAYLOAD_MAX_BYTES),
  addTimeoutMs: integer(1, REPEAT_MAX_MS).default(10_000),
  waitingMax: integer(1).default(100_000),
  durability: durabilitySchema.default("async"),
  logPayloads: logPayloads(),
});

export const changeOptionsSchema = z.strictObject({ durability: durabilitySchema.optional() });

export const cancelOptionsSchema = changeOptionsSchema.extend({ abort: boolean().optional() });

export const obliterateOptionsSchema = changeOptionsSchema.extend({ force: boolean().optional() });

export const schedulerOptionsSchema = z.strictObject({
  ...base,
  slowPollMs: integer(10, SLOW_POLL_MAX_MS).default(60_000),
});

export const workerOptionsSchema = z.strictObject({
  ...base,
  concurrency: integer(1, 100_000).default(10),
  leaseMs: integer(LEASE_MIN_MS, LEASE_MAX_MS).default(15_000),
  scheduler: boolean().default(true),
  autorun: boolean().default(true),
  slowPollMs: integer(10, SLOW_POLL_MAX_MS).default(60_000),
  unhandledDelayMs: integer(0, DAY_MS).default(5000),
  logPayloads: logPayloads(),
});

export const closeOptionsSchema = z.strictObject({ graceMs: integer(0, 7 * DAY_MS).default(30_000) });

/** A page size or a bound on how many; undefined means all. */
export const limitSchema = integer(0).optional();

const text = () => z.string({ error: "a text" }).optional();

/** Of `requeue`; its fields are those of TaskFilter. */
export const filterSchema = z.strictObject({
  name: text(),
  error: text(),
  limit: limitSchema,
  idPrefix: text(),
  dueBefore: atSchema().optional(),
  dueAfter: atSchema().optional(),
  addedBefore: atSchema().optional(),
  diedBefore: atSchema().optional(),
});

export const purgeFilterSchema = filterSchema.extend({
  state: z.enum(["dead", "done"], { error: '"dead" or "done"' }).optional(),
});

export const cancelFilterSchema = filterSchema.extend({
  state: z.enum(["delayed", "ready"], { error: '"delayed" or "ready"' }).optional(),
});

const bulkTaskSchema = z.strictObject({
  name: z.unknown(),
  data: z.unknown(),
  opts: z.unknown().optional(),
});

/** Its fields are checked where those of `add` are. @throws DelayqError `DELAYQ_INVALID_OPTION` */
export function parseBulkTask(input: unknown): { name?: unknown; data?: unknown; opts?: unknown } {
  return isPlainBulkTask(input) ? input : parseOptions(bulkTaskSchema, input, "a task of addBulk");
}

/** As with the options of a task: what is plainly right needs no schema. */
function isPlainBulkTask(input: unknown): input is object {
  if (!isPlainObject(input) || !("name" in input) || !("data" in input)) return false;
  for (const key in input) if (key !== "name" && key !== "data" && key !== "opts") return false;
  return true;
}
