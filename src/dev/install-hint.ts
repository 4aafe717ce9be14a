import type { OsRelease } from "./os-release.ts";

const INSTALL_COMMANDS: readonly (readonly [family: string, command: string])[] = [
  ["debian", "apt-get install -y redis-server"],
  ["ubuntu", "apt-get install -y redis-server"],
  ["fedora", "dnf install -y redis"],
  ["rhel", "dnf install -y redis"],
  ["alpine", "apk add redis"],
  ["arch", "pacman -S --noconfirm valkey"],
  ["suse", "zypper install -y redis"],
];

const ANYWHERE =
  "docker run --rm -d -p 127.0.0.1:7379:6379 redis:7 && export DELAYQ_REDIS_URL=redis://127.0.0.1:7379";

export interface InstallHintFacts {
  readonly platform: NodeJS.Platform;
  readonly release: OsRelease;
  readonly isRoot: boolean;
}

/** The one command that gives this system a Redis. */
export function installHint({ platform, release, isRoot }: InstallHintFacts): string {
  if (platform === "darwin") return "brew install redis";
  const found = INSTALL_COMMANDS.find(([family]) => release.family.includes(family));
  if (platform !== "linux" || found === undefined) return ANYWHERE;
  return isRoot ? found[1] : `sudo ${found[1]}`;
}
