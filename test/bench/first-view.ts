/** A cluster that sees 100,000 endpoints for the first time: from the connection to a view on disk whose digest is proven. */
import { join } from "node:path";

import { RemoteView } from "../../relay/view/remote-view.ts";
import { ViewFile } from "../../relay/view/view-file.ts";
import { Watcher } from "../../relay/view/watcher.ts";
import { pod } from "../support/records.ts";
import { figure, median, progress } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { BenchRig } from "./rig.ts";

const ENDPOINTS = 100_000;
const ROUNDS = 3;

export async function* benchFirstView(): AsyncGenerator<Figure> {
  const rig = await BenchRig.start();
  for (let n = 0; n < ENDPOINTS; n++) {
    const ip = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
    rig.local.apply({
      op: "put",
      record: {
        ...pod(`web-${n}`, ip, { app: `app-${n % 200}`, version: `v${n % 7}` }),
        node: `node-${n % 500}`,
      },
    });
  }
  const published = performance.now();
  await rig.publish();
  const publishSeconds = (performance.now() - published) / 1000;
  progress(`published in ${publishSeconds.toFixed(1)} s`);
  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    const view = new RemoteView(new ViewFile(join(rig.root, `view-${round}`)), {
      rcc: "o",
      meshId: "m",
      originUid: "o",
      originName: "o",
    });
    await new Promise<void>((resolve) => {
      const watcher = new Watcher(view, rig.watchUrl, () => rig.readerHeaders(), {
        onChanges: () => undefined,
        onState: () => {
          if (!view.isInSync) return;
          watcher.stop();
          resolve();
        },
        onDown: () => undefined,
      });
      watcher.start();
    });
    seconds.push((performance.now() - began) / 1000);
    progress(
      `round ${round + 1}: ${seconds.at(-1)?.toFixed(2)} s, ${[...view.records()].length} records`,
    );
    view.close();
  }
  await rig.stop();
  yield figure(`publish ${ENDPOINTS} endpoints to an empty hub`, publishSeconds, "s", null);
  yield figure(`first view of ${ENDPOINTS} endpoints, on disk and proven`, median(seconds), "s", 2);
}
