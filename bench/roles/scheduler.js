/** A process that runs a scheduler and nothing else. */
import { engineOf } from "../engines/index.js";
import { serve } from "./role.js";

let scheduler;

serve({
  open({ engine, ...options }) {
    scheduler = engineOf(engine).openScheduler(options);
  },
  async close() {
    await scheduler?.close();
  },
});
