import type { TestProject } from "vitest/node";
import { locatePrometheusTools, type PrometheusTools } from "./prometheus-tools.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** `undefined` where they cannot be had: then what needs them is skipped. */
    prometheusTools: PrometheusTools | undefined;
  }
}

/** Set where a skip would go unnoticed: then it is a failure. */
const REQUIRED = "DELAYQ_REQUIRE_PROMETHEUS";

/** Finds Prometheus and Alertmanager, once for all test files. */
export default async function setup(project: TestProject): Promise<void> {
  const onProgress = (line: string): void => console.error(line);
  let reason = "neither on the PATH nor in a package of this system";
  const tools = await locatePrometheusTools({ env: process.env, onProgress }).catch((error: Error) => {
    reason = error.message;
    return undefined;
  });
  if (tools === undefined) {
    const line = `Prometheus and Alertmanager could not be had: ${reason}`;
    if (process.env[REQUIRED] === "1") throw new Error(`${line}; ${REQUIRED} is set`);
    console.error(`\n!! SKIPPED: ${line}. No alert rule, dashboard or metric was tested against them\n`);
  }
  project.provide("prometheusTools", tools);
}
