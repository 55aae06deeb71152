/**
 * An endpoint that becomes ready in B's real API server until it is so in a slice of A's, one
 * change a second: without what B's own controllers take, and beside it one write of a slice, which
 * the way holds once.
 */
import { FederatedLab, SELECTOR, SLICES } from "../interop/federated-lab.ts";
import { buildKube, startKube } from "../interop/kube-server.ts";
import { figure, progress, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const CHANGES = 100;
const WRITES = 50;
const APART_MS = 1_000;
const REST_MS = 10_000;

const pause = (ms: number): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, ms));

export async function* benchServicesApi(): AsyncGenerator<Figure> {
  try {
    buildKube();
  } catch (error) {
    progress(`skipped: ${(error as Error).message}`);
    return;
  }
  const [kubeA, kubeB] = [await startKube(), await startKube()];
  const lab = new FederatedLab(kubeA, kubeB);
  try {
    await lab.start();
    await lab.service(lab.b, "pg", { labels: { app: "db" } }, { selector: { app: "pg" } });
    await lab.pod("pg-0", "10.20.1.1");
    await lab.service(lab.a, "db", { annotations: { [SELECTOR]: "app == 'db'" } });
    await lab.until("db 10.20.1.1");
    const writeMs = await measureWrite(lab);
    const ways: number[] = [];
    for (let n = 0; n < CHANGES; n++) {
      const [source, whole] = await lab.measure(n % 2 === 1);
      ways.push(whole - source);
      await pause(APART_MS);
    }
    const what = "an endpoint ready in B's API server, in a slice of A's";
    yield figure("one write of a slice to the API server: p50", writeMs, "ms", null);
    yield figure(`${what}, 1 change/s: p50`, quantile(ways, 0.5), "ms", 60 + writeMs);
    yield figure(`${what}, 1 change/s: p99`, quantile(ways, 0.99), "ms", 500);
    const before = await lab.generations();
    await pause(REST_MS);
    const after = await lab.generations();
    yield figure("writes of slices while nothing changes, in 10 s", after - before, "writes", 0);
  } finally {
    await lab.stop();
    for (const kube of [kubeA, kubeB]) await kube.stop();
  }
}

/** Median, of a slice that nobody reads. */
async function measureWrite(lab: FederatedLab): Promise<number> {
  const took: number[] = [];
  for (let n = 0; n < WRITES; n++) {
    const began = performance.now();
    await lab.slice(lab.a, n === 0 ? "POST" : "PUT", "unread", [`10.10.9.${1 + n}`]);
    took.push(performance.now() - began);
  }
  await lab.a.send("DELETE", `${SLICES}/unread-by-hand`);
  return quantile(took, 0.5);
}
