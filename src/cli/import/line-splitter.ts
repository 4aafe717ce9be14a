import { isUtf8 } from "node:buffer";
import { DelayqError } from "../../core/errors.ts";

/** A line of the file, counted from 1, without its end. */
export interface Line {
  readonly number: number;
  readonly text: string;
  /** How long it is in the file. */
  readonly bytes: number;
  /** Why it cannot be read; then it has no text. */
  readonly fault?: DelayqError;
}

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** @throws nothing: makes the error by which a line stops an import */
export function lineError(number: number, message: string, cause?: unknown): DelayqError {
  return new DelayqError("DELAYQ_INVALID_LINE", `line ${number}: ${message}`, { cause });
}

/**
 * Cuts chunks of a file into lines, whatever the chunks' borders, holding no more than one line. Takes line ends of Windows
 * too, and passes over a byte order mark. A line that is too long is told as soon as that is seen, and its rest passed over.
 */
export class LineSplitter {
  readonly #bytesMax: number;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #number = 0;
  #isOverlong = false;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The lines that end in this chunk. */
  *push(chunk: Buffer): Generator<Line> {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      yield* this.#hold(chunk.subarray(from, end));
      from = end + 1;
      if (this.#isOverlong) this.#isOverlong = false;
      else yield this.#take();
    }
    yield* this.#hold(chunk.subarray(from));
  }

  /** The last line, if the file does not end with a line end. */
  *end(): Generator<Line> {
    if (this.#bytes > 0) yield this.#take();
  }

  *#hold(piece: Buffer): Generator<Line> {
    if (piece.length === 0 || this.#isOverlong) return;
    this.#bytes += piece.length;
    this.#pieces.push(piece);
    if (this.#bytes <= this.#bytesMax) return;
    this.#isOverlong = true;
    const { number, bytes } = this.#next();
    yield faulty(number, bytes, `is longer than ${this.#bytesMax} bytes. One task stands in one line.`);
  }

  #take(): Line {
    const { number, bytes, pieces } = this.#next();
    let whole = pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces);
    if (number === 1 && whole.subarray(0, 3).equals(BYTE_ORDER_MARK)) whole = whole.subarray(3);
    if (whole.at(-1) === RETURN) whole = whole.subarray(0, -1);
    if (!isUtf8(whole)) return faulty(number, bytes, "is not UTF-8 text.");
    return { number, text: whole.toString("utf8"), bytes };
  }

  /** What was held, and nothing is held any more. */
  #next(): { number: number; bytes: number; pieces: readonly Buffer[] } {
    const held = { number: ++this.#number, bytes: this.#bytes, pieces: this.#pieces };
    this.#pieces = [];
    this.#bytes = 0;
    return held;
  }
}

const faulty = (number: number, bytes: number, message: string): Line => ({
  number,
  text: "",
  bytes,
  fault: lineError(number, message),
});
