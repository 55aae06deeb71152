/**
 * The program of a thread that converts pages of a prefix: see `page-thread.ts`. It ends at the
 * first fault: whoever began it goes on by itself, and tells what is wrong.
 */
import { parentPort, workerData } from "node:worker_threads";
import type { MessagePort } from "node:worker_threads";

import { must } from "../../../shared/lib/assert.ts";
import { convertPage } from "./converted-value.ts";
import { ETCD_COLLECTIONS } from "./etcd-keys.ts";
import { packPage } from "./packed-page.ts";

function serve(port: MessagePort): void {
  const collection = must(
    ETCD_COLLECTIONS.find(({ name }) => name === workerData),
    "a collection's name",
  );
  port.on("message", (message: Uint8Array) => {
    const page = packPage(convertPage(collection, message));
    port.postMessage(page, [page.texts.buffer, page.records.buffer]);
  });
}

// It is no thread where all that an image has is loaded.
if (parentPort !== null) serve(parentPort);
