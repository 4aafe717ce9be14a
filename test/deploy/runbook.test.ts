import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

const rules = read("deploy/prometheus/delayq.rules.yml");
const runbook = read("docs/runbook.md");
const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name!);

test("each alert says how grave it is, what it is, and where the runbook speaks of it", () => {
  for (const rule of rules.split("- alert: ").slice(1)) {
    const name = /^\w+/.exec(rule)![0];
    expect(rule, name).toMatch(/severity: (critical|warning)\n/);
    expect(rule, name).toMatch(/summary: \S/);
    expect(rule, name).toMatch(/description: \S/);
    expect(rule, name).toContain(
      `runbook_url: https://example.com/delayq/docs/runbook.md#${name.toLowerCase()}\n`,
    );
  }
});

test("each alert has a section in the runbook, and each section an alert", () => {
  const sections = [...runbook.matchAll(/^## (\w+)$/gm)].map(([, name]) => name!);
  expect(sections.toSorted()).toEqual([...new Set(alerts)].toSorted());
});

test("each section says what it means, what users feel, how to look, what to do and when to wake somebody", () => {
  for (const section of runbook.split(/^## /m).slice(1)) {
    const [name] = section.split("\n");
    const said = [...section.matchAll(/^\*\*([A-Z][^*]+?)\.?\*\*/gm)].map(([, words]) => words);
    expect(said, name).toEqual([
      "What it means",
      "What users feel",
      "How to look",
      "What to do",
      "Wake somebody",
    ]);
  }
});

test("each command and flag in the runbook is one that the command line has", () => {
  const help = read("docs/cli.md");
  const inText = [...runbook.matchAll(/`(delayq [^`]+)`/g)].map(([, line]) => line!);
  const inBlocks = [...runbook.matchAll(/^delayq .*$/gm)].map(([line]) => line);
  const lines = [...inText, ...inBlocks].map((line) => line.replace(/[#|].*$/, "").trim());
  expect(lines.length).toBeGreaterThan(30);
  for (const line of lines) {
    const words = line.split(/\s+/).slice(1);
    const section = [2, 1]
      .map((n) => help.split(`\n### delayq ${words.slice(0, n).join(" ")}\n`)[1])
      .find((text) => text !== undefined);
    const run = section ?? help.split(`\n### delayq ${words[0]} run\n`)[1];
    expect(run, line).toBeDefined();
    const flags = words.filter((word) => word.startsWith("--"));
    for (const flag of flags) expect(run!.split("\n### ")[0], line).toContain(`  ${flag} `);
  }
});

test("links lead to what is there", () => {
  for (const [, file, anchor] of runbook.matchAll(/\]\(([\w./-]*)(?:#([\w-]+))?\)/g)) {
    const text = file === "" ? runbook : read(`docs/${file}`);
    if (anchor === undefined) continue;
    const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, title]) =>
      title!.toLowerCase().replaceAll(" ", "-"),
    );
    expect(headings, `${file}#${anchor}`).toContain(anchor);
  }
});
