import { SentinelSet } from "../../dist/dev/sentinel-set.js";
import { keepLogs, openClient } from "./servers.js";

/** A master with replicas and Sentinels; processes ask the Sentinels. See topology.js. */
export class SentinelRedis {
  #options;
  #folder;

  /** @param setting what `SentinelSet` takes */
  constructor({ server, folder, config, setting }) {
    this.#folder = folder;
    this.#options = { openClient, server, config, ...setting };
  }

  async start() {
    this.set = await SentinelSet.start(this.#options);
  }

  async masters() {
    return [await this.set.master()];
  }

  async byKey() {
    const master = await this.set.master();
    return () => master;
  }

  async connect() {
    return { options: this.set.connection };
  }

  async stop() {
    if (this.set === undefined) return;
    keepLogs([...this.set.nodes, ...this.set.sentinelNodes], this.#folder);
    await this.set.stop();
  }
}
