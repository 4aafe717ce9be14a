import { readFile } from "node:fs/promises";

/** The facts of `/etc/os-release` that are needed here. */
export interface OsRelease {
  /** `debian`, `ubuntu`, `fedora`, ...; empty when unknown. */
  readonly id: string;
  /** `12`, `24.04`; a code name where there is no number. */
  readonly version: string;
  /** The id and the ids of the distributions it descends from. */
  readonly family: readonly string[];
}

export function parseOsRelease(text: string): OsRelease {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, key, value] = /^([A-Z_]+)=["']?([^"']*)["']?\s*$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) fields.set(key, value);
  }
  const id = fields.get("ID") ?? "";
  return {
    id,
    version: fields.get("VERSION_ID") ?? fields.get("VERSION_CODENAME") ?? "rolling",
    family: [id, ...(fields.get("ID_LIKE") ?? "").split(" ")].filter((name) => name !== ""),
  };
}

/** Reads the system's own file; an unknown system has an empty family. */
export async function readOsRelease(): Promise<OsRelease> {
  return parseOsRelease(await readFile("/etc/os-release", "utf8").catch(() => ""));
}

export function isDebianLike(release: OsRelease): boolean {
  return release.family.includes("debian") || release.family.includes("ubuntu");
}
