import { Redis } from "ioredis";

/*
 * Counts what this process sends to Redis, beneath both engines: Redis itself cannot tell a command that a client sent from one
 * that a script ran. A script counts under its hash.
 */
const counts = {};
const seen = new WeakSet();
let isCounting = false;

export function startCounting() {
  for (const name of Object.keys(counts)) delete counts[name];
  if (isCounting) return;
  isCounting = true;
  // oxlint-disable-next-line typescript/unbound-method -- it is called on the client that it is called on
  const send = Redis.prototype.sendCommand;
  Redis.prototype.sendCommand = function sendAndCount(command, stream) {
    // One that waits for its connection comes here twice.
    if (!seen.has(command)) {
      seen.add(command);
      const name = command.name === "evalsha" ? String(command.args[0]) : command.name;
      counts[name] = (counts[name] ?? 0) + 1;
    }
    return send.call(this, command, stream);
  };
}

export function callsCounted() {
  return { ...counts };
}
