import { execFileSync } from "node:child_process";

import { expect, test } from "vitest";

import { openFiles } from "../../../cli/launch/open-files.ts";

test("[API8] the limit on open files is the one that a shell of this process may raise its own to", () => {
  const said = execFileSync("/bin/sh", ["-c", "ulimit -Hn"], { encoding: "utf8" }).trim();
  const { limit, sockets } = openFiles();
  expect(limit).toBe(said === "unlimited" ? 1_048_576 : Number(said));
  expect(sockets).toBe(Math.floor((limit * 3) / 4));
});
