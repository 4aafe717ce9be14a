import calculateSlot from "cluster-key-slot";
import { Cluster, Redis } from "ioredis";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { ConfirmedLane, LANE_OPTIONS } from "../../src/store/confirmed-lane.ts";
import { Connection, type CallOptions } from "../../src/store/connection.ts";
import { enlist } from "../../src/store/scripts.ts";
import { ScriptCommand, ScriptHead, type Try } from "../../src/store/wire.ts";
import { eventually } from "../support/fixture.ts";
import { bulk, scriptedRedis, slotsOf, type Asked, type ScriptedRedis } from "../support/scripted-redis.ts";

const LANE = "delayq-confirmed";
const ENLISTED = `*1\r\n${bulk("ENLISTED")}`;
const CONFIRMATION = { replicas: 1, timeoutMs: 10_000 };

const isSlots = ({ command, args }: Asked): boolean =>
  command === "cluster" && args[0]?.toLowerCase() === "slots";

function acquire(client: Redis | Cluster): Connection {
  const connection = Connection.acquire(client, pino({ level: "silent" }));
  let isReleased = false;
  const release = connection.release.bind(connection);
  connection.release = () => {
    if (!isReleased) release();
    isReleased = true;
  };
  onTestFinished(() => connection.release());
  return connection;
}

const clusterOf = (...nodes: ScriptedRedis[]): Cluster =>
  new Cluster(
    nodes.map(({ port }) => ({ host: "127.0.0.1", port })),
    { lazyConnect: true },
  );

const redisOf = ({ port }: ScriptedRedis): Redis => new Redis({ port, host: "127.0.0.1", lazyConnect: true });

async function call(connection: Connection, waitMs: number, options: Partial<CallOptions> = {}) {
  const deadlineMs = performance.now() + waitMs;
  const confirmation = "confirmation" in options ? options.confirmation : CONFIRMATION;
  return await connection.call(enlist, { queues: "queues" }, { queue: "q", shards: 4 }, [], {
    deadlineMs,
    confirmation,
  });
}

const unconfirmed = { confirmation: undefined };

/** How many connections of that name there were. */
const connectionsOf = ({ asked }: ScriptedRedis, name: string): number =>
  new Set(asked.filter(({ client }) => client === name).map(({ socket }) => socket)).size;

/** A lane of its own to a server, and calls for it. */
function setupLane(server: ScriptedRedis) {
  const client = new Redis({ ...LANE_OPTIONS, port: server.port, host: "127.0.0.1", lazyConnect: true });
  const lane = new ConfirmedLane(client, { onLost: () => {}, onAsked: () => {} });
  onTestFinished(() => lane.close());
  const send = async (name: string, oneTry: Try, args: readonly string[] = []): Promise<unknown> =>
    await lane.send({
      command: () => new ScriptCommand(new ScriptHead("eval", name, ["k"]), args, [], false, oneTry),
      name,
      confirmation: CONFIRMATION,
      deadlineMs: performance.now() + 10_000,
      oneTry,
    });
  return { lane, send };
}

const newTry = (): Try => ({ isOver: false, isWritten: false });

test("a lane of a Cluster that is lost while calls are to be sent with their text is not opened again", async () => {
  let waits = 0;
  const server: ScriptedRedis = await scriptedRedis((asked) => {
    const { command, client, socket } = asked;
    if (isSlots(asked)) return slotsOf([server.port]);
    if (command === "evalsha" && client === LANE) return "-NOSCRIPT No matching script.\r\n";
    if (command.startsWith("eval")) return ENLISTED;
    if (command !== "wait") return "";
    if (++waits > 1) return ":1\r\n";
    socket.destroy();
    return undefined;
  });
  const connection = acquire(clusterOf(server));
  expect(await call(connection, 5000)).toMatchObject({ word: "ENLISTED" });
  expect(server.clients().filter((name) => name === LANE)).toHaveLength(1);
  connection.release();
  await eventually(() => expect(server.clients()).toEqual([]));
});

test("a lane that was closed takes no more calls and stays closed", async () => {
  const server = await scriptedRedis(() => "");
  const { lane, send } = setupLane(server);
  const waiting = send("before", newTry());
  lane.close();
  await expect(waiting).rejects.toThrow("before the call was sent");
  await expect(send("after", newTry())).rejects.toThrow("closed");
  expect(server.clients()).toEqual([]);
});

test("a lane that leads to a replica leaves the other connection alone", async () => {
  let refusals = 3;
  const server = await scriptedRedis(({ command, client }) => {
    if (command === "wait") return ":1\r\n";
    if (!command.startsWith("eval")) return "";
    return client === LANE && refusals-- > 0 ? "-READONLY You can't write.\r\n" : ENLISTED;
  });
  const connection = acquire(redisOf(server));
  expect(await call(connection, 5000)).toMatchObject({ word: "ENLISTED" });
  expect(connectionsOf(server, LANE)).toBeGreaterThan(1);
  expect(connectionsOf(server, "delayq")).toBe(1);
});

