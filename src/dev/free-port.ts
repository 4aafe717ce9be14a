import { randomInt } from "node:crypto";
import { createServer } from "node:net";

/*
 * Not "port 0": the system would give a port of its ephemeral range (from 32768 on Linux), and while a killed Redis waits
 * to be started again on its port, any outgoing connection of any process may be given that port. This range lies below,
 * and so does the cluster bus, which listens 10000 higher. It does not hold 6379, where somebody's real Redis may live.
 */
const PORT_MIN = 12_000;
const PORT_MAX = 21_999;
const TRIES_MAX = 50;

/**
 * A port of 127.0.0.1 that is free now; another process may still take it before it is used.
 *
 * @param offsets of further ports that must be free too, such as 10000 for a cluster bus
 */
export async function findFreePort(offsets: readonly number[] = []): Promise<number> {
  for (let tries = 0; tries < TRIES_MAX; tries += 1) {
    const port = randomInt(PORT_MIN, PORT_MAX + 1);
    const areFree = await Promise.all([0, ...offsets].map((offset) => isPortFree(port + offset)));
    if (areFree.every(Boolean)) return port;
  }
  throw new Error(`No free port found between ${PORT_MIN} and ${PORT_MAX} in ${TRIES_MAX} tries`);
}

function isPortFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => {
      resolve(false);
    });
    server.listen(port, "127.0.0.1", () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
