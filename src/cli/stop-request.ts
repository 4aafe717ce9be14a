import { onStopSignal } from "../runtime/signals.ts";

/** Why a process that runs until it is told to stop should stop. */
export type StopReason = { readonly signal: NodeJS.Signals } | { readonly error: unknown };

/** How long what handlers have left open may keep a process alive that is done. */
const LINGER_MS = 1000;

/**
 * The first of: SIGTERM, SIGINT (a second one ends the process at once), or an error that no handler's promise caught.
 *
 * After such an error nobody knows what state the handlers' code is in, so the process should not go on for long; but other
 * tasks are in the middle of their work. So it drains as after a signal, and ends with a failure for its supervisor to see.
 */
export class StopRequest {
  readonly requested: Promise<StopReason>;
  readonly #stopListening: () => void;

  /** @param onLaterError for errors that come while the process is draining already */
  constructor(onLaterError: (error: unknown) => void) {
    let request!: (reason: StopReason) => void;
    let isRequested = false;
    this.requested = new Promise((resolve) => {
      request = resolve;
    });
    const offSignals = onStopSignal((signal) => {
      isRequested = true;
      request({ signal });
    });
    const onUncaught = (error: unknown): void => {
      if (isRequested) onLaterError(error);
      isRequested = true;
      request({ error });
    };
    // Node raises rejections that nobody handles as uncaught exceptions too.
    process.on("uncaughtException", onUncaught);
    this.#stopListening = () => {
      offSignals();
      process.off("uncaughtException", onUncaught);
    };
  }

  /** To be called when all is closed: the process ends soon, whatever its handlers have left open. */
  finish(): void {
    this.#stopListening();
    setTimeout(() => process.exit(), LINGER_MS).unref();
  }
}
