/**
 * A real etcd of three members on this machine, from Go modules: TLS, users, tokens that
 * live for seconds, history that is compacted every second.
 */
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { stringify } from "yaml";

import {
  AUTHENTICATE,
  authenticateRequest,
  RANGE,
  rangeRequest,
  readRangePage,
  readToken,
} from "../../relay/source/etcd/messages.ts";
import { GrpcChannel } from "../../relay/source/etcd/grpc-channel.ts";
import { MessageWriter } from "../../relay/source/etcd/protobuf.ts";
import { makeAuthority } from "../support/certificates.ts";

const SOURCES = join(import.meta.dirname, "../bench/etcd");
export const ETCD_BINARY = join(import.meta.dirname, "../../.build/etcd-peer");
const CALL_MS = 20_000;

export const ROOT = { name: "root", password: "root-password" };
export const READER = { name: "reader", password: "reader-password" };

export function buildEtcd(): void {
  mkdirSync(join(ETCD_BINARY, ".."), { recursive: true });
  const { status } = spawnSync("go", ["build", "-trimpath", "-o", ETCD_BINARY, "."], {
    cwd: SOURCES,
    env: { ...process.env, CGO_ENABLED: "0" },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (status !== 0 || !existsSync(ETCD_BINARY))
    throw new Error("go build of test/bench/etcd failed");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface Member {
  readonly file: string;
  readonly endpoint: string;
  child: ChildProcess | null;
}

/** It says so when it is ready. @throws Error where it ends before. */
export async function lineOf(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    if (child.stdout === null) throw new Error("BUG: no pipe");
    createInterface({ input: child.stdout }).once("line", () => resolve());
    child.once("exit", (code) => reject(new Error(`etcd ended with ${code}`)));
  });
}

export class Members {
  readonly #folder = mkdtempSync(join(tmpdir(), "catwalk-etcd-"));
  readonly #authority = makeAuthority("etcd");
  #members: readonly Member[] = [];
  #token = "";

  get endpoints(): readonly string[] {
    return this.#members.map(({ endpoint }) => endpoint);
  }

  get ca(): string {
    return this.#authority.cert;
  }

  async start(): Promise<void> {
    const issued = this.#authority.issue("localhost", "127.0.0.1");
    const [cert, key] = [join(this.#folder, "cert.pem"), join(this.#folder, "key.pem")];
    writeFileSync(cert, issued.cert);
    writeFileSync(key, issued.key);
    const ports = await Promise.all(Array.from({ length: 6 }, freePort));
    const peer = (i: number): string => `http://127.0.0.1:${ports[i]}`;
    const cluster = [0, 1, 2].map((i) => `m${i}=${peer(i)}`).join(",");
    this.#members = [0, 1, 2].map((i) => {
      const endpoint = `https://127.0.0.1:${ports[3 + i]}`;
      const file = join(this.#folder, `m${i}.yaml`);
      const config = {
        name: `m${i}`,
        "data-dir": join(this.#folder, `m${i}`),
        "listen-client-urls": endpoint,
        "advertise-client-urls": endpoint,
        "listen-peer-urls": peer(i),
        "initial-advertise-peer-urls": peer(i),
        "initial-cluster": cluster,
        "initial-cluster-state": "new",
        "client-transport-security": { "cert-file": cert, "key-file": key },
        "auto-compaction-mode": "periodic",
        "auto-compaction-retention": "1s",
        "auth-token-ttl": 3,
        "log-level": "error",
      };
      writeFileSync(file, stringify(config));
      return { file, endpoint, child: null };
    });
    await Promise.all([0, 1, 2].map((i) => this.startMember(i)));
  }

  async startMember(i: number): Promise<void> {
    const member = this.#members[i];
    if (member === undefined) throw new Error(`BUG: no member ${i}`);
    const child = spawn(ETCD_BINARY, ["member", member.file], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    member.child = child;
    await lineOf(child);
  }

  async killMember(i: number): Promise<void> {
    const child = this.#members[i]?.child;
    if (child == null) throw new Error(`BUG: no member ${i}`);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  stop(): void {
    for (const { child } of this.#members) child?.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async put(key: string, value: unknown): Promise<void> {
    const text = typeof value === "string" ? value : JSON.stringify(value);
    await this.#call("/etcdserverpb.KV/Put", new MessageWriter().text(1, key).text(2, text));
  }

  async delete(key: string): Promise<void> {
    await this.#call("/etcdserverpb.KV/DeleteRange", new MessageWriter().text(1, key));
  }

  /** Users, and a role that may read Calico's keys; then nobody else may anything. */
  async enableAuth(): Promise<void> {
    const auth = "/etcdserverpb.Auth";
    for (const { name, password } of [ROOT, READER])
      await this.#call(`${auth}/UserAdd`, new MessageWriter().text(1, name).text(2, password));
    for (const role of ["root", "calico"])
      await this.#call(`${auth}/RoleAdd`, new MessageWriter().text(1, role));
    const permission = new MessageWriter().text(2, "/calico/").text(3, "/calico0");
    await this.#call(
      `${auth}/RoleGrantPermission`,
      new MessageWriter().text(1, "calico").message(2, permission),
    );
    await this.grantRole(ROOT.name, "root");
    await this.grantRole(READER.name, "calico");
    await this.#call(`${auth}/AuthEnable`, new MessageWriter());
  }

  async grantRole(user: string, role: string): Promise<void> {
    const request = new MessageWriter().text(1, user).text(2, role);
    await this.#call("/etcdserverpb.Auth/UserGrantRole", request);
  }

  async changePassword(user: string, password: string): Promise<void> {
    const request = new MessageWriter().text(1, user).text(2, password);
    await this.#call("/etcdserverpb.Auth/UserChangePassword", request);
  }

  /** Waits until tokens that are given now have expired. A use prolongs one: each has one. */
  async untilTokensExpire(): Promise<void> {
    const [endpoint = ""] = this.endpoints;
    const channel = new GrpcChannel(endpoint, { ca: this.ca, cert: "", key: "" });
    try {
      const tokens: string[] = [];
      for (let i = 0; i < 40; i++) tokens.push(await tokenOf(channel, READER));
      for (const token of tokens) {
        const request = rangeRequest("/calico/", "", { limit: 1, revision: 0 });
        const isTaken = await channel.call(RANGE, request, { token }, CALL_MS).then(
          () => true,
          () => false,
        );
        if (!isTaken) return;
        await pause();
      }
      throw new Error("tokens do not expire");
    } finally {
      channel.close();
    }
  }

  /**
   * Waits until the store's history begins with what is there now.
   * @throws Error after 2 minutes.
   */
  async untilCompacted(): Promise<void> {
    const read = (revision: number): Promise<Uint8Array> =>
      this.#call(RANGE, new MessageWriter().text(1, "/calico/").number(3, 1).number(4, revision));
    const { revision } = readRangePage(await read(0));
    for (let attempt = 0; attempt < 600; attempt++) {
      try {
        await read(revision - 1);
      } catch (error) {
        if (String(error).includes("compacted")) return;
        throw error;
      }
      await pause();
    }
    throw new Error("nothing is compacted");
  }

  /** Of whichever member answers, as root where that is needed. */
  async #call(path: string, request: MessageWriter): Promise<Uint8Array> {
    let last: unknown = null;
    for (let attempt = 0; attempt < 30; attempt++) {
      const endpoint = this.endpoints[attempt % this.endpoints.length] ?? "";
      const channel = new GrpcChannel(endpoint, { ca: this.ca, cert: "", key: "" });
      try {
        const metadata: Record<string, string> = this.#token === "" ? {} : { token: this.#token };
        return await channel.call(path, request.done(), metadata, CALL_MS);
      } catch (error) {
        last = error;
        if (String(error).includes("compacted")) break;
        this.#token = await tokenOf(channel, ROOT).catch(() => "");
        await pause();
      } finally {
        channel.close();
      }
    }
    throw new Error(`${path}: ${String(last)}`);
  }
}

async function tokenOf(channel: GrpcChannel, user: typeof ROOT): Promise<string> {
  const request = authenticateRequest(user.name, user.password);
  return readToken(await channel.call(AUTHENTICATE, request, {}, CALL_MS));
}

/** Between two looks at a condition. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 200));
}
