import { isUtf8 } from "node:buffer";
import { DelayqError } from "../../core/errors.ts";

/** A line of the file, counted from 1, without its end. */
export interface Line {
  readonly number: number;
  readonly text: string;
  /** How long it is in the file. */
  readonly bytes: number;
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
 * too, and passes over a byte order mark.
 */
export class LineSplitter {
  readonly #bytesMax: number;
  #pieces: Buffer[] = [];
  #bytes = 0;
  #number = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The lines that end in this chunk. @throws DelayqError `DELAYQ_INVALID_LINE` */
  *push(chunk: Buffer): Generator<Line> {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      this.#hold(chunk.subarray(from, end));
      from = end + 1;
      yield this.#take();
    }
    this.#hold(chunk.subarray(from));
  }

  /** The last line, if the file does not end with a line end. */
  *end(): Generator<Line> {
    if (this.#bytes > 0) yield this.#take();
  }

  #hold(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#bytes += piece.length;
    if (this.#bytes > this.#bytesMax) {
      throw lineError(
        this.#number + 1,
        `is longer than ${this.#bytesMax} bytes. One task stands in one line.`,
      );
    }
    this.#pieces.push(piece);
  }

  #take(): Line {
    let whole = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#bytes = 0;
    const number = ++this.#number;
    const bytes = whole.length;
    if (number === 1 && whole.subarray(0, 3).equals(BYTE_ORDER_MARK)) whole = whole.subarray(3);
    if (whole.at(-1) === RETURN) whole = whole.subarray(0, -1);
    if (!isUtf8(whole)) throw lineError(number, "is not UTF-8 text.");
    return { number, text: whole.toString("utf8"), bytes };
  }
}
