/** What connections take of a hub's memory, and that those that went leave nothing. */
import WebSocket from "ws";
import { afterAll, beforeAll, expect, test } from "vitest";

import { BenchRig } from "../bench/rig.ts";
import { rounds } from "../support/rounds.ts";

const DIALS = rounds(6_000, 20_000);
/** The first ones fill what is used again and again. */
const WARM_UP = 4_000;
const AT_ONCE = 16;
/** Without a collection each left 87 KB. */
const MOST_BYTES_EACH = 20_000;
let rig: BenchRig;

beforeAll(async () => {
  rig = await BenchRig.start();
});

afterAll(() => rig.stop());

async function dial(): Promise<void> {
  const socket = new WebSocket(rig.homeUrl, { headers: await rig.originHeaders() });
  await new Promise<void>((resolve) => {
    for (const event of ["open", "error", "unexpected-response"])
      socket.once(event, () => resolve());
  });
  socket.terminate();
}

async function dials(count: number): Promise<void> {
  let left = count;
  const one = async (): Promise<void> => {
    while (left-- > 0) await dial();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

test("[PRO12] a connection that asks for compression gets none", async () => {
  const headers = await rig.originHeaders();
  const socket = new WebSocket(rig.homeUrl, { headers, perMessageDeflate: true });
  await new Promise((resolve) => socket.once("open", resolve));
  expect(socket.extensions).toBe("");
  socket.terminate();
});

test.runIf(process.platform === "linux")(
  `[LOG73] ${DIALS} connections that are opened and dropped leave next to nothing in the hub's memory`,
  async () => {
    const pid = rig.workerdPid();
    await dials(WARM_UP);
    const before = rig.hubResidentBytes();
    await dials(DIALS);
    const each = (rig.hubResidentBytes() - before) / DIALS;
    expect(each).toBeLessThan(MOST_BYTES_EACH);
    expect(rig.workerdPid()).toBe(pid);
  },
);
