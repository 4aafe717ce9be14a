import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { PageServer } from "../../src/metrics/pages.ts";
import { eventually } from "../support/fixture.ts";

it("holds so many connections and no more", async () => {
  const server = new PageServer({}, () => {});
  const { hostname, port } = new URL(await server.listen(0, "127.0.0.1"));
  const sockets: Socket[] = [];
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await server.close();
  });
  for (let i = 0; i < 70; i++) {
    const socket = connect(Number(port), hostname).on("error", () => {}); // one that is dropped
    sockets.push(socket);
    await once(socket, "connect");
  }
  const dropped = (): number => sockets.filter(({ destroyed }) => destroyed).length;
  for (const socket of sockets) socket.resume();
  await eventually(() => expect(dropped()).toBe(6));
});
