import calculateSlot from "cluster-key-slot";
import type { Client } from "./connection-options.ts";

/** The node of a Cluster that has the key's slot, as far as the client knows; nothing for another Redis. */
export const nodeOf = (client: Client, key: string): string =>
  "slots" in client ? (client.slots[calculateSlot(key)]?.[0] ?? "") : "";
