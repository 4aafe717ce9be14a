import { DelayqError } from "../core/errors.ts";
import { show } from "../core/validate.ts";

/**
 * A payload as it is stored, JSON.
 *
 * @throws DelayqError `DELAYQ_INVALID_DATA` for what JSON cannot hold, `DELAYQ_DATA_TOO_LARGE`
 */
export function encodePayload(data: unknown, maxBytes: number): string {
  let json: string | undefined;
  let cause: unknown;
  try {
    json = typeof data === "number" && !Number.isFinite(data) ? undefined : JSON.stringify(data);
  } catch (error) {
    cause = error;
  }
  if (json === undefined) {
    const reason = cause instanceof Error ? ` (${cause.message.split("\n", 1)[0]})` : "";
    throw new DelayqError(
      "DELAYQ_INVALID_DATA",
      `Expected the payload to be JSON, got ${show(data)}${reason}. Give null for none.`,
      { cause },
    );
  }
  // A UTF-16 code unit takes at most three bytes: most payloads need no counting.
  if (json.length * 3 > maxBytes && Buffer.byteLength(json) > maxBytes) {
    throw new DelayqError(
      "DELAYQ_DATA_TOO_LARGE",
      `Expected the payload to take at most ${maxBytes} bytes as JSON, got ${Buffer.byteLength(json)}. Store it elsewhere and pass a reference, or raise \`payloadMaxBytes\`.`,
    );
  }
  return json;
}
