import { CLI_GOALS } from "../goals.js";

/*
 * What a new user would try, in turn, on a queue "big" with tasks of all states and on one of dead tasks, "second".
 *
 *   args               the words; those with @ are filled in: files that queues come from, and the last id of "big"
 *   interruptAfterMs   Ctrl-C then
 *   code               the exit code that is expected, 0 unless it is said
 *   isStream           false for what has nothing to say before its end
 *   endsInMs           how soon it must end
 *   check              what is wrong with what it printed, or nothing
 */
const words = (line) => line.split(" ");
const step = (line, more = {}) => ({ args: words(line), ...more });

let requeuedAtFirst = 0;

export const STEPS = [
  step("import big @big --restore --json", { isStream: false, check: restoredAll }),
  step("import second @second --restore --json", { isStream: false }),
  step("import third @third --json", { isStream: false, check: importedAll }),
  ...[
    "queue ls",
    "queue show big",
    "stats",
    "stats big --json",
    "shard ls big",
    "timeline big",
    "timeline big --by minute --for 24h",
    "top --count 2 --interval 1s",
    "worker ls",
    "scheduler ls",
    "task ls big",
    "task ls big --state delayed --limit 20 --json",
    "task ls big --state ready",
    "task ls big --due-before in=3h",
    "task ls big --state delayed --due-after in=6d --limit 20",
    "task ls big --state delayed --name welcome --limit 20",
    "task show big task-7",
    "dead ls big",
    "dead ls big --error ETIMEDOUT --limit 20",
    "dead show big @last",
  ].map((line) => ({ args: words(line).map((word) => word.replace("=", " ")) })),
  step("doctor big", { code: 3 }), // nobody serves it
  // What is nowhere, or nearly: all must be looked at.
  step("task ls big --name rare", { isStream: false }),
  step("task ls big --id-prefix none", { isStream: false }),
  step("dead ls big --error nowhere", { isStream: false }),
  step("task ls big --limit 0 --json", {
    check: ({ lines }, { tasks }) => lines !== tasks && `${lines} lines`,
  }),
  step("export big", { check: ({ lines }, { tasks }) => lines !== tasks + 2 && `${lines} lines` }),
  step("export big", { interruptAfterMs: 1500, code: 130 }),
  step("task ls big --limit 0", { interruptAfterMs: 1500, code: 130 }),
  step("task add big welcome {} --in 1h --id mine --json"),
  step("task reschedule big mine --in 2h"),
  step("task update big mine {}"),
  step("task run-now big mine"),
  step("task cancel big mine"),
  step("task cancel big --name digest --due-after now --dry-run", { isStream: false }),
  step("task cancel big --name digest --yes --json", { interruptAfterMs: 4000, code: 130 }),
  step("task cancel big --name digest --yes --json", { isStream: false }),
  step("dead requeue big --all --json", {
    endsInMs: CLI_GOALS.requeueMs,
    isStream: false,
    check: requeuedAll,
  }),
  step("dead requeue second --all --json", { interruptAfterMs: 1200, code: 130, check: requeuedSome }),
  step("dead requeue second --all --json", { isStream: false, check: requeuedRest }),
  step("stats second --json", { check: countedOnce }),
  step("dead purge big --all --dry-run"),
  step("queue pause big"),
  step("queue resume big"),
  step("queue drain big --yes --json", { interruptAfterMs: 2500, code: 130 }),
  step("queue drain big --yes --json", { isStream: false }),
  step("queue obliterate second --yes", { isStream: false }),
];

const printed = ({ tail }) => JSON.parse(tail.trim().split("\n").at(-1) ?? "null");

function restoredAll(run, { tasks }) {
  const { restored } = printed(run);
  return restored !== tasks && `restored ${restored} of ${tasks}`;
}

function importedAll(run, { dead: lines }) {
  const { imported } = printed(run);
  return imported !== lines && `imported ${imported} of ${lines}`;
}

function requeuedAll(run, { dead }) {
  const { requeued } = printed(run);
  return requeued !== dead && `requeued ${requeued} of ${dead}`;
}

function requeuedSome(run, { dead }) {
  requeuedAtFirst = printed(run).requeued;
  return (requeuedAtFirst === 0 || requeuedAtFirst >= dead) && `requeued ${requeuedAtFirst}: not half-way`;
}

function requeuedRest(run, { dead }) {
  const sum = requeuedAtFirst + printed(run).requeued;
  return sum !== dead && `requeued ${sum} of ${dead} in both`;
}

function countedOnce(run, { dead: wanted }) {
  const { counters, ready, dead } = printed(run);
  return (counters.requeued !== wanted || ready !== wanted || dead !== 0) && `not each once: ${run.tail}`;
}
