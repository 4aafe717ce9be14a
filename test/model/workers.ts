import { RetryLater, UnrecoverableError } from "../../src/core/errors.ts";
import type { KeptOptions } from "../../src/core/options.ts";
import {
  EXPIRE,
  RELEASE,
  isExpired,
  verdictOnFailure,
  verdictOnResult,
  type Verdict,
} from "../../src/core/verdict.ts";
import { decodeRecord } from "../../src/store/codec.ts";
import { within } from "../../src/store/queue-store.ts";
import type { Arg } from "../../src/store/script.ts";
import { viewOf } from "../../src/store/task-view.ts";
import { FAILURE, GIVEN_UP, resultOf, type End } from "./model.ts";
import type { EndStep, Operation } from "./operations.ts";
import { same } from "./same.ts";
import type { World } from "./world.ts";

/** A task that a worker believes to hold. */
interface Grip {
  readonly id: string;
  readonly shard: number;
  readonly fence: string;
  readonly attempt: number;
  readonly kept: KeptOptions;
  readonly isExpired: boolean;
}

interface PlayedWorker {
  readonly name: string;
  /** The numbers of its claims, by shard. */
  readonly numbers: Map<number, number[]>;
  held: Grip[];
  /** Those whose lease it has ended, or was told to be lost; the latest first. */
  past: Grip[];
}

type Of<D extends Operation["do"]> = Extract<Operation, { do: D }>;

const PAST_MAX = 6;
const MANY = 50;
const LEASE_MS = 15_000;

export class Workers {
  readonly #world: World;
  readonly #workers: readonly PlayedWorker[];
  #claims = 0;

  constructor(world: World) {
    this.#world = world;
    this.#workers = ["worker-0", "worker-1"].map((name) => ({
      name,
      numbers: new Map<number, number[]>(),
      held: [],
      past: [],
    }));
  }

  async take(step: Of<"claim" | "settle" | "extend" | "leave">): Promise<void> {
    const worker = this.#workers[step.worker] as PlayedWorker;
    const busy =
      worker.held.length > 0 ? worker : (this.#workers.find(({ held }) => held.length > 0) ?? worker);
    switch (step.do) {
      case "claim":
        return await this.#claim(worker, this.#world.keys(step.shard).shard, step);
      case "settle":
        return await this.#settle(busy, chosen(busy, step.ends));
      case "extend":
        return await this.#extend(busy, step.grip, step.leaseMs);
      case "leave":
        return await this.#leave(worker, this.#world.keys(step.shard).shard);
    }
  }

  /** Claims all that is ready, and completes all that the worker holds. */
  async completeAll(index: number, shard: number): Promise<void> {
    const worker = this.#workers[index] as PlayedWorker;
    await this.#claim(worker, shard, { count: MANY, leaseMs: LEASE_MS, number: "next" });
    const held = worker.held.filter((grip) => grip.shard === shard);
    await this.#settle(
      worker,
      held.map((grip) => ({ grip, end: { kind: "complete" } })),
    );
  }

  async #claim(
    worker: PlayedWorker,
    shard: number,
    { count, leaseMs, number }: Pick<Of<"claim">, "count" | "leaseMs" | "number">,
  ): Promise<void> {
    const { keyspace, model } = this.#world;
    const request = { worker: worker.name, number: this.#numberOf(worker, shard, number), leaseMs, count };
    const reply = await keyspace.store.claim(this.#world.keys(shard), request, within());
    const expected = model.claim(shard, request, this.#world.line(shard));
    if (reply.word !== "CLAIMED" || expected.word !== "CLAIMED")
      return same("what claim answered", reply, expected);
    const { claimed, ...rest } = reply;
    same("what claim answered", { ...rest, ids: claimed.map(({ id }) => id) }, expected);
    for (const { id, record, more } of claimed) {
      const lease = `${reply.fence} ${reply.nowMs} ${worker.name}`;
      const view = viewOf(model.queue, shard, id, {
        state: "leased",
        record,
        more,
        lease,
        error: "",
        result: "",
      });
      const { error: _, ...expectedView } = model.view(id) ?? {};
      same(`${id} as it was claimed`, view, expectedView);
      const { profile, overrides } = decodeRecord(record);
      const kept = { ...(await keyspace.store.profile(profile)), ...overrides };
      same(`the options of ${id}`, kept, model.task(id)?.kept);
      if (worker.held.some((grip) => grip.id === id && grip.fence === reply.fence)) continue;
      const { attempt = 0, dueAtMs = 0 } = view ?? {};
      const isLate = isExpired(kept, dueAtMs, reply.nowMs);
      same(`whether ${id} has expired`, isLate, model.isExpired(id));
      worker.held.push({ id, shard, fence: reply.fence, attempt, kept, isExpired: isLate });
    }
  }

  /** In one batch, the plain acks first, as a worker does it. */
  async #settle(worker: PlayedWorker, endings: readonly Ending[]): Promise<void> {
    const [first] = endings;
    if (first === undefined) return;
    const { shard } = first.grip;
    const { store } = this.#world.keyspace;
    const decided = endings.map(({ grip, end: wanted }) => {
      const end: End = grip.isExpired ? { kind: "expire" } : wanted;
      return { grip, end, verdict: verdictOf({ grip, end }) };
    });
    const acks = decided.filter(({ verdict }) => verdict.kind === "ack");
    const others = decided.filter(({ verdict }) => verdict.kind !== "ack");
    const ordered = [...acks, ...others];
    const refused = await store.settle(
      this.#world.keys(shard),
      acks.map(({ grip }) => grip),
      others.flatMap(({ grip, verdict }) => itemOf(grip, verdict)),
      store.nextCallId(),
      within(),
    );
    const expected = this.#world.model.settle(
      shard,
      ordered.map(({ grip: { id, fence }, end }) => ({ id, fence, end })),
    );
    same("what settle refused", refused, expected);
    this.#letGo(
      worker,
      ordered.map(({ grip }) => grip),
    );
  }

  /** All that it holds of a shard, and what it does not hold any more. */
  async #extend(worker: PlayedWorker, number: number, leaseMs: number): Promise<void> {
    const all = [...worker.held, ...worker.past];
    const shard = all[number % all.length]?.shard;
    if (shard === undefined) return;
    const grips = all.filter((grip) => grip.shard === shard);
    const items = grips.flatMap(({ id, fence }) => [id, fence]);
    const lost = await this.#world.keyspace.store.extend(this.#world.keys(shard), leaseMs, items, within());
    same("what extend lost", lost, this.#world.model.extend(shard, leaseMs, grips));
    this.#letGo(
      worker,
      grips.filter((_, i) => lost.includes(i)),
    );
  }

  /** The worker ends: the shard forgets its claims, so none of them may come again. */
  async #leave(worker: PlayedWorker, shard: number): Promise<void> {
    const { keyspace, model, wire } = this.#world;
    await keyspace.store.leaveShard(this.#world.keys(shard), worker.name, within());
    model.leave(shard, worker.name);
    worker.numbers.delete(shard);
    const isOfWorker = wire.tape.filter(
      ({ args, keys }) => args["worker"] === worker.name && keys === this.#world.keys(shard),
    );
    for (const call of isOfWorker) wire.tape.splice(wire.tape.indexOf(call), 1);
  }

  /** Numbers grow over all workers and shards. An old one comes again only as long as the shard remembers the worker. */
  #numberOf(worker: PlayedWorker, shard: number, which: "next" | "same" | "older"): number {
    let numbers = worker.numbers.get(shard);
    if (numbers === undefined) worker.numbers.set(shard, (numbers = []));
    const old = numbers.at(which === "same" ? -1 : -2);
    const isRemembered = this.#world.model.shard(shard).calls.has(worker.name);
    if (which !== "next" && old !== undefined && isRemembered) return old;
    numbers.push(++this.#claims);
    return this.#claims;
  }

  #letGo(worker: PlayedWorker, grips: readonly Grip[]): void {
    worker.held = worker.held.filter((grip) => !grips.includes(grip));
    worker.past = [...new Set([...grips, ...worker.past])].slice(0, PAST_MAX);
  }
}

