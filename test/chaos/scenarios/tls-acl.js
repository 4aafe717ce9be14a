import { TlsRedis } from "../tls-redis.js";
import { bothWays } from "./both-ways.js";

const RESETS = 5;

/**
 * All goes over TLS, as a user with no more rights than the docs ask for, and again and again the connections of all are
 * closed: each time they must be opened anew, and nothing may be refused.
 */
export const tlsAcl = bothWays({
  name: "tls-acl",
  isLong: true,
  topology: TlsRedis,
  async strike(run, random) {
    const { set } = run.topology;
    const master = await set.master();
    const { length } = run.fleet.roles;
    await run.fault({ kind: "network", least: RESETS * length }, async () => {
      let closed = 0;
      for (let resets = 0; resets < RESETS; resets++) {
        const ours = clientsOf(String(await master.call("CLIENT", "LIST")), master.tlsPort);
        await master.call("CLIENT", "KILL", "USER", "delayq");
        closed += ours;
        await run.sleep(random.between(300, 600));
      }
      // Redis 7.2 refuses what a client says of itself; nobody depends on it.
      const denied = (await master.call("ACL", "LOG")).filter((entry) => !entry.includes("client|setinfo"));
      if (denied.length > 0) run.troubles.push(`refused by the ACL: ${denied[0].join(" ")}`);
      return closed;
    });
  },
});

/** How many clients have come over TLS as the user. */
function clientsOf(list, port) {
  return list
    .split("\n")
    .filter((line) => line.includes(` laddr=127.0.0.1:${port} `) && line.includes(" user=delayq ")).length;
}
