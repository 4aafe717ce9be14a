import { access, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

/** Where Debian's Alertmanager reads its templates; without them it does not start. */
const TEMPLATES = "/usr/share/prometheus/alertmanager";

/**
 * How an Alertmanager is called. One that Debian built and that was unpacked, not installed, does not find its templates, and no
 * flag tells it where they are. So a copy is run in which their place, of as many letters, is seen from the folder that it was
 * unpacked into.
 */
export async function alertmanagerCommand(path: string, folder: string): Promise<[string, ...string[]]> {
  const root = resolve(dirname(path), "..", "..");
  const isUnpacked = root !== "/" && (await exists(join(root, TEMPLATES)));
  if (!isUnpacked || (await exists(TEMPLATES))) return [path];
  const copy = join(folder, "alertmanager");
  await writeFile(copy, relativePlaces(await readFile(path)), { mode: 0o755 });
  return ["/bin/sh", "-c", 'cd "$0" && exec "$@"', root, copy];
}

function relativePlaces(program: Buffer): Buffer {
  const place = Buffer.from(TEMPLATES);
  const relative = Buffer.from(`${TEMPLATES.slice(1)}/`);
  for (let at = program.indexOf(place); at !== -1; at = program.indexOf(place, at + place.length))
    relative.copy(program, at);
  return program;
}

const exists = async (path: string): Promise<boolean> =>
  await access(path).then(
    () => true,
    () => false,
  );
