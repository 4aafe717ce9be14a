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

test("a connection to a frozen node that has lost its slots ends without a word on stderr", async () => {
  const SOCKET_TIMEOUT_MS = 90; // less than it takes to give a connection up
  const hints = (client: string): boolean => client.startsWith("ioredis-cluster(ssubscriber)");
  let isFrozen = false;
  let isOver = false;
  const answer = ({ command, args, client, socket }: Asked): string | undefined => {
    if (command === "cluster" && args[0]?.toLowerCase() === "slots")
      return slotsOf([isFrozen ? successor.port : first.port], [isFrozen ? first.port : successor.port]);
    if (!hints(client)) return "";
    if (
      socket.localPort === first.port &&
      command === "sunsubscribe" &&
      args[0]?.endsWith(":check") === true
    ) {
      isFrozen = true;
      socket.allowHalfOpen = true; // who is frozen does not close either
      setTimeout(() => socket.end(), 2 * SOCKET_TIMEOUT_MS);
      socket.on("close", () => (isOver = true));
      setImmediate(() => connection.subscriber.suspect());
      return undefined;
    }
    if (!/^s(?:un)?subscribe$/.test(command)) return "";
    return `*3\r\n${bulk(command)}${bulk(args[0] ?? "")}:${command === "ssubscribe" ? 1 : 0}\r\n`;
  };
  const first: ScriptedRedis = await scriptedRedis(answer);
  const successor: ScriptedRedis = await scriptedRedis(answer);
  const cluster = new Cluster([{ host: "127.0.0.1", port: first.port }], {
    lazyConnect: true,
    redisOptions: { socketTimeout: SOCKET_TIMEOUT_MS },
  });
  const connection = Connection.acquire(cluster, silent);
  onTestFinished(() => connection.release());
  const stderr = vi.spyOn(console, "error").mockImplementation(() => {});
  onTestFinished(() => stderr.mockRestore());

  connection.subscriber.listen("c", () => {});
  await eventually(() => expect(connection.subscriber.canHear("c")).toBe(true));
  connection.subscriber.suspect();
  await eventually(() => expect(isOver).toBe(true));
  await eventually(() => expect(successor.asked.some(({ command }) => command === "ssubscribe")).toBe(true));
  expect(stderr.mock.calls).toEqual([]);
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
