import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import { CliError, EXIT } from "../exit.ts";
import { LineSplitter, type Line } from "./line-splitter.ts";

const CHUNK_BYTES = 262_144;

/** The lines of a file or of stdin, and how much of it was read. */
export class LineSource {
  readonly #input: Readable;
  /** undefined where nobody knows how much is to come. */
  readonly totalBytes: number | undefined;
  readBytes = 0;

  private constructor(input: Readable, totalBytes: number | undefined) {
    this.#input = input;
    this.totalBytes = totalBytes;
  }

  /** @throws CliError */
  static async open(file: string): Promise<LineSource> {
    if (file === "-") return new LineSource(process.stdin, undefined);
    try {
      const handle = await open(file);
      const stat = await handle.stat();
      if (stat.isDirectory()) {
        await handle.close();
        throw new CliError(EXIT.failed, `${file} is a folder`);
      }
      const input = createReadStream(file, { fd: handle, highWaterMark: CHUNK_BYTES });
      return new LineSource(input, stat.isFile() ? stat.size : undefined);
    } catch (error) {
      if (error instanceof CliError) throw error;
      const reason =
        error instanceof Error && "code" in error && error.code === "ENOENT"
          ? "it does not exist"
          : String(error);
      throw new CliError(EXIT.failed, `${file} cannot be read: ${reason}`, { cause: error });
    }
  }

  /** Lines that are not empty; none any more once the signal is aborted. */
  async *lines(bytesMax: number, signal: AbortSignal): AsyncGenerator<Line> {
    const splitter = new LineSplitter(bytesMax);
    signal.addEventListener("abort", () => this.close(), { once: true });
    try {
      for await (const chunk of this.#input as AsyncIterable<Buffer>) {
        for (const line of splitter.push(chunk)) {
          if (signal.aborted) return;
          this.readBytes += line.bytes + 1;
          if (isFilled(line)) yield line;
        }
      }
      for (const line of splitter.end()) if (isFilled(line)) yield line;
    } catch (error) {
      if (!signal.aborted) throw error; // else the input was destroyed while it was read
    }
  }

  close(): void {
    this.#input.destroy();
  }
}

const isFilled = ({ text, fault }: Line): boolean => fault !== undefined || text.trim() !== "";
