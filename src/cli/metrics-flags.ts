import { Option, type Command } from "commander";
import type { HasInside } from "../runtime/inside.ts";
import type { Logger } from "../runtime/logger.ts";
import { BlockedTimes } from "../metrics/blocked-times.ts";
import { collectMetrics, type MetricsSources } from "../metrics/collect.ts";
import { Health } from "../metrics/health.ts";
import { PageServer, healthPage, type Page } from "../metrics/pages.ts";
import { integerArgument } from "./arguments.ts";
import { CliError, EXIT } from "./exit.ts";

export interface MetricsFlags {
  readonly metricsPort?: number;
  readonly metricsHost?: string;
}

const PORT_MAX = 65_535;

const portOption = (flags: string, text: string): Option =>
  new Option(flags, text).argParser(integerArgument(0, PORT_MAX)).env("DELAYQ_METRICS_PORT");
const hostOption = (flags: string): Option =>
  new Option(flags, "on which address; default: all of them").env("DELAYQ_METRICS_HOST");

export function withMetricsFlags(command: Command): Command {
  return command
    .addOption(
      portOption(
        "--metrics-port <port>",
        "serve /metrics, /healthz and /readyz over HTTP; 0 takes a free one",
      ),
    )
    .addOption(hostOption("--metrics-host <address>"));
}

/** The same for a process that does nothing else. */
export function withPortFlags(command: Command, defaultPort: number): Command {
  return command
    .addOption(portOption("--port <port>", "where to serve; 0 takes a free one").default(defaultPort))
    .addOption(hostOption("--host <address>"));
}

/** What a process tells over HTTP, from its start to its end. */
export interface Telling {
  /** It has begun its work, with these. */
  serving(sources: MetricsSources): void;
  stopping(): void;
  close(): Promise<void>;
}

const SILENT: Telling = { serving() {}, stopping() {}, async close() {} };

/** Begins before anything else, so that a port that cannot be had is told at once. @throws CliError */
export async function startTelling(
  { metricsPort, metricsHost }: MetricsFlags,
  logger: Logger,
): Promise<Telling> {
  if (metricsPort === undefined) {
    if (metricsHost !== undefined)
      logger.warn(
        { metricsHost },
        "an address for metrics does nothing without a port: give --metrics-port or DELAYQ_METRICS_PORT too",
      );
    return SILENT;
  }
  // Loaded where it is needed: most commands tell nothing.
  const { Registry, collectDefaultMetrics } = await import("prom-client");
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = async (): Promise<Page> => ({
    status: 200,
    type: registry.contentType,
    body: await registry.metrics(),
  });
  const tell = await startPages(metricsPort, metricsHost, metrics, logger);
  return {
    ...tell,
    serving: (sources) => {
      collectMetrics(registry, sources);
      tell.serving(...Object.values(sources as Record<string, HasInside[]>).flat());
    },
  };
}

/** The pages that every process has. */
export async function startPages(
  port: number,
  host: string | undefined,
  metrics: () => Promise<Page>,
  logger: Logger,
): Promise<Omit<Telling, "serving"> & Pick<Health, "serving">> {
  const blocked = new BlockedTimes();
  const health = new Health(blocked);
  const server = new PageServer(
    {
      "/metrics": metrics,
      "/healthz": () => healthPage(health.live()),
      "/readyz": () => healthPage(health.ready()),
    },
    (error) => logger.warn({ err: error }, "a connection for metrics failed"),
  );
  let address: string;
  try {
    address = await server.listen(port, host);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "EADDRINUSE" ? "it is in use; give another one" : message;
    throw new CliError(EXIT.failed, `metrics cannot be served on port ${port}: ${why}`, { cause: error });
  }
  blocked.start();
  logger.info({ address }, "serving metrics");
  return {
    serving: (...roles) => health.serving(...roles),
    stopping: () => health.stopping(),
    close: async () => {
      blocked.stop();
      await server.close();
    },
  };
}
