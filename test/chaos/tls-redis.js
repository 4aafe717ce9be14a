import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { selfSigned } from "./self-signed.js";
import { SentinelRedis } from "./sentinel-redis.js";

const RIGHTS = new URL("../../docs/operations.md", import.meta.url);
const USER = "delayq";
const PASSWORD = "a-secret";

/** A master and a replica; processes reach the master over TLS, as a user who may do no more than the docs ask for. */
export class TlsRedis extends SentinelRedis {
  #ca;

  constructor({ setting, ...options }) {
    const folder = join(options.folder, "tls");
    mkdirSync(folder, { recursive: true });
    const { key, cert } = selfSigned();
    const tls = { key: join(folder, "key.pem"), cert: join(folder, "cert.pem") };
    writeFileSync(tls.key, key, { mode: 0o600 });
    writeFileSync(tls.cert, cert);
    const aclfile = join(folder, "users.acl");
    writeFileSync(aclfile, `user default on nopass ~* &* +@all\n${rightsInDocs()}\n`);
    super({
      ...options,
      config: { ...options.config, aclfile },
      setting: { ...setting, sentinels: 0, replicas: 1, tls },
    });
    this.#ca = cert;
  }

  async connect() {
    const { tlsPort } = await this.set.master();
    const tls = { ca: this.#ca };
    return { options: { host: "127.0.0.1", port: tlsPort, tls, username: USER, password: PASSWORD } };
  }
}

/** What the docs tell operators to write into an ACL file. */
function rightsInDocs() {
  const [line] = /^user delayq on >SECRET .*$/m.exec(readFileSync(RIGHTS, "utf8")) ?? [];
  if (line === undefined) throw new Error(`Expected ${RIGHTS.pathname} to hold the ACL line of user delayq`);
  return line.replace(">SECRET", `>${PASSWORD}`);
}
