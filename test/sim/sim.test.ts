/** The simulation in `npm test`: 500 seeds in two processes, and the histories that failed once. */
import { spawn } from "node:child_process";
import { join } from "node:path";

import { expect, test } from "vitest";

import { MUTANTS } from "./mutants/index.ts";

const ROOT = join(import.meta.dirname, "../..");

interface Ended {
  readonly status: number | null;
  readonly out: string;
}

function simulate(...args: readonly string[]): Promise<Ended> {
  const all = ["test/sim/main.ts", "--quick", ...args];
  const child = spawn(process.execPath, all, { cwd: ROOT });
  let out = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (text: Buffer) => (out += text.toString()));
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, out })));
}

test.concurrent("[SIM1] seeds 1 to 250 hold", { timeout: 240_000 }, async () => {
  const { status, out } = await simulate("--from", "1", "--seeds", "250");
  expect(out).toBe("250 seeds hold, 1 to 250\n");
  expect(status).toBe(0);
});

test.concurrent("[SIM1] seeds 251 to 500 hold", { timeout: 240_000 }, async () => {
  const { status, out } = await simulate("--from", "251", "--seeds", "250");
  expect(out).toBe("250 seeds hold, 251 to 500\n");
  expect(status).toBe(0);
});

test.concurrent("[SIM4] every kept history holds", { timeout: 60_000 }, async () => {
  const { status, out } = await simulate("--kept");
  expect(out).toBe(`${MUTANTS.length} kept histories hold\n`);
  expect(status).toBe(0);
});

test.concurrent(
  "[SIM3] a planted bug is found, and said with its seed and guarantee",
  { timeout: 60_000 },
  async () => {
    const [mutant] = MUTANTS.filter(({ name }) => name === "ack-before-commit");
    const { status, out } = await simulate("--mutant", mutant?.name ?? "", "--seeds", "50");
    expect(status).toBe(1);
    expect(mutant?.validators).toContain((JSON.parse(out) as { validator: string }).validator);
  },
);
