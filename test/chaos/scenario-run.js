import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { check, merged } from "./checker.js";
import { epochMs, monotonicMs, parseLog, readLog } from "./event-log.js";
import { Fleet, within } from "./fleet.js";
import { faultsOf, inspect, mastersOf, pendingIn, slotsOf, stepFaultsOf } from "./keyspace.js";
import { putClockRight } from "./new-clock.js";
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
const CONCURRENCY = 40;
const SILENCE_MS = 1300;
const WAVE = 100;
const SAMPLE_MS = 500;
const LOOK_MS = 50;
const LOOK_MAX_MS = 5000;
const SAMPLES_KEPT = 20;
const LOOKS_MIN = 4;
const PRODUCER_DRAIN_MS = 30_000;
const SAID_MAX = 300;
const HELD_MIN = 4;
const HELD_LOOKS_MAX = 40;
const TAKEN_LOOKS_MAX = 100;
const IDLE_LOOKS_MAX = 400;
const HELD_LOG_BYTES = 200_000;
const LOAD_BEFORE_SHARE = 0.3;
const PAUSE_MS = [300, 600];
/** Between Redis' return and the renewal of the last lease. */
const RENEWED_LATEST_MS = 1000;
/** How far replicas may be behind. */
const REPLICATION_LAG_MS = 500;
/** Between what Redis does and what a process logs of it, on a busy machine. */
const LOGGED_LATE_MS = 500;

/**
 * @param scenario     see scenarios/
 * @param form         leaseMs, ratePerSecond, seconds, strikes, shards, isShort
 * @param limits       see times.js
 * @param place.engine what processes import
 * @param place.server how to start Redis
 * @param place.folder where all of this run is put
 */
export async function runScenario(scenario, form, limits, seed, place) {
  const folder = join(place.folder, scenario.name);
  await mkdir(folder, { recursive: true });
  const leaseMs = scenario.leaseMs?.(form) ?? form.leaseMs;
  const Topology = scenario.topology ?? SingleRedis;
  const topology = new Topology({
    server: place.server,
    folder,
    seed,
    config: scenario.isDurable ? { appendonly: "yes", appendfsync: "always" } : {},
    isProxied: scenario.isProxied === true,
    setting: (await scenario.setting?.(form, folder)) ?? {},
  });
  const slowPollMs = scenario.slowPollMs ?? 5000;
  const shared = { engine: place.engine, queue: QUEUE, prefix: PREFIX, slowPollMs };
  const fleet = new Fleet(
    {
      connect: async (kind, name) => await topology.connect(kind, name),
      shared,
      producer: {
        seed,
        shards: form.shards,
        slowWorkMs: Math.min(form.leaseMs, 5000),
        slowShare: form.slowShare,
        laterMaxMs: form.laterMaxMs,
        addTimeoutMs: scenario.addTimeoutMs?.(form) ?? 10_000,
        durability: scenario.durability,
        clockOffMs: 0,
      },
      worker: { leaseMs, concurrency: CONCURRENCY, graceMs: 1000 },
      scheduler: {},
    },
    folder,
  );
  const run = new Run({ scenario, form, limits, leaseMs, seed, folder, topology, fleet });
  try {
    return await run.all();
  } finally {
    await fleet.killAll();
    await topology.stop();
  }
}

