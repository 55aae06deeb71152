/** The labels of planted bugs in the product, and what is done with them. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { transform } from "esbuild";
import { expect, test } from "vitest";

import { bundleWorker } from "../../../cli/launch/bundle.ts";
import { findLabels, plant } from "./faults.ts";
import { MUTANTS } from "./index.ts";

const ROOT = join(import.meta.dirname, "../../..");

test("[SIM3] each label of the product is the fault of a mutant, and each fault can be planted", () => {
  const labels = findLabels();
  const faults = MUTANTS.flatMap(({ name, faults: own }) =>
    Object.entries(own).map(([label, fault]) => ({ name, label, fault })),
  );
  expect([...new Set(faults.map(({ label }) => label))].toSorted()).toEqual(
    labels.map(({ name }) => name).toSorted(),
  );
  for (const { name, label, fault } of faults) {
    const { file = "" } = labels.find((one) => one.name === label) ?? {};
    const text = readFileSync(join(ROOT, file), "utf8");
    expect(plant(text, label, fault), name).not.toBe(text);
  }
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
});

const SOURCE = `class A {
  b(): number {
    // fault: one
    if (this.c(")") > 1) {
      return 1;
    }
    // fault: two
    const d = this.e({ f: ";" }).map((g) => {
      return g;
    });
    // fault: three
    return d.length;
  }
}
`;

test("[SIM3] a fault changes the statement behind its label and nothing else", () => {
  const statement = `
    if (this.c(")") > 1) {
      return 1;
    }`.slice(1);
  expect(plant(SOURCE, "one", { kind: "skip" })).toBe(SOURCE.replace(statement, ""));
  expect(plant(SOURCE, "one", { kind: "condition", is: "!$" })).toContain(
    'if (!(this.c(")") > 1)) {\n      return 1;\n    }\n    // fault: two',
  );
  expect(plant(SOURCE, "two", { kind: "value", is: "$.slice(1)" })).toContain(
    'const d = (this.e({ f: ";" }).map((g) => {\n      return g;\n    })).slice(1);\n',
  );
  expect(plant(SOURCE, "three", { kind: "value", is: "7" })).toContain("    return 7;\n  }");
  expect(plant(SOURCE, "three", { kind: "before", do: "d.pop();" })).toContain(
    "d.pop();\n    return d.length;",
  );
  expect(plant(SOURCE, "three", { kind: "instead", do: "return 0;" })).toContain("return 0;\n  }");
});

test("[SIM3] a label that is not there, and a part that the statement has not, are an error", () => {
  expect(() => plant(SOURCE, "four", { kind: "skip" })).toThrow("no such label, or several: four");
  expect(() => plant(SOURCE + SOURCE, "one", { kind: "skip" })).toThrow("no such label");
  expect(() => plant(SOURCE, "three", { kind: "condition", is: "true" })).toThrow(
    "has no condition",
  );
  expect(() => plant(SOURCE, "one", { kind: "value", is: "0" })).toThrow("has no value");
});

test("[SIM3] the hub's bundle has no code of a fault: a label is a comment, and nothing else", async () => {
  const folder = mkdtempSync(join(tmpdir(), "catwalk-mutants-"));
  try {
    const file = join(folder, "worker.js");
    await bundleWorker(file);
    const { code } = await transform(readFileSync(file, "utf8"), { minifyWhitespace: true });
    expect(code).toContain("learn(facts,false)");
    expect(findLabels().filter(({ name }) => code.includes(`fault: ${name}`))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
