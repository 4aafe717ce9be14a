import type { BulkOptions } from "../queue/changer.ts";
import { CliError, EXIT } from "./exit.ts";
import { interruptible } from "./interruptible.ts";
import { grouped, print, printJson } from "./output.ts";
import { Progress } from "./progress.ts";

type Outcomes = Readonly<Partial<Record<string, number>>>;

/**
 * A change of many tasks: in batches, with progress on a terminal. Interrupted it ends between two batches, says what it did
 * until then, and can be run again: what was changed is no longer among what it finds.
 */
export interface BulkChange {
  /** The outcome that is wanted, as "requeued". */
  readonly wanted: string;
  /** How those are called that were not, as "not dead". */
  readonly unfit: string;
  /** As "requeueing". */
  readonly doing: string;
  /** How many there are, if that is known. */
  readonly total?: number;
  readonly json?: boolean | undefined;
  /** Whether each must have the wanted outcome, as those that were given by id; what a filter finds may have moved meanwhile. */
  readonly isStrict: boolean;
  readonly change: (options: BulkOptions) => Promise<Outcomes>;
}

/** @throws CliError with 4 or 1 if a task that was given by its id was not changed, 130 if interrupted */
export async function changeInBulk(bulk: BulkChange): Promise<void> {
  const { wanted, doing, total, json, isStrict, change } = bulk;
  let outcomes: Outcomes = {};
  const progress = new Progress({
    doing,
    done: () => sumOf(outcomes),
    ...(total !== undefined && { total }),
  });
  const onProgress = (soFar: Outcomes): void => {
    outcomes = soFar;
  };
  try {
    await interruptible(
      async (signal) => (outcomes = await change({ signal, onProgress })),
      () => "run it again for the rest",
    );
  } finally {
    progress.stop();
    if (json === true) printJson({ [wanted]: 0, ...outcomes });
    else print(`${wanted} ${grouped(outcomes[wanted] ?? 0)}`);
  }
  if (isStrict) complain(bulk, outcomes);
}

function complain({ wanted, unfit }: BulkChange, outcomes: Outcomes): void {
  const others = Object.entries(outcomes).filter(([outcome]) => outcome !== wanted);
  const told = others.map(([outcome, count]) => `${count} ${outcome}`);
  if (told.length === 0) return;
  throw new CliError(
    outcomes["missing"] === undefined ? EXIT.failed : EXIT.notFound,
    `${unfit}: ${told.join(", ")}`,
  );
}

const sumOf = (outcomes: Outcomes): number =>
  Object.values(outcomes).reduce<number>((sum, count) => sum + (count ?? 0), 0);
