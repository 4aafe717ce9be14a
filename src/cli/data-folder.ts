import { homedir } from "node:os";
import { join } from "node:path";

/** Where programs of this system keep a user's data. */
export function userDataFolder(env: NodeJS.ProcessEnv, platform: NodeJS.Platform): string {
  if (env["XDG_DATA_HOME"]) return env["XDG_DATA_HOME"];
  if (platform === "win32" && env["LOCALAPPDATA"]) return env["LOCALAPPDATA"];
  if (platform === "darwin") return join(homedir(), "Library", "Application Support");
  return join(homedir(), ".local", "share");
}
