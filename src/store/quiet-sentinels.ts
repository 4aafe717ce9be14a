import { SentinelConnector, type Redis, type SentinelConnectionOptions } from "ioredis";

/**
 * The way of ioredis to a master by its Sentinels, but for what it prints. It also listens to them for failovers, with clients whose
 * errors nobody hears: so each try to reach one that is away wrote a stack trace to stderr, every few seconds and in every process. As
 * long as one of them answers nothing is wrong; if none does, the search for the master says so.
 */
export class QuietSentinelConnector extends SentinelConnector {
  constructor(options: unknown) {
    super(options as SentinelConnectionOptions);
    const connect = this["connectToSentinel"].bind(this) as (...given: unknown[]) => Redis;
    this["connectToSentinel"] = (...given: unknown[]) => {
      const client = connect(...given);
      client.on("error", () => {}); // see above
      return client;
    };
  }
}
