import { expect, test } from "vitest";

import {
  isMeshName,
  JURISDICTIONS,
  jurisdictionOf,
  meshNameIn,
} from "../../shared/lib/mesh-name.ts";

test("[NAM7] a mesh's name is a label, perhaps with a jurisdiction after a dot", () => {
  for (const [name, where] of [
    ["prod", null],
    ["eu", null],
    ["prod-eu", null],
    ["a".repeat(63), null],
    ["prod.eu", "eu"],
    ["prod.us", "us"],
    ["prod.fedramp", "fedramp"],
    ["prod.fedramp-high", "fedramp-high"],
    [`${"a".repeat(63)}.eu`, "eu"],
  ] as const)
    expect([name, isMeshName(name), jurisdictionOf(name)]).toEqual([name, true, where]);
  for (const name of [
    "",
    ".eu",
    "prod.",
    "prod.de",
    "prod.EU",
    "prod.eu.eu",
    "prod.eu.",
    "prod.fedramp-low",
    "prod.eu\n",
    "pr.od",
    "-.eu",
    `${"a".repeat(64)}.eu`,
  ])
    expect([name, isMeshName(name), jurisdictionOf(name)]).toEqual([name, false, null]);
});

test("[NAM7] a token names its mesh with its jurisdiction", () => {
  const secret = "0".repeat(48);
  for (const where of JURISDICTIONS)
    expect(meshNameIn(`cwj_prod.${where}_${secret}`, "cwj")).toBe(`prod.${where}`);
  expect(meshNameIn(`cwt_prod_${secret}`, "cwt")).toBe("prod");
  for (const token of [
    "",
    `cwt_prod_${secret}`,
    `cwj_prod.de_${secret}`,
    `cwj_prod_${secret}_`,
    `cwj_prod_${secret}0`,
    `cwj__${secret}`,
  ])
    expect([token, meshNameIn(token, "cwj")]).toEqual([token, null]);
});
