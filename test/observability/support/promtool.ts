import { spawn } from "node:child_process";
import { once } from "node:events";

/** What promtool says to a text on its stdin, whatever it ends with: `check metrics` ends with 3 when it has remarks. */
export async function runPromtool(promtool: string, args: readonly string[], input: string): Promise<string> {
  const child = spawn(promtool, args, { stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.on("error", () => {}); // it may end without reading all
  child.stdin.end(input);
  await once(child, "close");
  return said;
}
