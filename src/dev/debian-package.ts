import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { runCommand } from "./run-command.ts";

const INSTALL_OPTIONS = ["--yes", "--download-only", "--reinstall", "--no-install-recommends"] as const;
const APT_TIMEOUT_MS = 180_000;
const UNPACK_TIMEOUT_MS = 30_000;
const LINES_SHOWN = 3;

/** Which packages of the distribution are unpacked; the first is the one that messages name. */
export interface DebianPackages {
  readonly names: readonly [string, ...string[]];
  /** With the packages that they depend on and this system lacks; alone where their programs need the C library only. */
  readonly withDependencies: boolean;
}

/**
 * Unpacks packages of the distribution, and on request the libraries they lack on this system, below `root`.
 *
 * apt's own resolver says which libraries those are: it is asked to install, but to download only, against the system's
 * list of what is installed. So library names and package names, which differ between releases, need no table here.
 * Nothing of the system is written and no rights are needed: apt keeps its lists and downloads in `work`.
 *
 * @throws Error with apt's last lines.
 */
export async function unpackDebianPackages(
  packages: DebianPackages,
  root: string,
  work: string,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const archives = join(work, "cache", "archives");
  for (const folder of [join(archives, "partial"), join(work, "lists", "partial"), root]) {
    await mkdir(folder, { recursive: true });
  }
  const configFile = join(work, "apt.conf");
  await writeFile(configFile, aptConfig(work));
  const aptEnv = { ...env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
  // `download` writes to the folder it runs in.
  const options = { env: aptEnv, timeoutMs: APT_TIMEOUT_MS, cwd: archives };
  const aptGet = (...args: string[]) => runCommand("apt-get", ["-q", "-c", configFile, ...args], options);

  // Some other source of this system may be unreachable; what counts is whether the packages arrive.
  const update = await aptGet("update");
  const verb = packages.withDependencies ? ["install", ...INSTALL_OPTIONS] : ["download"];
  const download = await aptGet(...verb, ...packages.names);
  if (!download.isOk) {
    const words = lastLines(update.isOk ? download.stderr : `${update.stderr}\n${download.stderr}`);
    throw new Error(`The distribution's ${packages.names[0]} package could not be fetched: ${words}`);
  }
  await unpackAll(archives, root, env);
  await rm(work, { recursive: true, force: true });
}

/**
 * Read after the system's own configuration, so that it wins: hooks of the system (which clean its caches, or write to
 * them) are cleared, locks of the system are not taken, and root does not hand over to a user who may not write here.
 */
function aptConfig(work: string): string {
  return [
    `Dir::State::lists "${join(work, "lists")}";`,
    `Dir::Cache "${join(work, "cache")}";`,
    'Dir::Cache::archives "archives";',
    'APT::Sandbox::User "root";',
    'Debug::NoLocking "true";',
    'Acquire::Languages "none";',
    'Acquire::Retries "2";',
    'Acquire::http::Timeout "20";',
    'Acquire::https::Timeout "20";',
    ...["Pre-Invoke", "Post-Invoke", "Post-Invoke-Success"].map((hook) => `#clear APT::Update::${hook};`),
    ...["DPkg::Pre-Install-Pkgs", "DPkg::Pre-Invoke", "DPkg::Post-Invoke"].map((hook) => `#clear ${hook};`),
    "",
  ].join("\n");
}

async function unpackAll(archives: string, root: string, env: NodeJS.ProcessEnv): Promise<void> {
  const files = (await readdir(archives)).filter((name) => name.endsWith(".deb"));
  for (const file of files) {
    // A second C library beside the system's own would break every program that meets both.
    if (/^libc(6|-bin)_/.test(file)) continue;
    const archive = join(archives, file);
    const unpacked = await runCommand("dpkg-deb", ["-x", archive, root], {
      env,
      timeoutMs: UNPACK_TIMEOUT_MS,
    });
    if (!unpacked.isOk) throw new Error(`${basename(archive)} could not be unpacked: ${unpacked.stderr}`);
  }
}

function lastLines(text: string): string {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-LINES_SHOWN)
    .join(" / ");
}
