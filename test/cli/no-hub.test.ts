/** `catwalk up --no-hub` and a relay with `--rcc-dir`, as processes. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, expect, test } from "vitest";

import { until } from "../support/direct-rig.ts";

const BIN = new URL("../../bin/catwalk.js", import.meta.url).pathname;
const folders: string[] = [];
const children: ChildProcess[] = [];

afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await exited;
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), "catwalk-no-hub-"));
  folders.push(made);
  return made;
}

class Program {
  out = "";
  status: number | null | undefined = undefined;
  readonly #child: ChildProcess;

  constructor(cwd: string, ...args: readonly string[]) {
    const env = { ...process.env, HOME: cwd, CATWALK_CONFIG: "" };
    this.#child = spawn(process.execPath, [BIN, ...args], { cwd, env });
    children.push(this.#child);
    const add = (text: Buffer): void => void (this.out += text.toString());
    this.#child.stdout?.on("data", add);
    this.#child.stderr?.on("data", add);
    this.#child.on("close", (status) => (this.status = status));
  }

  /** @throws Error with what it printed where it ends before. */
  async prints(text: string): Promise<void> {
    await until(() => this.out.includes(text) || this.status !== undefined);
    if (!this.out.includes(text)) throw new Error(`ended with ${this.status}: ${this.out}`);
  }

  async end(signal: NodeJS.Signals = "SIGINT"): Promise<void> {
    this.#child.kill(signal);
    await until(() => this.status !== undefined);
  }
}

async function ask(cwd: string, ...args: readonly string[]): Promise<string> {
  const program = new Program(cwd, ...args);
  await until(() => program.status !== undefined);
  return program.out;
}

test("[CLI63] [CLI64] up --no-hub shows two clusters by a direct RCC, that commands answer of, and resumes", async () => {
  const cwd = folder();
  const up = new Program(cwd, "up", "--no-hub");
  await up.prints("Ctrl-C stops");
  expect(up.out).toContain("app ── reads ──▶ db");
  expect(up.out).toMatch(/in sync, \d+ endpoints, pods in 10\.20\.0\.0\/16/);
  expect(up.out).toContain("Admitted: NotOwn: 1 records are not the remote's own to have");
  expect(up.out).toContain("← of the other cluster");
  expect(up.out).not.toContain("grant create");
  // [CLI64] No hub is known: the relay answers.
  expect(await ask(cwd, "eval", "role == 'postgres'", "--cluster", "app")).toContain("db");
  expect(await ask(cwd, "policy", "allow-db", "--cluster", "app")).toContain("10.20.1.7");
  const status = await ask(cwd, "relay", "status", "--cluster", "app");
  expect(status).toContain("a cluster without a hub");
  expect(status).toMatch(/RCC db +Configured, Connected, Complete; Admitted is False/);
  await up.end();
  expect(up.status).toBe(0);
  const again = new Program(cwd, "up", "--no-hub");
  await again.prints("Ctrl-C stops");
  expect(again.out).toContain("resumed app←db: 0 changes, 0 bytes");
  rmSync(join(cwd, ".catwalk/no-hub/rccs/db.yaml"));
  await until(() => existsSync(join(cwd, ".catwalk/relay-no-hub.log")));
  const log = (): string => readFileSync(join(cwd, ".catwalk/relay-no-hub.log"), "utf8");
  await until(() => log().includes('"withdrawn"'));
  expect(await ask(cwd, "eval", "role == 'postgres'", "--cluster", "app")).not.toContain("10.20.");
  await again.end();
});
