/*
 * Writes docs/cli.md from the commands themselves, as dist/ has them; with --check it writes nothing, and ends with code 1 if the
 * file is not what it would write. Texts of help stand there as they are, so the formatter leaves them alone.
 */
import { readFileSync, writeFileSync } from "node:fs";

const HELP_WIDTH = 110;

const file = new URL("../docs/cli.md", import.meta.url);
const { program } = await import("../dist/cli/main.js");

const PREFACE = `# The command line

Made from the commands by \`npm run docs\`; do not edit.

\`delayq NOUN VERB QUEUE [ID]\`. Data goes to stdout, all else to stderr. Each command says with \`--help\` what it takes.

## Where Redis is

The first that says so counts:

1. flags: \`--url\`, or \`--sentinel\` and \`--master\`, or \`--cluster\`; \`--prefix\`; \`--tz\`
2. the context that \`--context\` names
3. the environment: \`DELAYQ_REDIS_URL\`, or \`DELAYQ_REDIS_SENTINELS\` and \`DELAYQ_REDIS_MASTER\`, or \`DELAYQ_REDIS_CLUSTER\`;
   \`DELAYQ_PREFIX\`; \`DELAYQ_TZ\`
4. the context that \`DELAYQ_CONTEXT\` names
5. \`delayq.config.json\` in the working folder, or the context that it names

\`delayq.config.json\` holds any of \`url\`, \`sentinel\`, \`master\`, \`cluster\`, \`tls\`, \`prefix\`, \`tz\` and \`context\`. Contexts hold the same
but the last; they stand by name in \`delayq/contexts.json\` in \`$XDG_CONFIG_HOME\`, or in \`~/.config\`:

\`\`\`json
{ "staging": { "url": "redis://staging:6379" }, "live": { "cluster": "a:6379,b:6379", "tls": true } }
\`\`\`

Users and passwords are no flags, since everybody on a machine sees those: a \`--url\` that holds one is refused. They stand in
\`DELAYQ_REDIS_USERNAME\` and \`DELAYQ_REDIS_PASSWORD\` (for sentinels \`DELAYQ_REDIS_SENTINEL_USERNAME\` and \`_PASSWORD\`), in the URL of
\`DELAYQ_REDIS_URL\`, or in the \`url\` of a file; a file that holds one and that others may read is used with a warning. They are never
printed.

## For programs

\`--json\` prints one document; lists of tasks are one object a line. The names stay as they are; others may be added. Times are there as
RFC 3339 in UTC and, with \`Ms\` behind the name, as epoch ms. With \`--dry-run\` it is \`{ "dryRun": true, "count": 12 }\`.

| command                                                    | prints                                                                                                                                                                                                                                 |
| ---------------------------------------------------------- | -------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------- |
| \`task show\`, \`dead show\`, \`task ls\`, \`dead ls\`             | the task: \`id\`, \`queue\`, \`shard\`, \`name\`, \`data\`, \`state\`, \`dueAt\`, \`dueAtMs\`, \`addedAt\`, \`addedAtMs\`, \`attempt\`, \`priority\`, and where they apply \`startedAt\`, \`startedAtMs\`, \`fence\`, \`error\` (\`name\`, \`message\`, \`stack\`), \`result\` |
| \`add\`, \`task add\`                                          | the task, and \`existed\`                                                                                                                                                                                                                |
| \`task reschedule\`, \`task run-now\`, \`task update\`           | \`id\`, \`outcome\`                                                                                                                                                                                                                        |
| \`task cancel\`, \`dead requeue\`, \`dead purge\`, \`queue drain\` | how many there were of each outcome: \`{ "requeued": 12, "ready": 1 }\`, of \`cancelled\`, \`requeued\`, \`purged\`, \`missing\` and the states                                                                                                  |
| \`queue show\`, \`queue ls\` (an array)                        | \`queue\`, \`shards\`, \`paused\`, \`delayed\`, \`ready\`, \`leased\`, \`dead\`, \`done\`                                                                                                                                                              |
| \`queue pause\`, \`queue resume\`                              | \`queue\`, \`paused\`                                                                                                                                                                                                                      |
| \`queue obliterate\`                                         | \`queue\`, \`removed\` (tasks)                                                                                                                                                                                                             |
| \`shard ls\` (an array)                                      | \`shard\`, \`owner\`, \`epoch\`, \`paused\`, the states, and where they apply \`nextDueAt\`, \`nextDueAtMs\`, \`headAgeMs\`                                                                                                                          |
| \`worker ls\`, \`scheduler ls\` (arrays)                       | \`id\`, \`host\`, \`pid\`, \`queues\`, of workers \`concurrency\`, of schedulers \`isStandby\`                                                                                                                                                     |
| \`stats\` (all queues: an array)                             | \`queue\`, the states, \`paused\`, \`counters\` ([keyspace.md](keyspace.md))                                                                                                                                                                 |
| \`timeline\`                                                 | \`queue\`, \`by\`, \`readAt\`, \`readAtMs\`, \`overdue\`, \`buckets\` (\`startAt\`, \`startAtMs\`, \`endAt\`, \`endAtMs\`, \`tasks\`), \`later\`                                                                                                               |
| \`top\` (a line a queue and look)                            | \`queue\`, \`readAt\`, \`readAtMs\`, the states, \`paused\`, \`rates\` (\`added\`, \`completed\`, \`failed\`, a second), \`lagMs\`, \`workers\`, \`concurrency\`, \`schedulers\`, \`shards\` (how many)                                                          |
| \`doctor\`                                                   | \`healthy\`, \`ok\`, \`warnings\`, \`failures\`, \`unknown\`, \`findings\` (\`check\`, \`about\`, \`level\`, \`text\`, \`why\`, \`fix\`)                                                                                                                       |
| \`import\`                                                   | \`imported\`, \`existed\`, \`unknown\`, \`skipped\`, \`nextLine\`, \`run\`, \`ms\`, \`perSecond\`; with \`--restore\` \`restored\`, \`existed\`, \`skipped\`, \`paused\`, \`ms\`, \`perSecond\`                                                                      |
| \`export\`                                                   | what it prints without it: [backup.md](backup.md)                                                                                                                                                                                      |
| \`worker run\`, \`scheduler run\`, \`exporter\`                  | nothing on stdout; their log is JSON, one object a line, on a terminal too                                                                                                                                                             |
| \`dev\`                                                      | \`url\`, \`port\`, \`pid\`, \`version\`, \`dir\`, when it runs                                                                                                                                                                                   |
| \`completion\`                                               | \`shell\`, \`script\`                                                                                                                                                                                                                      |

| exit code | means                                              |
| --------- | -------------------------------------------------- |
| 0         | done                                               |
| 1         | failed                                             |
| 2         | wrong usage                                        |
| 3         | unhealthy, or Redis cannot be used (said in 5 s)   |
| 4         | no such queue or task; a cancelled task is no more |
| 5         | refused, since it would destroy and has no \`--yes\` |
| 130       | interrupted; what was done until then is told      |

## Times

\`in 15m\`, \`15m ago\`, \`now\`, ISO 8601 as \`2027-01-01T09:00+08:00\`, or epoch ms. One without an offset is local time of the zone that
\`--tz\` names, else of this machine. What counts from now counts by the clock of Redis.

## What destroys

\`task cancel\`, \`dead purge\`, \`queue drain\` and \`queue obliterate\` count first what they would take away. On a terminal they ask for
the queue's name; elsewhere they refuse without \`--yes\`. \`--dry-run\` only counts. Tasks that are given by their ids are not asked
about. Many tasks are changed in batches: Ctrl-C ends between two of them, and running the same again does the rest.

Colour and progress are for terminals only, and \`NO_COLOR\` is respected.
`;

const wanted = `${[PREFACE, "## Commands", ...sections(program())].join("\n")}\n`;
if (!process.argv.includes("--check")) writeFileSync(file, wanted);
else if (readFileSync(file, "utf8") !== wanted) {
  console.error("docs/cli.md is not what the commands say: run npm run docs");
  process.exitCode = 1;
}

/** All commands that do something, in the order of the help. */
function sections(command, path = []) {
  const names = [...path, command.name()];
  const own =
    command.commands.length === 0
      ? [`\n### ${names.join(" ")}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\``]
      : [];
  const shown = new Set(command.createHelp().visibleCommands(command));
  return [...own, ...command.commands.filter((sub) => shown.has(sub)).flatMap((sub) => sections(sub, names))];
}

function helpOf(command) {
  let text = "";
  command.configureHelp({ helpWidth: HELP_WIDTH });
  command.configureOutput({ writeOut: (part) => (text += part), getOutHasColors: () => false });
  command.outputHelp();
  return text.trim();
}
