import slotOf from "cluster-key-slot";
import { RedisCluster } from "../../dist/dev/redis-cluster.js";
import { keepLogs, openClient } from "./servers.js";

/** A Cluster. See topology.js. */
export class ClusterRedis {
  #options;
  #folder;

  /** @param setting what `RedisCluster` takes */
  constructor({ server, folder, config, setting }) {
    this.#folder = folder;
    this.#options = { openClient, server, config, ...setting };
  }

  async start() {
    this.cluster = await RedisCluster.start(this.#options);
  }

  async masters() {
    return await this.cluster.masters();
  }

  async byKey() {
    const owners = await this.cluster.slotOwners();
    return (key) => owners[slotOf(key)];
  }

  async connect() {
    return { nodes: this.cluster.startNodes, options: {} };
  }

  async stop() {
    if (this.cluster === undefined) return;
    keepLogs(this.cluster.nodes, this.#folder);
    await this.cluster.stop();
  }
}
