import { EventEmitter } from "node:events";
import { Cluster } from "ioredis";
import { pino } from "pino";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { SLOTS_IN_DOUBT } from "../../src/store/calm-refresh.ts";
import { Connection } from "../../src/store/connection.ts";
import type { Client } from "../../src/store/connection-options.ts";
import { Subscriber } from "../../src/store/subscriber.ts";
import { eventually } from "../support/fixture.ts";
import { bulk, scriptedRedis, slotsOf, type Asked, type ScriptedRedis } from "../support/scripted-redis.ts";
import { useOwnRedis } from "./own-redis.ts";

const ownRedis = useOwnRedis();
const silent = pino({ level: "silent" });

test("a user without the right to leave channels hears on", async () => {
  const { url, admin } = ownRedis();
  await admin.call("ACL", "SETUSER", "stays", "on", ">secret", "~*", "&*", "+@all", "-sunsubscribe");
  const connection = Connection.acquire(`redis://stays:secret@127.0.0.1:${new URL(url).port}`, silent);
  onTestFinished(() => connection.release());
  const { subscriber } = connection;
  const heard = vi.fn<(message: string) => void>();
  subscriber.listen("c", heard);
  await eventually(() => expect(subscriber.canHear("c")).toBe(true));
  await admin.call("ACL", "LOG", "RESET");
  subscriber.suspect();
  await eventually(async () =>
    expect(JSON.stringify(await admin.call("ACL", "LOG"))).toContain("sunsubscribe"),
  );
  await admin.spublish("c", "after");
  await eventually(() => expect(heard).toHaveBeenLastCalledWith("after"));
  expect(heard.mock.calls).toEqual([[""], ["after"]]);
  expect(subscriber.canHear("c")).toBe(true);
});

describe("with a Cluster whose every answer is given", () => {
  const isSlots = ({ command, args }: Asked): boolean =>
    command === "cluster" && args[0]?.toLowerCase() === "slots";
  const isHints = ({ client }: Asked): boolean => client.startsWith("ioredis-cluster(ssubscriber)");
  const heard = ({ command, args: [channel = ""] }: Asked): string =>
    `*3\r\n${bulk(command)}${bulk(channel)}:${command === "ssubscribe" ? 1 : 0}\r\n`;
  const usual = (asked: Asked): string => (/^s(?:un)?subscribe$/.test(asked.command) ? heard(asked) : "");

  async function hearing({ port }: ScriptedRedis, socketTimeout: number): Promise<Subscriber> {
    const node = { host: "127.0.0.1", port };
    const cluster = new Cluster([node], { lazyConnect: true, redisOptions: { socketTimeout } });
    const connection = Connection.acquire(cluster, silent);
    onTestFinished(() => connection.release());
    const { subscriber } = connection;
    subscriber.listen("c", () => {});
    await eventually(() => expect(subscriber.canHear("c")).toBe(true));
    return subscriber;
  }

  test("a connection to a frozen node that has lost its slots ends without a word on stderr", async () => {
    const socketTimeoutMs = 90; // ioredis gives a connection 100 to end
    let subscriber: Subscriber | undefined;
    let isFrozen = false;
    let isOver = false;
    const freeze = (socket: Asked["socket"]): void => {
      isFrozen = true;
      socket.allowHalfOpen = true; // who is frozen does not close either
      setTimeout(() => socket.end(), 2 * socketTimeoutMs);
      socket.on("close", () => (isOver = true));
      setImmediate(() => subscriber?.suspect());
    };
    const answer = (asked: Asked): string | undefined => {
      if (isSlots(asked))
        return slotsOf([isFrozen ? successor.port : first.port], [isFrozen ? first.port : successor.port]);
      if (!isHints(asked) || asked.args[0] !== "c:check" || asked.socket.localPort !== first.port)
        return usual(asked);
      freeze(asked.socket);
      return undefined;
    };
    const first: ScriptedRedis = await scriptedRedis(answer);
    const successor: ScriptedRedis = await scriptedRedis(answer);
    const stderr = vi.spyOn(console, "error").mockImplementation(() => {});
    onTestFinished(() => stderr.mockRestore());
    subscriber = await hearing(first, socketTimeoutMs);
    subscriber.suspect();
    await eventually(() => expect(isOver).toBe(true));
    await eventually(() => expect(successor.asked.map(({ command }) => command)).toContain("ssubscribe"));
    expect(stderr.mock.calls).toEqual([]);
  });

  test("hints are heard again after an outage in which a connection for them was given up half open", async () => {
    const sockets = new Set<Asked["socket"]>();
    let isAway = false;
    const server: ScriptedRedis = await scriptedRedis((asked) => {
      if (isHints(asked) && sockets.add(asked.socket).size === 2) isAway = true;
      if (!isAway) return isSlots(asked) ? slotsOf([server.port]) : usual(asked);
      if (isHints(asked)) return undefined;
      return isSlots(asked) ? "-ERR nobody is asked now\r\n" : "";
    });
    const subscriber = await hearing(server, 500);
    // The second one times out, and no node answers then; the third one is opened, and given up with all others.
    for (const socket of sockets) socket.destroy();
    await eventually(() => {
      expect(sockets.size).toBe(3);
      for (const socket of sockets) expect(socket.destroyed).toBe(true);
    });
    isAway = false;
    await eventually(() => expect(subscriber.canHear("c")).toBe(true));
  });
});

