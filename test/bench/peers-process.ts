/**
 * A new node: asks one relay for facts and views, loads them, and prints as JSON how long either
 * took and how many records it has. Arguments: state folder, address, identity's
 * folder.
 */
import { AccessState } from "../../relay/access/access-state.ts";
import { openIdentity } from "../../relay/hub/identity.ts";
import { newLogger } from "../../relay/lib/log.ts";
import { askAll } from "../../relay/peers/ask-all.ts";
import { peerCertificate } from "../../relay/peers/handshake.ts";
import { PEER_LIMITS } from "../../relay/peers/limits.ts";
import { preferSmallHeap } from "../../relay/lib/small-heap.ts";
import { RemoteView } from "../../relay/view/remote-view.ts";
import { viewPath } from "../../relay/view/views-folder.ts";
import { ViewFile } from "../../relay/view/view-file.ts";

preferSmallHeap();
const [stateDir = "", address = "", identity = ""] = process.argv.slice(2);
const access = new AccessState(stateDir);
const began = performance.now();
const report = await askAll({
  asking: {
    certificate: peerCertificate((await openIdentity(identity)).key),
    limits: PEER_LIMITS,
    signal: new AbortController().signal,
  },
  stateDir,
  membership: { credential: "c", meshId: "m", mesh: "bench", cluster: { uid: "r", name: "r" } },
  facts: () => access.facts,
  keepFacts: (facts) => void access.keep(facts),
  find: () => Promise.resolve([address]),
  log: newLogger("bench", "silent"),
});
if (report === null || report.lacking.length > 0 || report.message !== null)
  throw new Error(JSON.stringify(report));
const asked = performance.now();
const header = { rcc: "o", meshId: "m", originUid: "o", originName: "o" };
const view = new RemoteView(new ViewFile(viewPath(stateDir, "o")), header);
const loaded = performance.now();
process.stdout.write(
  JSON.stringify({
    askSeconds: (asked - began) / 1000,
    loadSeconds: (loaded - asked) / 1000,
    records: view.isLoaded ? view.size : 0,
  }),
);
