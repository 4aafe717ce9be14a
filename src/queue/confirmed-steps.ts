import { NotConfirmedError } from "../core/errors.ts";
import type { Confirmation } from "../core/options.ts";
import type { CallOptions } from "../store/connection.ts";
import { confirmedWithin, within } from "../store/queue-store.ts";

/**
 * A change that takes several calls, each to be confirmed by replicas. "It was done, but not confirmed" must be true of all
 * of it: so the first call that they do not confirm does not end it. The rest then waits for no replica, since nothing can
 * make that answer better.
 */
export class ConfirmedSteps {
  readonly #confirmation: Confirmation | undefined;
  #notConfirmed: NotConfirmedError | undefined;

  constructor(confirmation: Confirmation | undefined) {
    this.#confirmation = confirmation;
  }

  /** @param step may be called twice: what was not confirmed is asked for again, for its answer */
  async run<T>(step: (options: CallOptions) => Promise<T>): Promise<T> {
    if (this.#notConfirmed === undefined) {
      try {
        return await step(confirmedWithin(this.#confirmation));
      } catch (error) {
        if (!(error instanceof NotConfirmedError)) throw error;
        this.#notConfirmed ??= error;
      }
    }
    return await step(within());
  }

  /** @throws NotConfirmedError of the first step that was not confirmed */
  finish(): void {
    if (this.#notConfirmed !== undefined) throw this.#notConfirmed;
  }
}
