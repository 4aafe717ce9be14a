import { z } from "zod";
import { TIME_MAX_MS } from "../core/options.ts";

const ISO =
  /^(?<date>\d{4}-\d{2}-\d{2})(?:[T ](?<hour>[01]\d|2[0-3]):(?<minute>[0-5]\d)(?::(?<second>[0-5]\d)(?<fraction>\.\d{1,9})?)?(?<zone>Z|[+-]\d{2}(?::?\d{2})?)?)?$/i;
const isDate = z.iso.date();
/** Until 1973: whoever gives that means seconds, and the task would run at once. */
const EPOCH_MS_MIN = 100_000_000_000;

/** Says what an instant may look like, for messages. */
export const INSTANT_FORMS = "ISO 8601 such as 2027-01-01T09:00+08:00, or epoch milliseconds";

/** Epoch ms of an ISO 8601 text (local time where it names no offset) or of epoch ms; undefined for anything else. */
export function instantMs(value: string | number): number | undefined {
  if (typeof value === "number") return epochMs(value);
  if (/^\d+$/.test(value.trim())) return epochMs(Number(value));
  const parts = ISO.exec(value.trim())?.groups;
  if (parts === undefined || !isDate.safeParse(parts["date"]).success) return undefined;
  const { date, hour = "00", minute = "00", second = "00", fraction = "", zone = "" } = parts;
  const atMs = Date.parse(`${date}T${hour}:${minute}:${second}${fraction}${fullZone(zone)}`);
  return atMs >= 0 && atMs <= TIME_MAX_MS ? atMs : undefined;
}

function epochMs(value: number): number | undefined {
  const isPlausible = value === 0 || (value >= EPOCH_MS_MIN && value <= TIME_MAX_MS);
  return isPlausible ? Math.round(value) : undefined;
}

/** What JavaScript reads: +08:00, of +08 and +0800 too. */
function fullZone(zone: string): string {
  if (zone === "" || /^z$/i.test(zone)) return zone.toUpperCase();
  return `${zone.slice(0, 3)}:${zone.slice(3).replace(":", "") || "00"}`;
}
