import { DelayqError } from "../core/errors.ts";
import { PAYLOAD_MAX_BYTES } from "../core/options.ts";
import { show } from "../core/validate.ts";

/** As JSON a character takes up to six bytes. */
const STDIN_MAX_BYTES = 6 * PAYLOAD_MAX_BYTES;

/** The payload that a command is given: JSON, or - for JSON on stdin. @throws DelayqError `DELAYQ_INVALID_DATA`, `DELAYQ_DATA_TOO_LARGE` */
export async function readPayload(text: string): Promise<unknown> {
  return parseData(text === "-" ? await readStdin() : text);
}

function parseData(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new DelayqError(
      "DELAYQ_INVALID_DATA",
      `Expected DATA to be JSON, got ${show(text)}. A text needs its quotes: '"hello"'.`,
      { cause: error },
    );
  }
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > STDIN_MAX_BYTES) {
      throw new DelayqError(
        "DELAYQ_DATA_TOO_LARGE",
        `Expected the payload to take at most ${PAYLOAD_MAX_BYTES} bytes as JSON, got more from stdin. Store it elsewhere and pass a reference.`,
      );
    }
  }
  return Buffer.concat(chunks).toString("utf8");
}
