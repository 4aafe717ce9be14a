import { Option, type Command } from "commander";
import { CliError, EXIT } from "./exit.ts";
import { readSettings } from "./settings.ts";

interface TimeZoneFlags {
  readonly tz?: string;
}

/** For commands that take or show times. */
export function withTimeZone(command: Command): Command {
  return command.addOption(
    new Option(
      "--tz <zone>",
      "the time zone of times without an offset, and of those that are shown, as Asia/Tokyo (env: DELAYQ_TZ)",
    ),
  );
}

/** Node reads TZ again when it is set: from here on JavaScript's local time is that of the zone. @throws CliError */
export function useTimeZone(flags: TimeZoneFlags & { context?: string }): void {
  const zone = readSettings(flags).tz;
  if (zone === undefined) return;
  try {
    Intl.DateTimeFormat("en", { timeZone: zone });
  } catch (error) {
    throw new CliError(
      EXIT.usage,
      `${zone} is no time zone that is known here; expected one such as Asia/Tokyo`,
      {
        cause: error,
      },
    );
  }
  process.env["TZ"] = zone;
  isChosen = true;
}

let isChosen = false;

/** A time for people: in the zone that was chosen, else in UTC. */
export function shownTime(atMs: number): string {
  if (!isChosen) return new Date(atMs).toISOString();
  const offsetMin = -new Date(atMs).getTimezoneOffset();
  const local = new Date(atMs + offsetMin * 60_000).toISOString().slice(0, -1);
  const sign = offsetMin < 0 ? "-" : "+";
  const two = (n: number): string => String(n).padStart(2, "0");
  const away = Math.abs(offsetMin);
  return `${local}${sign}${two(Math.floor(away / 60))}:${two(away % 60)}`;
}
