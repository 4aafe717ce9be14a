import { createHash } from "node:crypto";

const NUMBERS = 16_383;

/** The number that `register` gives to a profile: made from its text, the next free one if that is taken. */
export function profileNumber(text: string, isTaken: (number: number) => boolean = () => false): number {
  const sha1 = createHash("sha1").update(text).digest("hex");
  let number = (Number.parseInt(sha1.slice(0, 4), 16) % NUMBERS) + 1;
  while (isTaken(number)) number = (number % NUMBERS) + 1;
  return number;
}
