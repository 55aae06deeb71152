/**
 * The raw protocol, mutated, over real sockets against a real hub: 100,000 messages of every type
 * from many members, beside a quiet pair that has nothing to do with them. The pair goes on being
 * delivered and is never closed, and the hub's process is the one that was started. `node
 * test/hostile/run.ts [SEED]`. About two minutes. [LOG70]
 */
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import WebSocket from "ws";

import { MockMesh } from "../../cli/mock/mock-mesh.ts";
import { addCluster } from "../../shared/api/clusters.ts";
import { Credentials } from "../../relay/hub/credentials.ts";
import { CLOSE_CODES } from "../../shared/protocol/errors.ts";
import { BenchRig } from "../bench/rig.ts";
import { Random } from "../fuzz/random.ts";
import { Suite } from "../interop/suite.ts";
import { Fuzzer } from "./fuzzer.ts";
import { TYPES } from "./samples.ts";

const MESSAGES = 100_000;
const MEMBERS = 100;
const QUIET = { clusters: 2, endpoints: 20, rate: 20, sees: 1, prefix: "quiet" } as const;
/** In this time something of the quiet pair is delivered. */
const DELIVERY_MS = 5_000;
const LOOK_MS = 20;
/** workerd lets an object without connections go after 10 s. */
const ASLEEP_MS = 15_000;
const MOST_RESIDENT_BYTES = 700e6;

const [seedText = "1"] = process.argv.slice(2);
const seed = Number(seedText);
const suite = new Suite();
const began = performance.now();
const rig = await BenchRig.start("10.128.0.0/9");
const pid = rig.workerdPid();
const quiet = new MockMesh(rig.admin("bench"), QUIET);
await quiet.start();
await quiet.startReaders();
quiet.startChanges();

let isOver = false;
let [longestMs, drops, mostBytes] = [0, 0, 0];

/** Looks at the pair and at the process, until all is over. */
async function watch(): Promise<void> {
  let [delivered, deliveredMs, looks] = [0, performance.now(), 0];
  while (!isOver) {
    const stats = quiet.stats();
    const now = performance.now();
    if (stats.connected < QUIET.clusters || stats.caughtUp < stats.readers) drops++;
    if (stats.delivered > delivered) [delivered, deliveredMs] = [stats.delivered, now];
    longestMs = Math.max(longestMs, now - deliveredMs);
    if (looks++ % 25 === 0) mostBytes = Math.max(mostBytes, rig.hubResidentBytes());
    await sleep(LOOK_MS);
  }
}

async function member(n: number): Promise<Fuzzer> {
  const params = { mesh: "bench" };
  const body = { name: `hostile-${n}` };
  const { joinToken } = await rig.admin("bench").call(addCluster, { params, body });
  const credentials = await Credentials.open(join(rig.root, body.name));
  await credentials.join(rig.hub.url, joinToken);
  return new Fuzzer(rig.hub.url, credentials, new Random(seed * 1_000 + n));
}

function must(condition: boolean, what: string): void {
  if (!condition) throw new Error(what);
}

/** HTTP status of a dial with these headers; 101 where it was taken. */
function dial(headers: Readonly<Record<string, string>>): Promise<number> {
  const socket = new WebSocket(rig.homeUrl, { headers });
  return new Promise((resolve, reject) => {
    socket.once("open", () => {
      socket.close();
      resolve(101);
    });
    socket.once("unexpected-response", (_, response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    socket.on("error", reject);
  });
}

const fuzzers: Fuzzer[] = [];
for (let n = 0; n < MEMBERS; n++) fuzzers.push(await member(n));
const takenOf = (fuzzer: Fuzzer): number => [...fuzzer.taken.values()].reduce((a, b) => a + b, 0);
const taken = (): number => fuzzers.reduce((sum, fuzzer) => sum + takenOf(fuzzer), 0);
const watching = watch();

await suite.check(
  `[LOG70] the hub reads ${MESSAGES} messages, sound and mutated, of every type (seed ${seed})`,
  async () => {
    await Promise.all(fuzzers.map((fuzzer) => fuzzer.run(() => taken() >= MESSAGES)));
    const sockets = fuzzers.reduce((sum, fuzzer) => sum + fuzzer.sockets, 0);
    const codes = new Map<number, number>();
    for (const fuzzer of fuzzers)
      for (const [code, count] of fuzzer.codes) codes.set(code, (codes.get(code) ?? 0) + count);
    const closed = [...codes].map(([code, count]) => `${code}: ${count}`).join(", ");
    process.stdout.write(`     ${taken()} messages over ${sockets} sockets; closed ${closed}\n`);
    for (const type of TYPES)
      must(
        fuzzers.some((fuzzer) => fuzzer.taken.has(type)),
        `no ${type} was read`,
      );
  },
);

await suite.check("[LOG70] the quiet pair was delivered all the time", async () => {
  isOver = true;
  await watching;
  process.stdout.write(`     longest time without a delivery ${Math.round(longestMs)} ms\n`);
  must(longestMs < DELIVERY_MS, `nothing was delivered for ${longestMs} ms`);
});

await suite.check("[LOG70] nobody of the quiet pair was closed", () => {
  must(drops === 0, `${drops} looks found a relay of the pair without its connection`);
});

await suite.check("[LOG70] the hub's process is the one that was started, and small", () => {
  process.stdout.write(`     resident at most ${Math.round(mostBytes / 1e6)} MB\n`);
  must(rig.workerdPid() === pid, "the hub was started again");
  must(mostBytes < MOST_RESIDENT_BYTES, `${mostBytes} bytes resident`);
});

await suite.check(
  "[CRE21] a token that was heard opens nothing, also when its Origin has slept in between",
  async () => {
    const heard = await rig.originHeaders();
    must((await dial(heard)) === 101, "a new token was refused");
    must((await dial(heard)) === 401, "the token opened a second connection");
    await sleep(ASLEEP_MS);
    must((await dial(heard)) === 401, "the token opened a connection after the Origin had slept");
    must((await dial(await rig.originHeaders())) === 101, "a further new token was refused");
  },
);

await suite.check(
  "[PRO5] a socket that says nothing is closed by a timer of the process, where nothing else happens",
  async () => {
    const silent = new WebSocket(rig.homeUrl, { headers: await rig.originHeaders() });
    const [code] = (await once(silent, "close")) as [number];
    must(code === CLOSE_CODES["hello-timeout"], `it was closed with ${code}`);
  },
);

await quiet.stop(false);
await rig.stop();
const minutes = (performance.now() - began) / 60_000;
process.stdout.write(
  `${suite.passed} passed, ${suite.failed} failed (${minutes.toFixed(1)} min)\n`,
);
process.exit(suite.failed === 0 ? 0 : 1);
