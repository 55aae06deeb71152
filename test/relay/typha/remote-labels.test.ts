import fc from "fast-check";
import { expect, test } from "vitest";

import { felixValue } from "../../../relay/felix/felix-values.ts";
import { prefixedKey, remoteLabels } from "../../../relay/felix/remote-labels.ts";
import { refusedByFelix } from "../../../shared/admission/felix-rules.ts";
import { matches } from "../../../shared/selector/ast.ts";
import { parseSelector } from "../../../shared/selector/parse.ts";
import { effectOf } from "../../support/felix-model/model.ts";
import { pod } from "../../support/records.ts";

test("[TYP22] prefixed keys have the remote's name in them and stay Kubernetes' label keys; namespace and orchestrator are left out", () => {
  expect(
    remoteLabels("blue", "prefixed", {
      app: "web",
      "app.kubernetes.io/name": "shop",
      "pcns.env": "prod",
      "pcns.kubernetes.io/metadata.name": "shop",
      "projectcalico.org/namespace": "shop",
      "projectcalico.org/orchestrator": "k8s",
      "projectcalico.org/serviceaccount": "web",
    }),
  ).toEqual({
    "blue.catwalk.dev/app": "web",
    "app.kubernetes.io.blue.catwalk.dev/name": "shop",
    "blue.catwalk.dev/pcns.env": "prod",
    "pcns.kubernetes.io.blue.catwalk.dev/metadata.name": "shop",
    "projectcalico.org.blue.catwalk.dev/serviceaccount": "web",
  });
});

test("[TYP22] [TYP35] two keys, of one remote or of two, never become one, and no key of another cluster's pods looks like one", () => {
  const key = fc.stringMatching(/^[A-Za-z0-9_./-]{1,40}$/);
  const rcc = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/);
  fc.assert(
    fc.property(rcc, key, rcc, key, (one, a, other, b) => {
      const [first, second] = [prefixedKey(one, a), prefixedKey(other, b)];
      if (first === null || second === null) return;
      expect(first === second).toBe(one === other && a === b);
      expect(first).toMatch(/(^|\.)[a-z0-9-]+\.catwalk\.dev\/[^/]*$/);
    }),
    { numRuns: 2_000 },
  );
});

test("[TYP22] a profile that a Felix takes has labels that it takes, prefixed too", () => {
  const name = fc.stringMatching(/^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/);
  const domain = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z0-9]{1,20}){0,4}$/);
  const key = fc.oneof(
    name,
    fc.tuple(domain, name).map(([before, after]) => `${before}/${after}`),
  );
  fc.assert(
    fc.property(fc.dictionary(key, fc.constantFrom("", "a", "prod")), (labels) => {
      const record = { kind: "Profile", name: "kns.shop", labels } as const;
      if (refusedByFelix(record) !== null) return;
      const felix = felixValue("blue", record, "prefixed");
      const update = { key: felix?.key ?? "", value: JSON.stringify(felix?.value) };
      expect(effectOf(update)).toEqual({ is: "taken" });
    }),
    { numRuns: 500 },
  );
});

test("[TYP22] rules for local pods match a prefixed remote only where they match anything", () => {
  const felix = felixValue("blue", pod("a", "10.20.0.1", { app: "web" }), "prefixed");
  const value = felix?.value as { readonly labels: Readonly<Record<string, string>> } | undefined;
  const isMatched = (text: string) => {
    const parsed = parseSelector(text);
    return parsed.ok && matches(parsed.selector, (label) => value?.labels[label]);
  };
  expect(
    [
      "app == 'web'",
      "has(projectcalico.org/namespace)",
      "projectcalico.org/namespace == 'shop' && app == 'web'",
      "projectcalico.org/orchestrator == 'k8s'",
    ].filter(isMatched),
  ).toEqual([]);
  // What no label can prevent, and what is written for it.
  const matching = [
    "all()",
    "!has(app)",
    "app != 'db'",
    "app not in {'db'}",
    "blue.catwalk.dev/app == 'web'",
    "catwalk.dev/cluster == 'blue'",
  ];
  expect(matching.filter(isMatched)).toEqual(matching);
});

test("[TYP23] no origin can write a label that only a relay may write, whether its labels are prefixed or not", () => {
  const forged = {
    "green.catwalk.dev/app": "web",
    "x.green.catwalk.dev/y": "1",
    "catwalk.dev/cluster": "green",
  };
  expect(remoteLabels("blue", "original", { ...forged, app: "web" })).toEqual({ app: "web" });
  expect(Object.keys(remoteLabels("blue", "prefixed", forged))).toEqual([
    "green.catwalk.dev.blue.catwalk.dev/app",
    "x.green.catwalk.dev.blue.catwalk.dev/y",
    "catwalk.dev.blue.catwalk.dev/cluster",
  ]);
});
