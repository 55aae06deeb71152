/**
 * Relays on the lab's nodes, in their namespaces, that take part in path checks; and faults in the
 * network between. A namespace does not reach this machine's loopback, but it reaches its files:
 * the hub is brought in through a socket in a folder.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { cpSync, mkdirSync } from "node:fs";
import { connect, createServer } from "node:net";
import type { Server } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";

import { KEY_FILE, MEMBERSHIP_FILE } from "../../relay/hub/identity.ts";
import type { Lab } from "./lab.ts";
import type { Nft } from "./nft.ts";
import { until } from "./until.ts";

const CLI = join(import.meta.dirname, "../../cli/main.ts");
const DOOR = join(import.meta.dirname, "hub-door.ts");
const ROUTER = "router";

export class PathLab {
  readonly #lab: Lab;
  readonly #nft: Nft;
  readonly #children: ChildProcess[] = [];
  #server: Server | null = null;

  constructor(lab: Lab, nft: Nft) {
    this.#lab = lab;
    this.#nft = nft;
  }

  /** A relay on each of the nodes. */
  async start(nodes: readonly string[]): Promise<void> {
    const { rig } = this.#lab;
    const path = join(rig.root, "hub.sock");
    this.#server = await doorTo(Number(new URL(rig.hubUrl).port), path);
    await Promise.all(nodes.map((node) => this.#startNode(node, path)));
  }

  stop(): void {
    for (const child of this.#children) child.kill("SIGKILL");
    this.#server?.close();
  }

  /** What the router does to packets meanwhile: rules of one chain. */
  async withFault(
    hook: string,
    rules: readonly string[],
    body: () => Promise<void>,
  ): Promise<void> {
    const lines = [`type ${hook};`, ...rules].join("\n");
    await this.#run(`table inet fault {\nchain way {\n${lines}\n}\n}\n`);
    try {
      await body();
    } finally {
      await this.#run("delete table inet fault\n");
    }
  }

  async withMtu(mtu: number, body: () => Promise<void>): Promise<void> {
    const set = (size: number) => this.#lab.spaces.ip(ROUTER, [`link set br-b mtu ${size}`]);
    await set(mtu);
    try {
      await body();
    } finally {
      await set(1_500);
    }
  }

  #run(text: string): Promise<string> {
    return this.#lab.spaces.exec(ROUTER, this.#nft[0], [...this.#nft[1], "-f", "-"], text);
  }

  async #startNode(node: string, path: string): Promise<void> {
    const { rig } = this.#lab;
    const cluster = node.slice(0, 1);
    const port = new URL(rig.hubUrl).port;
    await this.#spawn(node, [DOOR, port, path]);
    const identity = join(rig.root, `identity-${node}`);
    mkdirSync(identity);
    for (const file of [KEY_FILE, MEMBERSHIP_FILE])
      cpSync(join(rig.state(cluster), file), join(identity, file));
    const state = join(rig.root, `state-${node}`);
    const args = ["--state", state, "--identity", identity, "--hub", rig.hubUrl];
    const source = ["--manifests", rig.folder(cluster), "--node-name", node, "--path-probes"];
    await this.#spawn(node, [CLI, "relay", "--source", "manifests", ...args, ...source]);
  }

  /** Resolves with its first line. */
  async #spawn(node: string, args: readonly string[]): Promise<void> {
    const name = this.#lab.spaces.name(node);
    const child = spawn("ip", ["netns", "exec", name, process.execPath, ...args], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    this.#children.push(child);
    let lines = 0;
    createInterface({ input: child.stdout }).on("line", () => (lines += 1));
    await until(`${args[0] ?? ""} runs on ${node}`, () => {
      if (child.exitCode !== null) throw new Error(`${args.join(" ")} ended on ${node}`);
      return lines > 0;
    });
  }
}

function doorTo(port: number, path: string): Promise<Server> {
  const server = createServer((socket) => {
    const hub = connect(port, "127.0.0.1");
    for (const [one, other] of [
      [socket, hub],
      [hub, socket],
    ] as const) {
      one.on("error", () => other.destroy());
      one.pipe(other);
    }
  });
  return new Promise((resolve) => server.listen(path, () => resolve(server)));
}
