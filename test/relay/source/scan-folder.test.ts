/** One look at a folder that changes meanwhile. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { expect, onTestFinished, test } from "vitest";

import { scanFolder } from "../../../relay/source/manifests/scan-folder.ts";

const FILES = 300;

test("[SRC41] [DIR1] a folder that is renamed during a look is an error of the look: no file of it is deleted", async () => {
  const root = mkdtempSync(join(tmpdir(), "catwalk-scan-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const [folder, elsewhere] = [join(root, "rccs"), join(root, "gone")];
  mkdirSync(folder);
  for (let n = 0; n < FILES; n++) writeFileSync(join(folder, `${n}.yaml`), `n: ${n}\n`);
  let failed = 0;
  for (let afterMs = 0; afterMs < 20; afterMs++) {
    const look = scanFolder(folder, new Map()).then(
      ({ files }) => files.size,
      () => null,
    );
    await sleep(afterMs / 2);
    renameSync(folder, elsewhere);
    const seen = await look;
    if (seen === null) failed++;
    else expect(seen).toBe(FILES);
    renameSync(elsewhere, folder);
  }
  expect(failed).toBeGreaterThan(0);
});
