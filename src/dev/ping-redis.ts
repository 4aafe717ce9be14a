import { createConnection } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

const TRY_TIMEOUT_MS = 1000;
const PAUSE_MS = 25;

/** Waits until something answers a PING on this port of 127.0.0.1; false when told to give up first. */
export async function waitForPing(port: number, giveUp: AbortSignal): Promise<boolean> {
  while (!giveUp.aborted) {
    if (await ping(port)) return true;
    await delay(PAUSE_MS);
  }
  return false;
}

function ping(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1", timeout: TRY_TIMEOUT_MS });
    const settle = (isAnswered: boolean) => {
      socket.destroy();
      resolve(isAnswered);
    };
    socket.once("connect", () => socket.write("PING\r\n"));
    // A server that asks for a password is up too; one that is loading its data is not.
    socket.once("data", (reply) => {
      settle(/^(\+PONG|-NOAUTH)/.test(reply.toString("latin1")));
    });
    for (const event of ["error", "timeout", "close"] as const) {
      socket.once(event, () => {
        settle(false);
      });
    }
  });
}
