/** A scheduler process. */
import { openRole } from "./role.js";

const { options, engine, closeOnSignal } = await openRole();
const { connection, prefix, queue, slowPollMs } = options;
const scheduler = new engine.Scheduler([queue], { connection, prefix, slowPollMs });
closeOnSignal(async () => await scheduler.close());
