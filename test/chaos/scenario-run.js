import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { check, merged } from "./checker.js";
import { monotonicMs, readLog } from "./event-log.js";
import { Fleet, within } from "./fleet.js";
import { faultsOf, inspect, pendingIn } from "./keyspace.js";
import { Random } from "./random.js";
import { SingleRedis } from "./topology.js";

/*
 * One scenario, from an empty Redis to what the checker says:
 *
 *   up -> load, with faults at random times -> heal -> rest -> silence -> one more wave -> rest -> down -> check
 *
 * The silence is there because counters and keys that expire do so when nothing happens, and because a system that has gone
 * to sleep must wake again.
 */
const QUEUE = "chaos";
const PREFIX = "dq";
const SHARDS = 4;
const CONCURRENCY = 40;
const SILENCE_MS = 1300;
const WAVE = 100;
const SAMPLE_MS = 500;
const LOOK_MS = 50;
const SAMPLES_KEPT = 20;
const PRODUCER_DRAIN_MS = 30_000;
const HELD_MIN = 4;
const HELD_LOOKS_MAX = 40;
const LOAD_BEFORE_SHARE = 0.3;

/**
 * @param scenario     see scenarios/
 * @param form         leaseMs, ratePerSecond, seconds, strikes, isShort
 * @param place.engine what processes import
 * @param place.server how to start Redis
 * @param place.folder where all of this run is put
 */
export async function runScenario(scenario, form, seed, place) {
  const folder = join(place.folder, scenario.name);
  await mkdir(folder, { recursive: true });
  const random = new Random(`${seed} ${scenario.name}`);
  const leaseMs = scenario.leaseMs?.(form) ?? form.leaseMs;
  const topology = new SingleRedis({
    server: place.server,
    folder,
    random,
    config: scenario.isDurable ? { appendonly: "yes", appendfsync: "always" } : {},
    isProxied: scenario.isProxied === true,
  });
  const slowPollMs = scenario.slowPollMs ?? 5000;
  const shared = { engine: place.engine, queue: QUEUE, prefix: PREFIX, slowPollMs };
  const fleet = new Fleet(
    {
      connect: async (kind, name) => await topology.connect(kind, name),
      shared,
      producer: {
        seed,
        shards: SHARDS,
        slowWorkMs: Math.min(leaseMs, 5000),
        slowShare: form.slowShare,
        laterMaxMs: form.laterMaxMs,
        clockOffMs: 0,
      },
      worker: { leaseMs, concurrency: CONCURRENCY, graceMs: 1000 },
      scheduler: {},
    },
    folder,
  );
  const run = new Run({ scenario, form, leaseMs, random, topology, fleet });
  try {
    return await run.all();
  } finally {
    await fleet.killAll();
    await topology.stop();
  }
}

/** How many tasks a worker is running, by its own log. */
function heldBy({ log }) {
  const running = new Set();
  for (const { event, id } of readLog(log))
    if (event === "start") running.add(id);
    else if (event === "end") running.delete(id);
  return running.size;
}

