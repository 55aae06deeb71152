/**
 * `catwalk doctor path` in the lab: relays on the nodes send packets through real kernels, and each
 * fault of the network between is found by its own finding. [OVL11]
 */
import assert from "node:assert/strict";

import type { PathFinding } from "../../shared/overlay/path-findings.ts";
import type { Suite } from "../interop/suite.ts";
import type { Lab } from "./lab.ts";
import type { Nft } from "./nft.ts";
import { PathLab } from "./path-lab.ts";

const FORWARD = "filter hook forward priority 0";
const SNAT = "nat hook postrouting priority srcnat";
const THERE = "ip saddr 10.5.0.0/24 ip daddr 10.6.0.0/24";
/**
 * Packets of TCP with payload, in VXLAN over IPv4: the protocol of the inner packet, behind the
 * headers of UDP, VXLAN and Ethernet; its length.
 */
const PAYLOAD = `${THERE} udp dport 4789 @th,312,8 6 udp length > 200`;

/** Of the ways from a to b over IPv4 one thing is wrong; all others are well. */
const FAULTS: readonly (readonly [
  what: string,
  codes: readonly string[],
  hook: string,
  rule: string,
])[] = [
  ["VXLAN is dropped", ["VxlanBlocked"], FORWARD, `${THERE} udp dport 4789 drop`],
  ["all is dropped", ["NothingPasses"], FORWARD, `${THERE} drop`],
  ["nodes are source-NATed", ["SourceChanged"], SNAT, `${THERE} masquerade`],
  ["TCP's payload is dropped", ["TcpStalls"], FORWARD, `${PAYLOAD} drop`],
  [
    "TCP's payload is altered",
    ["TcpStalls", "TcpAltered"],
    FORWARD,
    `${PAYLOAD} @th,1200,16 set 0xdead`,
  ],
];

export async function checkPaths(suite: Suite, lab: Lab, nft: Nft): Promise<void> {
  const paths = new PathLab(lab, nft);
  const look = (pairs: number): Promise<readonly PathFinding[]> => doctor(lab, pairs);
  try {
    await suite.check("doctor path: relays without --path-probes are named", async () => {
      const findings = await look(1);
      assert.deepEqual(
        findings.map(({ code }) => code),
        ["NoRelay", "NoRelay"],
      );
    });
    await suite.check("doctor path: all passes, in both directions and families", async () => {
      await paths.start(["a1", "a2", "b1", "b2"]);
      const findings = await look(2);
      assert.deepEqual(
        findings.map(({ code }) => code),
        Array.from({ length: 8 }, () => "Passes"),
        JSON.stringify(findings),
      );
    });
    for (const [what, codes, hook, rule] of FAULTS)
      await suite.check(`doctor path: ${what}, one way, is found`, () =>
        paths.withFault(hook, [rule], async () => {
          const found = await look(1);
          for (const { subject, code } of found) {
            const isFaulty = /^a\/a\d to b\/b\d, IPv4$/.test(subject);
            const wanted = isFaulty ? codes : ["Passes"];
            assert.ok(wanted.includes(code), `${subject}: ${code}: ${JSON.stringify(found)}`);
          }
          assert.equal(found.length, 4);
        }),
      );
    await suite.check("doctor path: a narrow link on the way is found, with its size", () =>
      paths.withMtu(1_400, async () => {
        const found = (await look(1)).filter(({ code }) => code !== "Passes");
        assert.deepEqual(
          found.map(({ code, message }) => `${code} ${/only \d+/.exec(message)?.[0]}`),
          // The headers around take 50 bytes, and 70 over IPv6.
          ["TooBig only 1350", "TooBig only 1330"],
          JSON.stringify(found),
        );
      }),
    );
  } finally {
    paths.stop();
  }
}

async function doctor(lab: Lab, pairs: number): Promise<readonly PathFinding[]> {
  const args = ["--cluster", "a", "--to", "b", "--pairs", String(pairs), "-o", "json"];
  const { out, err, status } = await lab.rig.catwalk("doctor", "path", ...args);
  assert.notEqual(out, "", err);
  const { items } = JSON.parse(out) as { items: readonly PathFinding[] };
  assert.equal(status, items.some(({ level }) => level === "error") ? 1 : 0);
  return items;
}
