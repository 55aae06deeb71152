/**
 * Kube-proxy's own tracker of EndpointSlices, fed by A's API server: what it would route a
 * federated Service to. [SVC20] [SVC21]
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";

import { eventually } from "../support/mesh-rig.ts";
import type { FederatedLab } from "./federated-lab.ts";
import { KUBE_BINARY } from "./kube-server.ts";
import type { Suite } from "./suite.ts";

/** See test/interop/kube/tracker.go. */
interface Told {
  readonly endpoints: Readonly<
    Record<
      string,
      readonly { readonly at: string; readonly ready: boolean; readonly local: boolean }[]
    >
  >;
}

class Tracker {
  readonly #child: ChildProcess;
  #last: Told = { endpoints: {} };

  /** @param node Whose kube-proxy it would be. */
  constructor(kubeconfig: string, node: string) {
    const more = ["--kubeconfig", kubeconfig, "--namespace", "shop", "--node", node];
    this.#child = spawn(KUBE_BINARY, ["tracker", ...more], { stdio: ["pipe", "pipe", "inherit"] });
    const { stdout } = this.#child;
    if (stdout === null) throw new Error("BUG: no pipe");
    createInterface({ input: stdout }).on("line", (line) => {
      this.#last = JSON.parse(line) as Told;
    });
  }

  /** Waits until a Service's port has these: `address:port`, `-` before what is not ready. */
  async until(port: string, ...wanted: readonly string[]): Promise<void> {
    await eventually(
      () => Promise.resolve(this.#routes(port).join(" ")),
      (now) => now === wanted.join(" "),
    );
  }

  stop(): void {
    this.#child.stdin?.end();
  }

  #routes(port: string): readonly string[] {
    return (this.#last.endpoints[port] ?? [])
      .map(({ at, ready, local }) => `${ready ? "" : "-"}${at}${local ? " local" : ""}`)
      .toSorted();
  }
}

/** B's pods run on a node of this name; here a node may have the same. */
const NODE = "node-b1";

/** While `shop/db` has B's pod and one endpoint of its own. */
export async function checkProxy(suite: Suite, lab: FederatedLab): Promise<void> {
  await suite.check(
    "kube-proxy's tracker routes to them, and takes none for its own node's",
    async () => {
      const tracker = new Tracker(lab.kubeconfigOfA, NODE);
      try {
        await tracker.until("shop/db:sql", "10.10.1.1:5432", "10.20.1.1:5432");
        await lab.ready("pg-0", "10.20.1.1", false);
        await tracker.until("shop/db:sql", "-10.20.1.1:5432", "10.10.1.1:5432");
        await lab.ready("pg-0", "10.20.1.1", true);
        await tracker.until("shop/db:sql", "10.10.1.1:5432", "10.20.1.1:5432");
      } finally {
        tracker.stop();
      }
    },
  );
}