test("calls that were given up while their lane is connecting are forgotten", async () => {
  const server = await scriptedRedis(() => undefined);
  const { lane, send } = setupLane(server);
  for (let i = 0; i < 10_000; i++) {
    const oneTry = newTry();
    send("call", oneTry).catch(() => {}); // when the lane is closed
    oneTry.isOver = i % 10 > 0;
  }
  expect(lane.waitingCount).toBeLessThan(4000);
  expect(lane.waitingCount).toBeGreaterThanOrEqual(1000);
  lane.close();
  expect(lane.waitingCount).toBe(0);
});

test("a call that cannot be written leaves those of its group alone", async () => {
  const server = await scriptedRedis(({ command, args }) => {
    if (command === "wait") return ":1\r\n";
    if (command !== "eval") return "";
    return args[0] === "busy" ? "-BUSY Redis is busy.\r\n" : bulk("done");
  });
  const { send } = setupLane(server);
  const unwritable = {
    toString: () => {
      throw new Error("cannot be written");
    },
  } as unknown as string;
  const all = await Promise.allSettled([
    send("busy", newTry()),
    send("bad", newTry(), [unwritable]),
    send("good", newTry()),
  ]);
  expect(all).toMatchObject([
    { reason: { message: "BUSY Redis is busy." } },
    { reason: { message: "cannot be written" } },
    { value: "done" },
  ]);
});

test("a frozen master of a Cluster holds its calls only until a replica is known to have taken over", async () => {
  let isFrozen = false;
  const answer = (asked: Asked): string | undefined => {
    if (isSlots(asked)) return isFrozen ? slotsOf([replica.port]) : slotsOf([master.port], [replica.port]);
    if (asked.command === "wait") return ":1\r\n";
    return asked.command.startsWith("eval") ? ENLISTED : "";
  };
  const master: ScriptedRedis = await scriptedRedis((asked) => (isFrozen ? undefined : answer(asked)));
  const replica: ScriptedRedis = await scriptedRedis(answer);
  const connection = acquire(clusterOf(master, replica));
  await call(connection, 5000);
  isFrozen = true;
  // The socket time-out of a lane is 3 s and the time of the WAIT, 13 s.
  expect(await call(connection, 8000)).toMatchObject({ word: "ENLISTED" });
  expect(connectionsOf(replica, LANE)).toBe(1);
});

test("a lane to a master that became a replica is closed", async () => {
  let isOver = false;
  const answer = (asked: Asked): string => {
    if (isSlots(asked))
      return isOver ? slotsOf([second.port], [first.port]) : slotsOf([first.port], [second.port]);
    if (asked.command === "wait") return ":1\r\n";
    if (!asked.command.startsWith("eval")) return "";
    const isMaster = (asked.socket.localPort === first.port) !== isOver;
    return isMaster
      ? ENLISTED
      : `-MOVED ${calculateSlot("queues")} 127.0.0.1:${isOver ? second.port : first.port}\r\n`;
  };
  const first: ScriptedRedis = await scriptedRedis(answer);
  const second: ScriptedRedis = await scriptedRedis(answer);
  const connection = acquire(clusterOf(first, second));
  await call(connection, 5000);
  expect(first.clients()).toContain(LANE);
  isOver = true;
  await call(connection, 5000, unconfirmed);
  await eventually(() => expect(first.clients()).not.toContain(LANE));
});

test("a server that waits for replicas is not taken for one that does not answer", async () => {
  const server: ScriptedRedis = await scriptedRedis((asked) => {
    const { command, socket } = asked;
    if (isSlots(asked)) return slotsOf([server.port]);
    if (command.startsWith("eval")) return ENLISTED;
    if (command !== "wait") return "";
    setTimeout(() => socket.write(":1\r\n"), 2500);
    return undefined;
  });
  const connection = acquire(clusterOf(server));
  await call(connection, 5000, unconfirmed);
  const before = server.asked.filter(isSlots).length;
  await call(connection, 8000);
  expect(server.asked.filter(isSlots)).toHaveLength(before);
});

test("what kept an earlier connection from working is no reason any more when it is back", async () => {
  let isBusy = false;
  const server: ScriptedRedis = await scriptedRedis(({ command }) => {
    if (command === "wait") return undefined;
    if (!command.startsWith("eval")) return "";
    return isBusy ? "-BUSY Redis is busy.\r\n" : ENLISTED;
  });
  const connection = acquire(redisOf(server));
  await call(connection, 5000, unconfirmed);
  isBusy = true;
  await expect(call(connection, 1000, unconfirmed)).rejects.toMatchObject({
    code: "DELAYQ_REDIS_UNAVAILABLE",
    message: expect.stringContaining("BUSY") as string,
  });
  isBusy = false;
  for (const { socket } of server.asked) socket.destroy();
  await call(connection, 5000, unconfirmed);
  const first = call(connection, 5000);
  await eventually(() => expect(server.asked.some(({ command }) => command === "wait")).toBe(true));
  await expect(call(connection, 300)).rejects.toMatchObject({
    code: "DELAYQ_REDIS_UNAVAILABLE",
    cause: undefined,
  });
  connection.release();
  await expect(first).rejects.toMatchObject({ code: "DELAYQ_CLOSED" });
});
