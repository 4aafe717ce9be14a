import { Random } from "../../test/chaos/random.js";

/** Brings a list into a random order that is the same in every run. */
export function shuffle(list) {
  const random = new Random("shuffle");
  for (let i = list.length - 1; i > 0; i--) {
    const j = random.int(0, i);
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
}
