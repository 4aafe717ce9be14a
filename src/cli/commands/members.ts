import type { Command } from "commander";
import { checkKeyPart } from "../../core/names.ts";
import { within } from "../../store/queue-store.ts";
import { MemberStore, type Member } from "../../store/member-store.ts";
import { print, printJson, say } from "../output.ts";
import { withRedis, withRedisFlags, type RedisFlags } from "../redis-session.ts";
import { tableOf } from "../table.ts";

interface MembersFlags extends RedisFlags {
  readonly json?: true;
}

type Role = Member["role"];

/** A noun that is a command too: what is not one of its verbs goes to its default one, --help as well. To be called when it has its verbs: they inherit. */
export function passOnHelp(group: Command): void {
  group.helpOption(false).helpCommand(false);
}

export function addMembersCommand(group: Command, role: Role): void {
  withRedisFlags(group.command("ls"))
    .summary(`list the ${role}s that live`)
    .description(`Lists the ${role}s that live, of a queue or of all.`)
    .argument("[queue]", "all queues if left out")
    .option("--json", "one JSON document: an array")
    .addHelpText("after", `\nExample:\n  $ delayq ${role} ls emails`)
    .action(async (queue: string | undefined, flags: MembersFlags) => await list(role, queue, flags));
}

async function list(role: Role, queue: string | undefined, { json, ...flags }: MembersFlags): Promise<void> {
  if (queue !== undefined) checkKeyPart("queue name", queue);
  const all = await withRedis(
    flags,
    async ({ connection, prefix }) => await new MemberStore(connection, prefix).read(within()),
  );
  const members = all
    .filter((member) => member.role === role && (queue === undefined || member.queues.includes(queue)))
    .toSorted((a, b) => a.host.localeCompare(b.host) || a.pid - b.pid);
  if (json) printJson(members.map(documentOf));
  else if (members.length === 0) say(`no ${role} lives${queue === undefined ? "" : ` that serves ${queue}`}`);
  else print(role === "worker" ? workers(members) : schedulers(members));
}

const documentOf = ({ id, role, host, pid, queues, concurrency, isStandby }: Member): object => ({
  id,
  host,
  pid,
  queues,
  ...(role === "worker" && { concurrency }),
  ...(role === "scheduler" && { isStandby: isStandby === true }),
});

const workers = (members: readonly Member[]): string =>
  tableOf(
    ["id", "host", "pid", "concurrency", "queues"],
    members.map(({ id, host, pid, concurrency, queues }) => [
      id,
      host,
      pid,
      concurrency ?? "",
      queues.join(" "),
    ]),
  );

const schedulers = (members: readonly Member[]): string =>
  tableOf(
    ["id", "host", "pid", "state", "queues"],
    members.map(({ id, host, pid, isStandby, queues }) => [
      id,
      host,
      pid,
      isStandby === true ? "standby" : "active",
      queues.join(" "),
    ]),
  );
