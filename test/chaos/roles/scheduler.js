/** A scheduler process. */
import { openRole } from "./role.js";

const { options, tell, engine, closeOnSignal } = await openRole();
const { connection, prefix, queue, slowPollMs } = options;
const scheduler = new engine.Scheduler([queue], { connection, prefix, slowPollMs });
tell("member", { id: scheduler.id });
closeOnSignal(async () => await scheduler.close());
