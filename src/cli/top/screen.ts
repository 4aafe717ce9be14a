import { emitKeypressEvents } from "node:readline";
import ansi from "ansi-escapes";

/** A key as Node names it. */
export interface Key {
  readonly name?: string;
  readonly ctrl?: boolean;
}

/** A line that is too long, as one of wide characters may be, is cut by the terminal and not continued below (DECAWM). */
const [WRAP_OFF, WRAP_ON] = ["\u001b[?7l", "\u001b[?7h"];

/**
 * The whole terminal, for as long as a command shows something that changes. It is given back as it was, however the process
 * ends, short of a SIGKILL.
 */
export class Screen {
  readonly #out = process.stdout;
  readonly #in = process.stdin;
  readonly #onKey: (key: Key) => void;
  readonly #draw: (columns: number, rows: number) => readonly string[];
  #isOpen = false;

  constructor(draw: (columns: number, rows: number) => readonly string[], onKey: (key: Key) => void) {
    this.#draw = draw;
    this.#onKey = onKey;
  }

  open(): void {
    this.#enter();
    emitKeypressEvents(this.#in);
    this.#in.on("keypress", this.#keyPressed);
    this.#out.on("resize", this.redraw);
    process.on("exit", this.#leave);
    process.on("SIGCONT", this.#enter);
  }

  close(): void {
    this.#in.off("keypress", this.#keyPressed);
    this.#out.off("resize", this.redraw);
    process.off("SIGCONT", this.#enter);
    process.off("exit", this.#leave);
    this.#leave();
    this.#in.pause();
  }

  /** Line by line over what is there: to clear it first would flicker. */
  readonly redraw = (): void => {
    if (!this.#isOpen) return;
    const { columns, rows } = this.#out;
    const lines = this.#draw(columns, rows).map((line) => `${line}${ansi.eraseEndLine}`);
    this.#out.write(ansi.cursorTo(0, 0) + lines.join("\n") + ansi.eraseDown);
  };

  readonly #keyPressed = (_text: string | undefined, key: Key): void => {
    if (key.ctrl && key.name === "z") this.#suspend();
    else this.#onKey(key);
  };

  readonly #enter = (): void => {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#in.setRawMode(true);
    this.#in.resume();
    this.#out.write(ansi.enterAlternativeScreen + ansi.cursorHide + WRAP_OFF + ansi.clearViewport);
    this.redraw();
  };

  readonly #leave = (): void => {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#in.setRawMode(false);
    this.#out.write(WRAP_ON + ansi.cursorShow + ansi.exitAlternativeScreen);
  };

  /** As a terminal does for programs that read lines. */
  #suspend(): void {
    this.#leave();
    process.kill(process.pid, "SIGSTOP");
  }
}
