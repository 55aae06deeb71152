/**
 * One hub per data folder: two on the same databases would write over each other. The lock is an
 * abstract Unix socket, which the kernel releases however the process ends, so no stale lock is
 * ever left. Linux only; elsewhere the operator must see to it.
 */
import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { createServer } from "node:net";

/** @returns Releases the lock. @throws when another process holds the folder. */
export async function lockData(dataDir: string): Promise<() => void> {
  if (process.platform !== "linux") return () => {};
  const id = createHash("sha256").update(realpathSync(dataDir)).digest("hex").slice(0, 32);
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", () =>
      reject(new Error(`another hub is running with the data folder ${dataDir}`)),
    );
    server.listen(`\0catwalk-hub-${id}`, resolve);
  });
  server.unref();
  return () => server.close();
}
