import type { Command } from "commander";
import { checkKeyPart } from "../../core/names.ts";
import { QueueExporter } from "../../metrics/exporter.ts";
import { CliError, EXIT } from "../exit.ts";
import { startPages, withPortFlags } from "../metrics-flags.ts";
import { loggerOf, withProcessFlags, type ProcessFlags } from "../process-flags.ts";
import { withConnection, withRedisFlags, type RedisFlags } from "../redis-session.ts";
import { StopRequest } from "../stop-request.ts";

interface ExporterFlags extends RedisFlags, ProcessFlags {
  readonly port: number;
  readonly host?: string;
}

const PORT = 9464;

const HELP = `
One of it is enough: it tells of whole queues and of Redis, where workers and schedulers tell of their own work. It only reads, from
counts: a scrape costs the same with ten tasks and with ten million. It starts, and answers within 3 s, also while Redis is away;
then delayq_redis_up is 0.

Examples:
  $ delayq exporter
  $ delayq exporter emails invoices --port 9464`;

export function addExporterCommand(root: Command): void {
  withRedisFlags(withPortFlags(withProcessFlags(root.command("exporter")), PORT))
    .summary("serve metrics of queues and of Redis to Prometheus")
    .description("Serves metrics of whole queues and of Redis over HTTP, until it is told to stop.")
    .argument("[queues...]", "which queues; all of them if left out")
    .addHelpText("after", HELP)
    .action(run);
}

async function run(queues: readonly string[], flags: ExporterFlags): Promise<void> {
  for (const queue of queues) checkKeyPart("queue name", queue);
  const logger = await loggerOf(flags);
  const stop = new StopRequest((error) => logger.error({ err: error }, "one more error"));
  try {
    await withConnection(
      flags,
      async ({ connection, prefix }) => {
        const { Registry, collectDefaultMetrics } = await import("prom-client");
        const registry = new Registry();
        const exporter = new QueueExporter(connection, { prefix, queues, logger });
        exporter.register(registry);
        collectDefaultMetrics({ register: registry });
        const metrics = async () => {
          await exporter.read();
          return { status: 200, type: registry.contentType, body: await registry.metrics() };
        };
        const pages = await startPages(flags.port, flags.host, metrics, logger);
        try {
          pages.serving();
          logger.info({ queues: queues.length === 0 ? "all" : queues }, "exporter started");
          const reason = await stop.requested;
          pages.stopping();
          if ("error" in reason) logger.fatal({ err: reason.error }, "an error that nobody caught; stopping");
          else logger.info(reason, "stopping");
          if ("error" in reason) throw new CliError(EXIT.failed);
        } finally {
          await pages.close();
        }
      },
      logger,
    );
  } finally {
    stop.finish();
  }
}