interface Ending {
  readonly grip: Grip;
  readonly end: End;
}

/** Which of its tasks a worker ends, and how: each once, all of one shard. */
function chosen({ held, past }: PlayedWorker, ends: readonly EndStep[]): Ending[] {
  const endings = new Map<Grip, End>();
  let shard: number | undefined;
  for (const { grip: number, isPast, end } of ends) {
    const grips = (isPast ? past : held).filter((grip) => shard === undefined || grip.shard === shard);
    const grip = grips[number % grips.length];
    if (grip === undefined) continue;
    shard = grip.shard;
    endings.set(grip, end);
  }
  return [...endings].map(([grip, end]) => ({ grip, end }));
}

function verdictOf({ grip: { id, kept, attempt }, end }: Ending): Verdict {
  const failed = (thrown: unknown, isTimedOut = false): Verdict =>
    verdictOnFailure(kept, attempt, thrown, 0, isTimedOut);
  switch (end.kind) {
    case "complete":
      return verdictOnResult(kept, resultOf(id));
    case "fail":
      return failed(FAILURE);
    case "timeOut":
      return failed(FAILURE, true);
    case "giveUp":
      return failed(Object.assign(new UnrecoverableError(GIVEN_UP.message), { stack: undefined }));
    case "later":
      return failed(new RetryLater(end.ms));
    case "release":
      return RELEASE;
    case "expire":
      return EXPIRE;
  }
}

function itemOf({ id, fence }: Grip, verdict: Verdict): Arg[] {
  if (verdict.kind === "ack") return [id, fence];
  const text = "text" in verdict ? verdict.text : "error" in verdict ? JSON.stringify(verdict.error) : "";
  const outcome = "isTimedOut" in verdict && verdict.isTimedOut ? `${verdict.kind} timedOut` : verdict.kind;
  return [outcome, id, fence, "ms" in verdict ? verdict.ms : 0, text];
}
