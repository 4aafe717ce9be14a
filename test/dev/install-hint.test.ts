import { describe, expect, test } from "vitest";
import { installHint } from "../../src/dev/install-hint.ts";
import { isDebianLike, parseOsRelease } from "../../src/dev/os-release.ts";

const DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n';
const MINT = 'ID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_ID="22"\n';
const ROCKY = 'ID="rocky"\nID_LIKE="rhel centos fedora"\nVERSION_ID="9.4"\n';
const TESTING = "ID=debian\nVERSION_CODENAME=forky\n";

describe("parseOsRelease", () => {
  test("reads quoted and plain values", () => {
    expect(parseOsRelease(MINT)).toEqual({
      id: "linuxmint",
      version: "22",
      family: ["linuxmint", "ubuntu", "debian"],
    });
  });

  test("takes the code name of a release without a number", () => {
    expect(parseOsRelease(TESTING).version).toBe("forky");
  });

  test("knows Debian's descendants, and what is none", () => {
    expect([DEBIAN, MINT, ROCKY, ""].map((text) => isDebianLike(parseOsRelease(text)))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });
});

describe("installHint", () => {
  test.each([
    ["linux", DEBIAN, false, "sudo apt-get install -y redis-server"],
    ["linux", DEBIAN, true, "apt-get install -y redis-server"],
    ["linux", MINT, false, "sudo apt-get install -y redis-server"],
    ["linux", ROCKY, false, "sudo dnf install -y redis"],
    ["darwin", "", false, "brew install redis"],
  ] as const)("on %s, %j, root %s", (platform, text, isRoot, command) => {
    expect(installHint({ platform, release: parseOsRelease(text), isRoot })).toBe(command);
  });

  test("falls back to a container and the variable that names it", () => {
    const hint = installHint({ platform: "linux", release: parseOsRelease(""), isRoot: false });
    expect(hint).toContain("docker run");
    expect(hint).toContain("DELAYQ_REDIS_URL=");
  });
});