describe("with a client whose every answer is given", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function setup(isCluster: boolean) {
    const calls = {
      ssubscribe: vi.fn<() => Promise<void>>(async () => {}),
      sunsubscribe: vi.fn<() => Promise<void>>(async () => {}),
      connect: vi.fn<() => Promise<void>>(async () => {}),
      disconnect: vi.fn<() => void>(),
    };
    const client = Object.assign(new EventEmitter(), { isCluster, status: "ready", ...calls });
    const subscriber = new Subscriber(client as unknown as Client, silent);
    onTestFinished(() => subscriber.close());
    const listenTo = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) subscriber.listen(`c${i}`, () => {});
      await vi.advanceTimersByTimeAsync(1);
      calls.sunsubscribe.mockClear();
    };
    return { ...calls, client, subscriber, listenTo };
  }

  test("what is lost on one server is subscribed again, though the connection stays", async () => {
    const { sunsubscribe, subscriber, listenTo } = setup(false);
    await listenTo(1);
    sunsubscribe.mockRejectedValueOnce(new Error("Command timed out"));
    await vi.advanceTimersByTimeAsync(15_000);
    expect(subscriber.canHear("c0")).toBe(false);
    await vi.advanceTimersByTimeAsync(6000);
    expect(subscriber.canHear("c0")).toBe(true);
  });

  test("a doubt costs so many calls, however many channels there are", async () => {
    const { client, sunsubscribe, listenTo } = setup(true);
    await listenTo(1000);
    for (let i = 0; i < 100; i++) client.emit(SLOTS_IN_DOUBT);
    await vi.advanceTimersByTimeAsync(100);
    expect(sunsubscribe).toHaveBeenCalledTimes(200);
    for (let i = 0; i < 4; i++) {
      client.emit(SLOTS_IN_DOUBT);
      await vi.advanceTimersByTimeAsync(100);
    }
    expect(new Set(sunsubscribe.mock.calls.map(String)).size).toBe(1000);
  });

  test("a client of a Cluster that never ends disconnecting is made to connect", async () => {
    const { client, connect } = setup(true);
    await vi.advanceTimersByTimeAsync(20_000);
    client.status = "disconnecting";
    await vi.advanceTimersByTimeAsync(3900);
    client.status = "ready";
    await vi.advanceTimersByTimeAsync(20_000);
    expect(connect).not.toHaveBeenCalled();
    client.status = "disconnecting";
    connect.mockImplementation(async () => {
      client.status = "connecting";
      await Promise.resolve();
    });
    await vi.advanceTimersByTimeAsync(20_000);
    expect(connect).toHaveBeenCalledOnce();
  });
});
