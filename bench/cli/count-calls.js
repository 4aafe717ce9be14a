/* Loaded before a command: counts its calls, and leaves the counts in a file when the process ends. */
import { writeFileSync } from "node:fs";
import { callsCounted, startCounting } from "../support/call-counter.js";

startCounting();
process.on("exit", () => writeFileSync(process.env.BENCH_CALLS, JSON.stringify(callsCounted())));
