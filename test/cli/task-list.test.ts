import { expect, it, onTestFinished, vi } from "vitest";
import { listTasks } from "../../src/cli/task-list.ts";
import { setup } from "../support/fixture.ts";

it("prints what was found before an error", async () => {
  const queue = setup().queue();
  await queue.addBulk(["a", "b", "c"].map((id) => ({ name: "n", data: 0, opts: { id, delay: 60_000 } })));
  const printed = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  onTestFinished(() => printed.mockRestore());
  let rows = 0;
  const listed = listTasks({
    queue,
    states: ["delayed"],
    filter: {},
    limit: 0,
    json: false,
    heads: ["id"],
    row: ({ id }) => {
      if (++rows === 3) throw new Error("Redis went away");
      return [id];
    },
    none: "",
  });
  await expect(listed).rejects.toThrow("Redis went away");
  const lines = printed.mock.calls.map(([text]) => String(text)).join("");
  expect(lines.split("\n")).toHaveLength(4); // the head, two rows, and the end of the last
});
