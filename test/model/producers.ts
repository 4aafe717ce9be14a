import { pino } from "pino";
import { BulkIncompleteError, DelayqError } from "../../src/core/errors.ts";
import { parseDefaults, type AddOptions, type TaskDefaults } from "../../src/core/options.ts";
import type { Task } from "../../src/core/task.ts";
import { parseExported, parseHeader, type ExportedTask } from "../../src/queue/export-format.ts";
import { Exporter } from "../../src/queue/exporter.ts";
import { Queue } from "../../src/queue/queue.ts";
import { Restorer } from "../../src/queue/restorer.ts";
import type { ModelProducer, ModelTask } from "./model.ts";
import { IDS, type Due, type FilterStep, type Operation, type TaskStep } from "./operations.ts";
import { same } from "./same.ts";
import type { World } from "./world.ts";

/** Two real queues with different defaults, each call compared with what the model says. */
interface Producer extends ModelProducer {
  queue: Queue;
}

/** An export, and the tasks as the model had them then. */
interface Backup {
  readonly header: ReturnType<typeof parseHeader>;
  readonly exported: readonly ExportedTask[];
  readonly tasks: readonly ModelTask[];
  readonly atMs: number;
}

type Of<D extends Operation["do"]> = Extract<Operation, { do: D }>;
type ProducerStep = Exclude<
  Operation,
  Of<"advance" | "resend" | "claim" | "settle" | "extend" | "leave" | "take" | "tick" | "handOver">
>;

const DEFAULTS: readonly TaskDefaults[] = [
  {},
  { attempts: 3, backoff: { type: "exponential", delay: 1000 }, deathsMax: 2, keepResultMs: 5000 },
];
const RECENT_IDS = 4;
const BIG = "x".repeat(6000);
const SILENT = pino({ level: "silent" });

export class Producers {
  readonly #world: World;
  readonly #producers: readonly Producer[];
  readonly #open: (options: TaskDefaults) => Queue;
  #payloads = 0;
  #backup: Backup | undefined;

