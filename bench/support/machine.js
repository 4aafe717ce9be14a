import { cpus, loadavg, totalmem } from "node:os";

/** What the figures were measured on. Other load on the machine shows in `load1`. */
export function machine(redis) {
  return {
    cpus: cpus().length,
    cpu: cpus()[0]?.model ?? "unknown",
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    redis: redis.version,
    load1: Number(loadavg()[0].toFixed(2)),
  };
}

export function machineLine({ cpus: count, cpu, memoryGiB, node, redis, load1 }) {
  return `${count} x ${cpu}, ${memoryGiB} GiB, Node ${node}, Redis ${redis}, load before ${load1}`;
}
