/**
 * Changes that one Origin takes in: decoded, judged, hashed, indexed, committed to disk. Nobody
 * reads.
 */
import { encodePayload } from "../../shared/log/payload.ts";
import { address, pod, pool, put } from "../support/records.ts";
import { figure, median, progress } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { RawPublisher } from "./raw-publisher.ts";
import { BenchRig } from "./rig.ts";

const SETTINGS = [
  { perFrame: 10, target: 60_000 },
  { perFrame: 100, target: 90_000 },
] as const;
const PODS = 20_000;
const CHANGES = 200_000;
const ROUNDS = 3;

export async function* benchIngest(): AsyncGenerator<Figure> {
  const rates = new Map<number, number[]>(SETTINGS.map(({ perFrame }) => [perFrame, []]));
  for (let round = 0; round < ROUNDS; round++)
    for (const { perFrame } of SETTINGS) {
      rates.get(perFrame)?.push(await runRound(perFrame, round));
      progress(`${perFrame} a frame: ${Math.round(rates.get(perFrame)?.at(-1) ?? 0)} changes/s`);
    }
  for (const { perFrame, target } of SETTINGS)
    yield figure(
      `ingest, ${perFrame} changes a frame`,
      median(rates.get(perFrame) ?? []),
      "changes/s",
      target,
      false,
    );
}

async function runRound(perFrame: number, round: number): Promise<number> {
  const rig = await BenchRig.start();
  const publisher = await RawPublisher.connect(rig.homeUrl, await rig.originHeaders());
  await publisher.send("pools", encodePayload([put(pool("10.0.0.0/8"))]));
  const frames = Array.from({ length: CHANGES / perFrame }, (_, frame) =>
    encodePayload(
      Array.from({ length: perFrame }, (_, i) => {
        const n = (frame * perFrame + i) % PODS;
        const labels = { app: `app-${n % 200}`, change: `${round}-${frame}` };
        return put(pod(`web-${n}`, address(n), labels));
      }),
      1,
    ),
  );
  const cpuBefore = rig.hubCpuSeconds();
  const began = performance.now();
  for (const payload of frames) await publisher.send("identity", payload);
  await publisher.drain();
  const seconds = (performance.now() - began) / 1000;
  progress(`hub ${(rig.hubCpuSeconds() - cpuBefore).toFixed(2)} s CPU of ${seconds.toFixed(2)} s`);
  if (publisher.refused > 0) throw new Error(`${publisher.refused} changes were refused`);
  publisher.close();
  await rig.stop();
  return CHANGES / seconds;
}
