import { openLog } from "../event-log.js";
import { connectionOf } from "./connection.js";

/** What all roles have in common: options, log, engine, an orderly end on SIGTERM, and none without the harness. */
export async function openRole() {
  const { connection, ...options } = JSON.parse(process.argv[2]);
  const tell = openLog(options.log);
  process.on("disconnect", () => process.exit(1));
  process.on("uncaughtException", (error) => {
    tell("crashed", { error: String(error?.stack ?? error) });
    process.exit(1);
  });
  const engine = await import(options.engine);
  const closeOnSignal = (close) => {
    process.once("SIGTERM", () => {
      tell("closing");
      void close().then(() => {
        tell("closed");
        process.exit(0);
      });
    });
    tell("up", { pid: process.pid, wallMs: Date.now() });
    process.send({ up: true });
  };
  return { options: { ...options, connection: connectionOf(connection) }, tell, engine, closeOnSignal };
}
