import { onStopSignal } from "../runtime/signals.ts";
import { interrupted } from "./exit.ts";

/**
 * Work that can be interrupted between its steps: at the first SIGINT or SIGTERM the signal is aborted, and when the work has
 * come to its end the command ends with 130 (SIGTERM: 143). A second one ends the process at once.
 *
 * @param done says what was done, for the message
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  done: () => string = () => "",
): Promise<T> {
  const interrupt = new AbortController();
  const stopListening = onStopSignal((signal) => interrupt.abort(signal));
  try {
    const result = await work(interrupt.signal);
    if (interrupt.signal.aborted) throw interrupted(done(), interrupt.signal.reason as NodeJS.Signals);
    return result;
  } finally {
    stopListening();
  }
}