/** How many tasks a worker is running, by what its log ends with. */
function heldBy({ log }) {
  const file = openSync(log, "r");
  const { size } = fstatSync(file);
  const bytes = Buffer.alloc(Math.min(size, HELD_LOG_BYTES));
  readSync(file, bytes, 0, bytes.length, size - bytes.length);
  closeSync(file);
  const running = new Set();
  for (const { event, id } of parseLog(bytes.toString("utf8").slice(bytes.indexOf("\n") + 1)))
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
  #looks = 0;
  #lastLook = [];
  #victims = new Set();
  #isOver = false;
  #catch;
  #caught = new Promise((resolve) => {
    this.#catch = resolve;
  });

  constructor(parts) {
    Object.assign(this, parts);
    this.epochMs = epochMs();
  }

  sleep = async (ms) => await sleep(ms);

  async all() {
    const { topology, scenario } = this;
    await topology.start();
    await (scenario.populate?.(this) ?? this.populate());
    const sampling = this.#sample();
    const flow = this.#load();
    for (const one of [sampling, flow]) one.catch(() => {}); // awaited below, or given up
    let isDrained;
    try {
      isDrained = await Promise.race([flow, this.#caught]);
    } finally {
      this.#isOver = true;
    }
    await sampling;
    if (isDrained === undefined) return { findings: merged(this.samples) };
    await this.#down();
    return await this.#checked(isDrained);
  }

  /** Returns whether all came to rest. */
  async #load() {
    const { fleet, scenario } = this;
    this.feed();
    await this.#strikes();
    for (const producer of fleet.of("producer")) producer.send({ rate: 0 });
    await scenario.heal?.(this);
    // One that was killed may have left the queue paused.
    if (this.killed.some(({ kind }) => kind === "producer")) fleet.of("producer")[0].send({ resume: true });
    await Promise.all(fleet.of("producer").map((producer) => this.#drained(producer)));
    const isFirstDrained = await this.#rest();
    await sleep(SILENCE_MS);
    const [producer] = fleet.of("producer");
    producer.send({ wave: WAVE });
    await this.#drained(producer);
    return isFirstDrained && (await this.#rest());
  }

  /** Shares the load among the producers that live. */
  feed() {
    const producers = this.fleet.of("producer");
    for (const producer of producers) producer.send({ rate: this.form.ratePerSecond / producers.length });
  }

  async populate({ workers = 3, schedulers = 2, producers = 2 } = {}) {
    const kinds = { scheduler: schedulers, worker: workers, producer: producers };
    await Promise.all(
      Object.entries(kinds).flatMap(([kind, count]) =>
        Array.from({ length: count }, () => this.fleet.start(kind)),
      ),
    );
  }

  /**
   * Notes a fault.
   *
   * @param what.name    for reports; the scenario's, unless it says otherwise
   * @param what.kind    "worker", "scheduler", "producer", "redis-away", "failover" or what else it struck
   * @param what.victims the roles it strikes
   * @param what.blinds  the workers that lose sight of Redis
   * @param what.least   how much must have been struck; 1 unless it says otherwise
   * @param what.shards  those whose master it strikes; all
   * @param what.isHarmless nothing may be late because of it
   * @param what.clock   "forward" or "back", where it puts Redis' own clock so, see old-clock.js
   * @param act          does it, and returns when it is over: how much it struck, or a function that finds that in all events
   */
  async fault({ name = this.scenario.name, kind, victims = [], blinds = [], least, ...more }, act) {
    const names = victims.map((role) => role.name);
    const fault = { name, kind, victims: names, startT: monotonicMs(), endT: Infinity, least, ...more };
    this.faults.push(fault);
    fault.struck = await act(fault);
    fault.endT = monotonicMs();
    if (fault.endT - fault.startT + RENEWED_LATEST_MS >= this.leaseMs) this.blinded += blinds.length;
    return fault;
  }

  /** From shortly before a fault began until now, what was done may have been lost with its master; logs tell of it later. */
  fellBack(fault) {
    const { startT, goneT = startT, shards, clock } = fault;
    const [fromT, endT] = [startT - REPLICATION_LAG_MS, monotonicMs()];
    const toT = endT + LOGGED_LATE_MS;
    fault.fallback = { fromT, goneT, endT, toT, shards, forgetsAnswers: clock !== undefined };
  }

  /** Kills a process for good; one of its kind takes its place when told to. */
  async kill(role) {
    this.killed.push(role);
    await role.kill();
  }

  /** Ends a process in order. */
  async stop(role) {
    const trouble = await role.stop();
    if (trouble !== undefined) this.troubles.push(trouble);
  }

  /** The queue stands still for a while. Returns when it goes on. */
  async pause(random) {
    const [producer] = this.fleet.of("producer");
    const pauseMs = random.int(...PAUSE_MS);
    producer.send({ pauseMs });
    await sleep(pauseMs);
  }

  /** The worker that runs the most tasks; waits a little for one that runs some. None is struck by two faults at a time. */
  async holder() {
    for (let looks = 0; ; looks++) {
      const held = this.fleet
        .of("worker")
        .filter((role) => !this.#victims.has(role))
        .map((role) => ({ role, count: heldBy(role) }));
      const [most] = held.toSorted((a, b) => b.count - a.count);
      if (most.count >= HELD_MIN || looks === HELD_LOOKS_MAX) {
        this.#victims.add(most.role);
        return most.role;
      }
      await sleep(LOOK_MS);
    }
  }

  /** Waits until no worker is running a task. */
  async idle() {
    for (let looks = 0; looks < IDLE_LOOKS_MAX; looks++) {
      if (this.fleet.of("worker").every((role) => heldBy(role) === 0)) return;
      await sleep(LOOK_MS);
    }
    throw new Error("the workers went on running tasks");
  }

  /** A scheduler that owns shards, and which. */
  async owner(random) {
    const owners = await this.owners();
    const all = this.fleet.of("scheduler").map((role) => {
      const { id } = readLog(role.log).find(({ event }) => event === "member");
      return { role, owned: owners.flatMap((owner, shard) => (owner === id ? [shard] : [])) };
    });
    return random.pick(all.filter(({ owned }) => owned.length > 0));
  }

  /** Waits until shards have another owner than before. Returns how many have. */
  async handedOver(owned, before) {
    for (let looks = 0; ; looks++) {
      const after = await this.owners();
      const changed = owned.filter((shard) => after[shard] !== before[shard]).length;
      if (changed === owned.length || looks === TAKEN_LOOKS_MAX) return changed;
      await sleep(LOOK_MS);
    }
  }

  /** shard -> the server that is its master. */
  async shardMasters() {
    return mastersOf(await this.topology.byKey(), this.#place());
  }

  /** The master of some shard in a Cluster, the shard's slot, and all shards that it has. */
  async shardMaster(random) {
    const masters = await this.shardMasters();
    const shard = random.int(0, masters.length - 1);
    const master = masters[shard];
    const shards = masters.flatMap((one, i) => (one === master ? [i] : []));
    return { master, slot: this.slots()[shard], shards };
  }

  /** shard -> its slot in a Cluster. */
  slots() {
    return slotsOf(this.#place());
  }

  /** shard -> the scheduler that owns it. */
  async owners() {
    let pictures;
    while (pictures === undefined) pictures = await this.pictures();
    return pictures.map(({ owner }) => owner);
  }

  /**
   * The load is cut into pieces of random length, and the nemesis strikes between them. What each strike does is decided by
   * a random source of its own, so that it does not matter how often another one was asked. A pause comes before them all.
   */
  async #strikes() {
    const { form, seed, scenario } = this;
    const random = new Random(`${seed} ${scenario.name}`);
    const totalMs = form.seconds * 1000;
    const beforeMs = totalMs * LOAD_BEFORE_SHARE * random.between(0.7, 1.3);
    const strikes = Math.min(form.strikes, scenario.strikes ?? Infinity);
    const cuts = Array.from({ length: strikes }, (_, i) => (i + random.between(0.2, 0.8)) / strikes);
    let passed = 0;
    const pauseAfterMs = beforeMs * random.between(0.2, 0.5);
    await sleep(pauseAfterMs);
    await this.pause(random);
    await sleep(beforeMs - pauseAfterMs);
    for (const [i, cut] of cuts.entries()) {
      const atMs = i === 0 ? 0 : (totalMs - beforeMs) * cut;
      await sleep(Math.max(0, atMs - passed));
      passed = Math.max(atMs, passed);
      this.#victims.clear();
      // One that breaks off is found as that, and what it did is looked at all the same.
      await scenario
        .strike(this, new Random(`${seed} ${scenario.name} strike ${i}`))
        .catch((error) => this.troubles.push(`a strike broke off: ${error.message}`));
    }
    await sleep(Math.max(0, totalMs - beforeMs - passed));
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

  #place() {
    return { prefix: PREFIX, queue: QUEUE, shards: this.form.shards };
  }

  /** Of all shards; undefined when one of them cannot be read. */
  async pictures() {
    const pictures = await this.#look();
    return pictures.length === this.form.shards ? pictures : undefined;
  }

  /** Of the shards that can be read. */
  async #look() {
    let pictures = [];
    const read = async () => {
      pictures = await inspect(await this.topology.byKey(), this.#place());
    };
    await within(
      read().catch(() => {}),
      LOOK_MAX_MS,
    );
    return pictures;
  }

  /** What must hold at every instant is looked at twice a second. */
  async #sample() {
    while (!this.#isOver) {
      this.#hold(await this.#look());
      if (this.form.endsAtFault === true && this.samples.length > 0) this.#catch();
      await sleep(SAMPLE_MS);
    }
  }

  #hold(pictures) {
    if (pictures.length === this.form.shards) this.#looks++;
    for (const picture of pictures) {
      const before = this.#lastLook[picture.shard];
      const steps = before === undefined ? [] : stepFaultsOf(before, picture, this.faults);
      const faults = [...faultsOf(picture), ...steps];
      for (const fault of faults) if (this.samples.length < SAMPLES_KEPT) this.samples.push(fault);
      this.#lastLook[picture.shard] = picture;
    }
  }

  async #down() {
    for (const kind of ["producer", "worker", "scheduler"]) {
      const troubles = await Promise.all(this.fleet.of(kind).map((role) => role.stop()));
      this.troubles.push(...troubles.filter((trouble) => trouble !== undefined));
    }
    for (const role of this.fleet.roles) {
      if (role.endedBy === undefined) this.troubles.push(`${role.name} ended by itself (${role.exitCode})`);
      this.troubles.push(...role.complaints().map((line) => `${role.name}: ${line.slice(0, SAID_MAX)}`));
    }
    this.lastPictures = await this.pictures();
    if (this.lastPictures === undefined) this.troubles.push("the keyspace could not be read at the end");
    if (this.#looks < LOOKS_MIN) this.troubles.push(`the keyspace was seen only ${this.#looks} times`);
  }

  async #checked(isDrained) {
    const read = this.fleet.roles.flatMap(({ name, log }) =>
      readLog(log).map((event) => ({ ...event, role: name })),
    );
    read.sort((a, b) => a.t - b.t);
    const { clockOffMs } = this.scenario;
    const events = clockOffMs === undefined ? read : putClockRight(read, this.epochMs, clockOffMs);
    for (const fault of this.faults)
      if (typeof fault.struck === "function") fault.struck = await fault.struck(events, fault);
    const { faults, killed, blinded, samples, troubles, leaseMs, limits, scenario } = this;
    const { lastPictures: pictures = [] } = this;
    const result = check({
      events,
      promised: scenario.promised,
      mustLose: scenario.mustLose === true,
      codes: scenario.codes ?? [],
      faults,
      killed: killed.map(({ name }) => name),
      killedWorkers: killed.filter(({ kind }) => kind === "worker").length,
      blinded,
      samples,
      troubles,
      epochMs: this.epochMs,
      leaseMs,
      pictures,
      isDrained,
      concurrency: CONCURRENCY,
      limits,
    });
    return { ...result, struck: faults.map(({ name, struck }) => `${name} ${struck}`) };
  }
}
