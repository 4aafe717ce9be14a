import type { Command } from "commander";
import type { Finding } from "../../core/doctor-facts.ts";
import { counted } from "../../core/wording.ts";
import { examine } from "../../queue/doctor.ts";
import { readQueues } from "../../store/queue-store.ts";
import { colour } from "../colour.ts";
import { CliError, EXIT } from "../exit.ts";
import { print, printJson, printable } from "../output.ts";
import { checkQueueExists, withRedis, withRedisFlags, type RedisFlags } from "../redis-session.ts";

interface DoctorFlags extends RedisFlags {
  readonly json?: true;
}

const HELP = `
It only looks. What is not well is told with why it matters and what to do, and so is what this user of Redis may not ask
(unknown). Only failures make the exit code 3.

--json prints { healthy, ok, warnings, failures, unknown, findings }, a finding being { check, about, level, text, why, fix };
level is ok, warning, failure or unknown, and of what is ok there is no why and fix.

Examples:
  $ delayq doctor
  $ delayq doctor emails --json | jq '.findings[] | select(.level != "ok")'`;

const MARKS = { ok: "ok", warning: "warning", failure: "FAILURE", unknown: "unknown" } as const;
const COLOURS = {
  ok: colour.green,
  warning: colour.yellow,
  failure: colour.red,
  unknown: colour.yellow,
} as const;

export function addDoctorCommand(root: Command): void {
  withRedisFlags(root.command("doctor"))
    .summary("look for what is not well, and say what to do")
    .description(
      "Examines Redis and a queue, or all queues, and says what is not well, why it matters and what to do.",
    )
    .argument("[queue]", "all queues if left out")
    .option("--json", "one JSON document")
    .addHelpText("after", HELP)
    .action(run);
}

async function run(queue: string | undefined, { json, ...flags }: DoctorFlags): Promise<void> {
  const findings = await withRedis(flags, async (redis) => {
    if (queue !== undefined) await checkQueueExists(redis, queue);
    const queues =
      queue === undefined
        ? [...(await readQueues(redis.connection, redis.prefix)).keys()].toSorted()
        : [queue];
    return await examine(redis.connection, redis.prefix, queues);
  });
  const count = (level: Finding["level"]): number => findings.filter((one) => one.level === level).length;
  const summary = {
    ok: count("ok"),
    warnings: count("warning"),
    failures: count("failure"),
    unknown: count("unknown"),
  };
  if (json) printJson({ healthy: summary.failures === 0, ...summary, findings });
  else {
    for (const about of new Set(findings.map((finding) => finding.about))) {
      print(colour.bold(printable(about)));
      for (const finding of findings) if (finding.about === about) show(finding);
    }
    const told = [
      `${summary.ok} ok`,
      counted(summary.warnings, "warning"),
      counted(summary.failures, "failure"),
      ...(summary.unknown > 0 ? [`${summary.unknown} unknown`] : []),
    ];
    print(`\n${told.join(", ")}`);
  }
  if (summary.failures > 0) throw new CliError(EXIT.unhealthy);
}

function show({ check, level, text, why, fix }: Finding): void {
  print(`  ${COLOURS[level](MARKS[level].padEnd(7))}  ${check}: ${printable(text)}`);
  if (why !== undefined) print(`           why: ${printable(why)}`);
  if (fix !== undefined) print(`           do:  ${printable(fix)}`);
}