/** What a nemesis is given as its context. */
class Run {
  faults = [];
  killed = [];
  samples = [];
  troubles = [];
  /** How often a worker lost sight of Redis past its leases. */
  blinded = 0;
  #isOver = false;
  #catch;
  #caught = new Promise((resolve) => {
    this.#catch = resolve;
  });

  constructor(parts) {
    Object.assign(this, parts);
    this.epochMs = Date.now() - monotonicMs();
  }

  sleep = async (ms) => await sleep(ms);

  async all() {
    const { topology, scenario } = this;
    await topology.start();
    await (scenario.populate?.(this) ?? this.populate());
    const sampling = this.#sample();
    const flow = this.#load();
    flow.catch(() => {}); // awaited below, or given up
    const isDrained = await Promise.race([flow, this.#caught]);
    this.#isOver = true;
    await sampling;
    if (isDrained === undefined) return { findings: merged(this.samples) };
    await this.#down();
    return this.#checked(isDrained);
  }

  /** Returns whether all came to rest. */
  async #load() {
    const { fleet, form } = this;
    for (const producer of fleet.of("producer"))
      producer.send({ rate: form.ratePerSecond / fleet.of("producer").length });
    await this.#strikes();
    for (const producer of fleet.of("producer")) producer.send({ rate: 0 });
    await Promise.all(fleet.of("producer").map((producer) => this.#drained(producer)));
    const isFirstDrained = await this.#rest();
    await sleep(SILENCE_MS);
    const [producer] = fleet.of("producer");
    producer?.send({ wave: WAVE });
    if (producer !== undefined) await this.#drained(producer);
    return isFirstDrained && (await this.#rest());
  }

  async populate({ workers = 3, schedulers = 2, producers = 2 } = {}) {
    const kinds = { scheduler: schedulers, worker: workers, producer: producers };
    await Promise.all(
      Object.entries(kinds).flatMap(([kind, count]) =>
        Array.from({ length: count }, () => this.fleet.start(kind)),
      ),
    );
  }

  /** Notes a fault; `act` does it, and returns when it is over. */
  async fault(kind, victims, act) {
    const fault = { kind, victims: victims.map(({ name }) => name), startT: monotonicMs(), endT: Infinity };
    this.faults.push(fault);
    await act();
    fault.endT = monotonicMs();
  }

  /** Kills a process for good; one of its kind takes its place when told to. */
  async kill(role) {
    if (role.kind === "worker") this.killed.push(role.name);
    await role.kill();
  }

  /** Ends a process in order. */
  async stop(role) {
    const trouble = await role.stop();
    if (trouble !== undefined) this.troubles.push(trouble);
  }

  /** The worker that runs the most tasks; waits a little for one that runs some. A victim without tasks proves nothing. */
  async holder() {
    for (let looks = 0; ; looks++) {
      const held = this.fleet.of("worker").map((role) => ({ role, count: heldBy(role) }));
      const [most] = held.toSorted((a, b) => b.count - a.count);
      if (most.count >= HELD_MIN || looks === HELD_LOOKS_MAX) return most.role;
      await sleep(LOOK_MS);
    }
  }

  /** The load is cut into pieces of random length, and the nemesis strikes between them. */
  async #strikes() {
    const { form, random, scenario } = this;
    const totalMs = form.seconds * 1000;
    const beforeMs = totalMs * LOAD_BEFORE_SHARE * random.between(0.7, 1.3);
    const cuts = Array.from(
      { length: form.strikes },
      (_, i) => (i + random.between(0.2, 0.8)) / form.strikes,
    );
    let passed = 0;
    await sleep(beforeMs);
    for (const [i, cut] of cuts.entries()) {
      const atMs = i === 0 ? 0 : (totalMs - beforeMs) * cut;
      await sleep(Math.max(0, atMs - passed));
      passed = Math.max(atMs, passed);
      await scenario.strike(this, i);
    }
    await sleep(Math.max(0, totalMs - beforeMs - passed));
    await scenario.heal?.(this);
  }

  async #drained(producer) {
    await producer.drained(PRODUCER_DRAIN_MS).catch((error) => this.troubles.push(error.message));
  }

  /** Waits until nothing is on its way any more: what is due runs, what was lost with its worker has been taken back. */
  async #rest() {
    const { scenario, leaseMs } = this;
    const deadlineT = monotonicMs() + 2 * leaseMs + (scenario.restMs ?? 8000);
    while (monotonicMs() < deadlineT) {
      const pictures = await this.pictures();
      if (pictures !== undefined && pendingIn(pictures).length === 0) return true;
      await sleep(LOOK_MS);
    }
    return false;
  }

  /** Undefined when Redis does not answer. */
  async pictures() {
    let pictures;
    const read = inspect(this.topology.admin, { prefix: PREFIX, queue: QUEUE, shards: SHARDS }).then(
      (all) => (pictures = all),
      () => {},
    );
    await within(read, 5000);
    return pictures;
  }

  /** What must hold at every instant is looked at twice a second. */
  async #sample() {
    while (!this.#isOver) {
      const pictures = await this.pictures();
      for (const picture of pictures ?? [])
        for (const fault of faultsOf(picture))
          if (this.samples.length < SAMPLES_KEPT) this.samples.push(fault);
      if (this.form.endsAtFault === true && this.samples.length > 0) this.#catch();
      await sleep(SAMPLE_MS);
    }
  }

  async #down() {
    for (const kind of ["producer", "worker", "scheduler"]) {
      const troubles = await Promise.all(this.fleet.of(kind).map((role) => role.stop()));
      this.troubles.push(...troubles.filter((trouble) => trouble !== undefined));
    }
    for (const role of this.fleet.roles)
      if (role.endedBy === undefined) this.troubles.push(`${role.name} ended by itself (${role.exitCode})`);
    this.lastPictures = await this.pictures();
    if (this.lastPictures === undefined) this.troubles.push("the keyspace could not be read at the end");
  }

  #checked(isDrained) {
    const events = this.fleet.roles.flatMap(({ name, log }) =>
      readLog(log).map((event) => ({ ...event, role: name })),
    );
    events.sort((a, b) => a.t - b.t);
    if (this.scenario.hasBitten?.(this, events) === false) this.troubles.push("the fault struck nothing");
    const { faults, killed, blinded, samples, troubles, epochMs, lastPictures: pictures = [] } = this;
    return check({
      events,
      faults,
      killed,
      blinded,
      samples,
      troubles,
      epochMs,
      pictures,
      isDrained,
      concurrency: CONCURRENCY,
    });
  }
}
