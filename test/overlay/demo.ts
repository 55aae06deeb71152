/**
 * `npm run demo:overlay`: two clusters in network namespaces become able to reach each other, are
 * switched back and forth under traffic, and are parted. Ends by itself, and leaves nothing.
 */
import { Lab } from "./lab.ts";
import { missing } from "./namespaces.ts";
import { findNft } from "./nft.ts";
import type { Pong } from "./pod-process.ts";
import { until, untilNotReached, untilReached } from "./until.ts";

const EVERY_MS = 20;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function lost(pongs: readonly Pong[]): string {
  const count = pongs.filter(({ seen }) => seen === null).length;
  const hidden = pongs.filter(({ isHidden }) => isHidden).length;
  return `${pongs.length} packets, ${count} lost, ${hidden} with another source`;
}

async function show(lab: Lab, node: string, ...args: readonly string[]): Promise<void> {
  const text = (await lab.spaces.exec(node, args[0] ?? "", args.slice(1))).trimEnd();
  say(`  ${node}$ ${args.join(" ")}\n${text.replaceAll(/^/gm, "      ")}`);
}

async function tell(lab: Lab): Promise<void> {
  const to = "10.66.1.10";
  const pod = lab.pod("a1");
  say("Two clusters, a (nodes a1, a2) and b (b1, b2), with a router between; it knows no pods.");
  await lab.grant("a", "b");
  await lab.grant("b", "a");
  await lab.askBoth("Disabled");
  await until("identity is there", () => lab.felix("a1").state[4].pools.length === 2);
  say(`\nThey see each other, without routes. a1's pod sends to b1's, ${to}:`);
  say(`  ${(await pod.ping(to)).seen === null ? "nothing comes back" : "an answer"}`);

  say("\nBoth RCCs say overlayRoutingMode: Enabled.");
  await lab.askBoth("Enabled");
  const pong = await untilReached(lab, "a1", to);
  const six = await untilReached(lab, "a1", "fd00:66::1:a");
  say(`  b1's pod answers, and saw the source ${pong.seen} (${pod.addresses[0]} is a1's pod)`);
  say(`  over IPv6 it saw ${six.seen}`);
  await show(lab, "a1", "ip", "route", "get", to, "from", pod.addresses[0] ?? "", "iif", "cali0");
  await show(lab, "a1", "ip", "neigh", "show", "dev", "vxlan.calico");
  await show(lab, "a1", "bridge", "fdb", "show", "dev", "vxlan.calico");
  const routes = await lab.rig.catwalk("routes", "--cluster", "a");
  say(`  $ catwalk routes --cluster a\n${routes.out.trimEnd().replaceAll(/^/gm, "      ")}`);

  say(
    "\nThe router is told the pods' addresses, as in a VPC, and the mode is switched to Disabled",
  );
  say("and back under traffic, each packet a flow of its own:");
  await lab.setFlat(true);
  const switched = pod.flow(to, EVERY_MS);
  await lab.askBoth("Disabled");
  await until("no route of b", () => !lab.felix("a1").state[4].routes.has("10.66.1.0/26"));
  await show(lab, "a1", "ip", "route", "get", to);
  await lab.askBoth("Enabled");
  await until("routes of b", () => lab.felix("a1").state[4].routes.has("10.66.1.0/26"));
  await show(lab, "a1", "ip", "route", "get", to);
  say(`  ${lost(await switched.stop())}`);
  await lab.setFlat(false);

  say("\nb's relay is killed and started again, under traffic:");
  const restarted = pod.flow(to, EVERY_MS);
  await lab.rig.killRelay("b");
  await lab.startRelay("b");
  await lab.untilSynced("b");
  say(`  ${lost(await restarted.stop())}`);

  say("\nb takes its grant to a away:");
  const revoked = pod.flow(to, EVERY_MS);
  const at = Date.now();
  await lab.revoke("b", "a");
  await untilNotReached(lab, "a1", to);
  const answered = (await revoked.stop()).filter(({ seen }) => seen !== null);
  const last = Math.max(at, ...answered.map(({ sentAt }) => sentAt));
  say(`  the last packet that came back was sent ${last - at} ms after that was asked`);
}

const nft = missing() ?? findNft();
if (typeof nft === "string") {
  process.stderr.write(`demo:overlay needs what this machine lacks: ${nft}\n`);
  process.exit(1);
}
const lab = new Lab();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => void lab.stop().finally(() => process.exit(130)));
try {
  await lab.start(nft);
  await tell(lab);
} finally {
  for (const exit of lab.exits) say(`Felix has ended: ${exit}`);
  await lab.stop();
}
process.exit(0);
