import { BulkIncompleteError } from "../../core/errors.ts";
import type { IdSeries } from "../../core/ids.ts";
import type { Queue } from "../../queue/queue.ts";
import type { LineTask } from "./line-task.ts";
import type { Line } from "./line-splitter.ts";

/** Eight calls of Redis each, a few of them under way: what is held in memory is bounded by these, not by the file. */
const BATCH_MAX = 1600;
const BATCH_BYTES_MAX = 4_194_304;
const IN_FLIGHT_MAX = 3;

interface Batch {
  readonly tasks: LineTask[];
  readonly firstLine: number;
  bytes: number;
}

/**
 * Adds tasks to a queue in batches; whoever gives them waits when too many are under way.
 *
 * Tasks without an id get one of a series, by the number of their line: so an import that broke off can go on at any line
 * before the break, and what was added then is not added again.
 */
export class Importer {
  readonly #queue: Queue;
  readonly #series: IdSeries;
  readonly #inFlight = new Set<Promise<void>>();
  #batch: Batch | undefined;
  #failure: { readonly error: unknown } | undefined;
  #failedLine = Number.POSITIVE_INFINITY;
  #seenLine: number;
  /** How many were added, were there before, and may or may not have been added. */
  added = 0;
  existed = 0;
  unknown = 0;

  constructor(queue: Queue, series: IdSeries, fromLine: number) {
    this.#queue = queue;
    this.#series = series;
    this.#seenLine = fromLine - 1;
  }

  /** Where to go on: all lines before it are imported, or were passed over. */
  get nextLine(): number {
    return Math.min(this.#failedLine, this.#batch?.firstLine ?? Number.POSITIVE_INFINITY, this.#seenLine + 1);
  }

  /** All lines before it were taken. */
  reach(line: Line): void {
    this.#seenLine = line.number - 1;
  }

  /** Waits when too many are under way. @throws what the sending of an earlier batch threw */
  async push(task: LineTask, line: Line): Promise<void> {
    const id = task.opts.id ?? this.#series.id(line.number);
    const batch = (this.#batch ??= { tasks: [], firstLine: line.number, bytes: 0 });
    batch.tasks.push({ ...task, opts: { ...task.opts, id } });
    batch.bytes += line.bytes;
    this.#seenLine = line.number;
    if (batch.tasks.length >= BATCH_MAX || batch.bytes >= BATCH_BYTES_MAX) await this.#flush();
  }

  /** Nothing is to be imported of this line. */
  pass(line: Line): void {
    this.#seenLine = line.number;
  }

  /** Sends the rest and waits for all. @throws what the sending of a batch threw */
  async finish(): Promise<void> {
    try {
      await this.#flush();
    } finally {
      await Promise.all(this.#inFlight);
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Sends the batch as soon as there is room. */
  async #flush(): Promise<void> {
    while (this.#inFlight.size >= IN_FLIGHT_MAX) await Promise.race(this.#inFlight);
    if (this.#failure !== undefined) throw this.#failure.error;
    if (this.#batch === undefined) return;
    const sent = this.#send(this.#batch).finally(() => this.#inFlight.delete(sent));
    this.#inFlight.add(sent);
    this.#batch = undefined;
  }

  async #send({ tasks, firstLine }: Batch): Promise<void> {
    try {
      for (const { existed } of await this.#queue.addBulk(tasks)) {
        if (existed) this.existed++;
        else this.added++;
      }
    } catch (error) {
      this.#failure ??= { error };
      this.#failedLine = Math.min(this.#failedLine, firstLine);
      if (!(error instanceof BulkIncompleteError)) return;
      this.added += error.added.length;
      this.unknown += error.unknown.length;
    }
  }
}
