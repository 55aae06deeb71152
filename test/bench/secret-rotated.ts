/**
 * A direct RCC whose Secret gets another token, again and again, with a real API server as both
 * sides: how long until the relay is in sync over the new connection, and what it deletes.
 */
import { DirectLab } from "../interop/direct-lab.ts";
import { buildKube, ensureKubectl, startKube } from "../interop/kube-server.ts";
import { applyFixtures } from "../interop/source-golden.ts";
import { figure, progress } from "./figure.ts";
import type { Figure } from "./figure.ts";

const ROTATIONS = 10;

export async function* benchSecretRotated(): AsyncGenerator<Figure> {
  try {
    buildKube();
    ensureKubectl();
  } catch (error) {
    progress(`skipped: ${(error as Error).message}`);
    return;
  }
  const kube = await startKube();
  const lab = new DirectLab(kube, kube);
  try {
    await applyFixtures(kube, "crd.projectcalico.org/v1");
    await lab.startBySecret();
    const took: number[] = [];
    for (let i = 0; i < ROTATIONS; i++) {
      took.push(await lab.rotate());
      progress(`reconnected after ${took.at(-1)?.toFixed(0)} ms`);
    }
    const name = `a direct RCC's Secret rotated ${ROTATIONS} times`;
    yield figure(`${name}: in sync again, the slowest`, Math.max(...took), "ms", 2_000);
    yield figure(`${name}: deletions`, lab.deleted.length, "deletions", 0);
  } finally {
    await lab.stop();
    await kube.stop();
  }
}
