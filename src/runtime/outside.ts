import { AsyncLocalStorage } from "node:async_hooks";

/**
 * Calls it outside every context of AsyncLocalStorage: in the one in which delayq was loaded.
 *
 * Timers and connections inherit the context in which they are made. Whatever lives longer than the call that made it would
 * go on in it for ever: a worker that was made within a request would name that request's trace in all its lines.
 */
export const outside: <R>(call: () => R) => R = AsyncLocalStorage.snapshot();
