/** A way to run a Redis server on this machine: where it was found and how it is called. */
export interface RedisServerCommand {
  readonly source: "path" | "docker" | "debian" | "brew";
  /** `undefined` for Docker, where only the image's tag is known. */
  readonly version: string | undefined;
  /** Absolute path of `redis-server`, or of `docker`. */
  readonly command: string;
  /** What stands before Redis's own arguments. */
  readonly args: readonly string[];
  /** The whole environment, with LD_LIBRARY_PATH where the server needs it. */
  readonly env: NodeJS.ProcessEnv;
}

/** What each place that may hold a Redis is asked with. */
export interface LocateContext {
  readonly env: NodeJS.ProcessEnv;
  readonly onProgress: (line: string) => void;
}
