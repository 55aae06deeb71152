/**
 * A relay without a hub that sees 100,000 endpoints of an etcd for the first time, beside etcd's
 * own client in Go that lists and decodes the same keys, in turn, in the same run.
 */
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { z } from "zod";

import { buildPeer, PEER, firstLine } from "./etcd-peer.ts";
import { figure, median, progress } from "./figure.ts";
import type { Figure } from "./figure.ts";

const ENDPOINTS = 100_000;
const ROUNDS = 3;
const PROCESS = join(import.meta.dirname, "etcd-view-process.ts");

const servedSchema = z.object({ endpoint: z.string() });
const timeSchema = z.object({ seconds: z.number() });

export async function* benchEtcdView(): AsyncGenerator<Figure> {
  buildPeer();
  const dir = mkdtempSync(join(tmpdir(), "catwalk-etcd-view-"));
  const server = spawn(PEER, ["serve", join(dir, "data")], { stdio: ["pipe", "pipe", "inherit"] });
  const run = async (file: string, ...args: readonly string[]): Promise<string> =>
    (await promisify(execFile)(file, args)).stdout;
  try {
    const { endpoint } = servedSchema.parse(JSON.parse(await firstLine(server)));
    await run(PEER, "fill", endpoint, String(ENDPOINTS));
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      const read = timeSchema.parse(JSON.parse(await run(PEER, "read", endpoint)));
      const state = join(dir, `relay-${round}`);
      const args = [PROCESS, `http://${endpoint}`, state, String(ENDPOINTS)];
      const view = timeSchema.parse(JSON.parse(await run(process.execPath, ...args)));
      theirs.push(read.seconds);
      ours.push(view.seconds);
      progress(`${view.seconds.toFixed(2)} s; a client in Go ${read.seconds.toFixed(2)} s`);
    }
    const name = `first view of ${ENDPOINTS} endpoints of an etcd, on disk`;
    yield figure(name, median(ours), "s", null);
    yield figure("etcd's client in Go lists and decodes them", median(theirs), "s", null);
    yield figure(`${name}: against that client`, median(ours) / median(theirs), "×", 1.2);
  } finally {
    const exited = new Promise((resolve) => server.once("exit", resolve));
    server.kill("SIGKILL");
    await exited;
    rmSync(dir, { recursive: true, force: true });
  }
}
