import { constants } from "node:os";

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/**
 * Runs `drain` at the first SIGTERM or SIGINT; a second one ends the process at once.
 * Returns a function that stops listening.
 */
export function onStopSignal(drain: (signal: NodeJS.Signals) => void): () => void {
  let isDraining = false;
  const listener = (signal: NodeJS.Signals): void => {
    if (isDraining) process.exit(128 + constants.signals[signal]);
    isDraining = true;
    drain(signal);
  };
  for (const signal of SIGNALS) process.on(signal, listener);
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener);
  };
}
