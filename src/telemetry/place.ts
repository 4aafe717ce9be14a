import { ATTRIBUTE, OPERATION_TYPE, type Operation } from "./names.ts";

/** The server, where it is one that has a name. */
export interface ServerAddress {
  readonly address: string;
  readonly port: number | undefined;
}

/** Of which queue spans and metrics tell. */
export interface Place {
  readonly queue: string;
  readonly server: ServerAddress | undefined;
  /** Told what the SDK threw, or what the application put into it. Tasks go on all the same. */
  readonly onError: (error: unknown) => void;
}

/** Attributes, without the types of a package that may not be there: this stands in the public declarations. */
export type Labels = Readonly<Record<string, string | number>>;

/** What all spans and metrics of an operation have in common; few, so metrics may have them too. */
export function commonAttributes({ queue, server }: Place, operation: Operation): Labels {
  const { address, port } = server ?? {};
  return {
    [ATTRIBUTE.system]: "delayq",
    [ATTRIBUTE.systemName]: "delayq",
    [ATTRIBUTE.operationName]: operation,
    [ATTRIBUTE.operationType]: OPERATION_TYPE[operation],
    [ATTRIBUTE.destination]: queue,
    ...(address !== undefined && { [ATTRIBUTE.serverAddress]: address }),
    ...(port !== undefined && { [ATTRIBUTE.serverPort]: port }),
  };
}