  constructor(world: World, url: string) {
    this.#world = world;
    const { prefix, clock, shards, store } = world.keyspace;
    const options = { connection: url, prefix, shards: shards.length, logger: SILENT };
    const time = (): string => String(clock.nowMs);
    this.#open = (defaults) => new Queue(store.namespace.queue, { ...options, defaults }, time);
    this.#producers = DEFAULTS.map((defaults) => ({
      queue: this.#open(defaults),
      defaults: parseDefaults(defaults),
      profile: undefined,
      isAware: false,
    }));
  }

  async close(): Promise<void> {
    for (const { queue } of this.#producers) await queue.close();
  }

  async take(step: ProducerStep): Promise<void> {
    const { model } = this.#world;
    const producer = this.#producers[step.by] as Producer;
    const { queue } = producer;
    switch (step.do) {
      case "add":
      case "addBulk":
        return await this.#add(step.by, step.do === "addBulk", step.tasks);
      case "cancel":
        return await this.#change(
          producer,
          step,
          async (id) => await queue.cancel(id, { abort: step.abort }),
          (id) => model.cancel(id, step.abort),
        );
      case "reschedule":
        return await this.#change(
          producer,
          step,
          async (id) => await queue.reschedule(id, this.#given(step.due)),
          (id) => model.reschedule(id, this.#dueAtMs(step.due)),
        );
      case "update": {
        const data = this.#data(step.isBig);
        return await this.#change(
          producer,
          step,
          async (id) => await queue.update(id, data),
          (id) => model.update(id, data),
        );
      }
      case "runNow":
        return await this.#change(
          producer,
          step,
          async (id) => await queue.runNow(id),
          (id) => model.runNow(id),
        );
      case "requeue":
      case "purge":
        return await this.#changeMany(producer, step);
      case "requeueAll":
        this.#see(producer);
        return sameCounts(
          await queue.requeue(step.filter),
          this.#matching(step.filter, "dead").map(({ id }) => model.requeue(id)),
        );
      case "purgeAll":
        this.#see(producer);
        return sameCounts(
          await queue.purge({ ...step.filter, state: step.state }),
          this.#matching(step.filter, step.state).map(({ id }) => model.purge(id)),
        );
      case "look":
        return await this.#look(producer, step);
      case "list":
        return await this.#list(producer, step);
      case "pause":
      case "resume":
        return await this.#setPaused(queue, step.do === "pause");
      case "obliterate":
        return await this.#obliterate(producer, step.force);
      case "export":
        return await this.#export();
      case "restore":
        return await this.#restore(producer);
    }
  }

  /** So that there is a queue, whatever was obliterated before. */
  async addLast(): Promise<void> {
    const task = { id: "last", name: "mail", due: { delay: 0 }, priority: 0, isBig: false, given: {} };
    await this.#world.step({ do: "add", by: 0, tasks: [task] });
  }

  async runAllNow(): Promise<void> {
    const { model } = this.#world;
    const { queue } = this.#producers[0] as Producer;
    for (const { id } of model.tasks("delayed"))
      same(`runNow of ${id}`, await queue.runNow(id), model.runNow(id));
  }

  async #add(by: number, isBulk: boolean, tasks: readonly TaskStep[]): Promise<void> {
    const { model } = this.#world;
    const producer = this.#producers[by] as Producer;
    if (tasks.length === 0) return same("addBulk of nothing", await producer.queue.addBulk([]), []);
    const isUsable = model.introduce(producer);
    const inputs = tasks.map((task) => ({
      name: task.name,
      data: this.#data(task.isBig),
      opts: this.#options(task),
    }));
    if (isBulk && !isUsable) return await expectAllRefused(producer.queue.addBulk(inputs), tasks.length);
    const added = isBulk
      ? await producer.queue.addBulk(inputs)
      : await Promise.all(
          inputs.map(async ({ name, data, opts }) => await producer.queue.add(name, data, opts)),
        );
    const expected = tasks.map((task, i) => {
      const id = task.id ?? added[i]?.id ?? "";
      const { name, priority, given, due } = task;
      const addition = { id, name, priority, given, data: inputs[i]?.data, dueAtMs: this.#dueAtMs(due) };
      return { id, existed: model.add(producer, addition) };
    });
    const views = expected.map(({ id, existed }) => ({ ...model.view(id), existed }));
    same("what add returned", added, views);
  }

  async #change(
    producer: Producer,
    step: { readonly do: string; readonly ids: readonly number[] },
    change: (id: string) => Promise<string>,
    expected: (id: string) => string,
  ): Promise<void> {
    this.#see(producer);
    const ids = this.#ids(step.ids);
    const outcomes = await Promise.all(ids.map(change));
    same(`what ${step.do} of ${ids.join()} answered`, outcomes, ids.map(expected));
  }

  async #changeMany(producer: Producer, step: Of<"requeue" | "purge">): Promise<void> {
    this.#see(producer);
    const { queue } = producer;
    // The dead first: of the others there are many more.
    const ended = (["dead", "done"] as const).flatMap((state) => this.#world.model.tasks(state));
    const ids = this.#ids(
      step.ids,
      ended.map(({ id }) => id),
    );
    const expected = (): string[] => ids.map((id) => this.#world.model[step.do](id));
    const [id = ""] = ids;
    if (ids.length > 1) sameCounts(await queue[step.do](ids), expected());
    else same(`what ${step.do} of ${id} answered`, [await queue[step.do](id)], expected());
  }

  async #look(producer: Producer, { ids }: Of<"look">): Promise<void> {
    const { model } = this.#world;
    this.#see(producer);
    const wanted = this.#ids(ids);
    const views = await Promise.all(wanted.map(async (id) => await producer.queue.get(id)));
    same(
      `what get of ${wanted.join()} showed`,
      views,
      wanted.map((id) => model.view(id)),
    );
    const { counters, ...counts } = model.stats();
    same("stats", await producer.queue.stats(), { ...counts, counters });
    same("counts", await producer.queue.counts(), counts);
  }

  async #list(producer: Producer, { state, limit }: Of<"list">): Promise<void> {
    const { model, keyspace } = this.#world;
    this.#see(producer);
    const listed: Task[] = [];
    for await (const task of producer.queue.list(state, limit === undefined ? {} : { limit }))
      listed.push(task);
    const ids =
      state === "ready"
        ? keyspace.shards.flatMap(({ shard }) => this.#world.line(shard))
        : model.tasks(state).map(({ id }) => id);
    same(
      `the ${state} tasks`,
      listed,
      ids.slice(0, limit).map((id) => model.view(id)),
    );
  }

  async #setPaused(queue: Queue, isPaused: boolean): Promise<void> {
    const setting = isPaused ? queue.pause() : queue.resume();
    if (this.#world.model.setPaused(isPaused)) await setting;
    else await expectRefused(setting, "DELAYQ_NO_QUEUE");
  }

  async #obliterate(producer: Producer, isForced: boolean): Promise<void> {
    const { model, keyspace, wire } = this.#world;
    const obliterated = producer.queue.obliterate({ force: isForced });
    if (!model.obliterate(producer, isForced)) {
      this.#see(producer);
      return await expectRefused(obliterated, "DELAYQ_QUEUE_BUSY");
    }
    await obliterated;
    this.#backup = undefined; // its profiles are not there any more
    wire.tape.length = 0;
    keyspace.store.forgetProfiles(); // as a worker does that finds its queue gone
    keyspace.advance(1); // fences and epochs begin anew, above the old ones by the clock
  }

  /** Keeps what was exported, and what was there. */
  async #export(): Promise<void> {
    const { model, keyspace } = this.#world;
    if (model.meta === undefined) return;
    const lines: unknown[] = [];
    for await (const some of new Exporter(keyspace.store).lines(model.nowMs))
      lines.push(...some.map((line) => JSON.parse(line) as unknown));
    const there = model.shards.flatMap(({ tasks }) => [...tasks.values()]);
    const exported = lines.slice(1, -1).map((line) => parseExported(line) as ExportedTask);
    const shown = ({ id, state, data, attemptsUsed, deaths, dueAtMs, error, result }: ExportedTask) =>
      [id, { state, data, attemptsUsed, deaths, dueAtMs, error, result }] as const;
    const known = (task: ModelTask) =>
      [
        task.id,
        {
          state: model.stateOf(task),
          data: task.data,
          attemptsUsed: task.attempts,
          deaths: task.deaths,
          dueAtMs: task.dueAtMs,
          error: task.error,
          result: task.place === "done" ? task.result : undefined,
        },
      ] as const;
    same("how many were exported", exported.length, there.length);
    same("what was exported", Object.fromEntries(exported.map(shown)), Object.fromEntries(there.map(known)));
    const tasks = there.map((task) => structuredClone(task));
    this.#backup = { header: parseHeader(lines[0]), exported, tasks, atMs: model.nowMs };
  }

  async #restore({ queue }: Producer): Promise<void> {
    const { model, keyspace } = this.#world;
    const backup = this.#backup;
    if (backup === undefined || model.meta === undefined) return;
    const restorer = new Restorer(queue, keyspace.store, undefined);
    if (!model.isFree()) return await expectRefused(restorer.begin(backup.header), "DELAYQ_QUEUE_BUSY");
    const mayResume = !model.meta.isPaused && !backup.header.paused;
    await restorer.begin(backup.header);
    model.setPaused(true);
    if (backup.header.paused) model.setPaused(true);
    for (const task of backup.exported) await restorer.push(restorer.encode(task));
    await restorer.finish();
    for (const task of backup.tasks) model.restore(task, backup.atMs);
    same("whether it goes on", await restorer.end(), mayResume);
    if (mayResume) model.setPaused(false);
  }

  #see(producer: Producer): void {
    if (this.#world.model.meta !== undefined) producer.isAware = true;
  }

  #matching({ name, error, limit }: FilterStep, state: "dead" | "done"): ModelTask[] {
    return this.#world.model
      .tasks(state)
      .filter((task) => name === undefined || task.name === name)
      .filter((task) => `${task.error?.name}: ${task.error?.message}`.includes(error ?? ""))
      .slice(0, limit);
  }

  #ids(numbers: readonly number[], first: readonly string[] = []): string[] {
    const present = this.#world.model.shards.flatMap(({ tasks }) => [...tasks.keys()]);
    const known = [...first, ...present.slice(-RECENT_IDS), ...IDS];
    return numbers.map((number) => known[number % known.length] ?? "");
  }

  #data(isBig: boolean): unknown {
    return { n: ++this.#payloads, ...(isBig && { big: BIG }) };
  }

  #options({ id, due, priority, given }: TaskStep): AddOptions {
    return { ...(id !== undefined && { id }), ...this.#given(due), priority, ...given };
  }

  #given(due: Due): { delay: number } | { at: Date } {
    return "delay" in due ? due : { at: new Date(this.#dueAtMs(due)) };
  }

  #dueAtMs(due: Due): number {
    return this.#world.model.nowMs + ("delay" in due ? due.delay : due.inMs);
  }
}

function sameCounts(counts: object, outcomes: readonly string[]): void {
  const expected: Record<string, number> = {};
  for (const outcome of outcomes) expected[outcome] = (expected[outcome] ?? 0) + 1;
  same("how many had which outcome", counts, expected);
}

async function expectRefused(promise: Promise<unknown>, code: string): Promise<void> {
  const outcome = await promise.then(
    () => "done",
    (error: unknown) => error,
  );
  same("the refusal", outcome instanceof DelayqError ? outcome.code : outcome, code);
}

async function expectAllRefused(promise: Promise<unknown>, count: number): Promise<void> {
  const outcome = await promise.catch((error: unknown) => error);
  if (!(outcome instanceof BulkIncompleteError))
    throw new Error("addBulk was not refused", { cause: outcome });
  const { added, refused, unknown } = outcome;
  same("what addBulk refused", [added.length, refused.length, unknown.length], [0, count, 0]);
}
