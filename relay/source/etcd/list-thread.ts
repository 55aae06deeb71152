/**
 * The program of a thread that reads and converts the rest of a prefix: see `page-thread.ts`. It
 * ends at the first fault: whoever began it goes on by itself, and tells what is wrong.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";

import { must } from "../../../shared/lib/assert.ts";
import { convertPage } from "./converted-value.ts";
import { EtcdConnection } from "./etcd-client.ts";
import { ETCD_COLLECTIONS } from "./etcd-keys.ts";
import { readRangeEnds } from "./messages.ts";
import { packPage } from "./packed-page.ts";
import type { ThreadPage, ThreadTask } from "./page-thread.ts";

/** Pages that were given and not taken yet. */
const AHEAD = 2;

async function run(task: ThreadTask, port: MessagePort): Promise<void> {
  const { url, access, revision, after } = task;
  const collection = must(
    ETCD_COLLECTIONS.find(({ name }) => name === task.collection),
    task.collection,
  );
  const connection = new EtcdConnection(url, access);
  let given = 0;
  let onTaken: () => void = () => undefined;
  port.on("message", () => {
    given--;
    onTaken();
  });
  await connection.authenticate();
  const ask = (behind: string): Promise<Uint8Array> => {
    const coming = connection.rangeMessage(collection.prefix, behind, revision);
    coming.catch(() => undefined);
    return coming;
  };
  for (let coming: Promise<Uint8Array> | null = ask(after); coming !== null;) {
    const message: Uint8Array = await coming;
    const { lastKey, hasMore } = readRangeEnds(message);
    const behind = hasMore && lastKey !== "" ? lastKey : null;
    // The next one comes while this one is converted.
    coming = behind === null ? null : ask(behind);
    const page = packPage(convertPage(collection, message));
    while (given >= AHEAD) await new Promise<void>((resolve) => (onTaken = resolve));
    given++;
    const told: ThreadPage = { page, after: behind };
    port.postMessage(told, [page.texts.buffer, page.records.buffer]);
  }
  connection.close();
}

if (parentPort !== null) await run(workerData as ThreadTask, parentPort);
