/** What `kubectl apply -f` takes, as text → the objects in it. */
import fc from "fast-check";
import { expect, test } from "vitest";

import { readDocuments } from "../../../relay/source/manifests/read-documents.ts";
import { textOf } from "../../../relay/source/manifests/text-of.ts";

const pod = (name: string) => ({ apiVersion: "v1", kind: "Pod", metadata: { name } });

/** `[line, kind, name]` of each object; the message where it does not read. */
function read(text: string): unknown {
  const documents = readDocuments(text);
  if (!documents.ok) return `${documents.line}: ${documents.message}`;
  return documents.objects.map(({ line, json }) => [
    line,
    json["kind"],
    (json["metadata"] as { name?: string } | undefined)?.name,
  ]);
}

test("[SRC48] JSON streams are objects with their lines, whatever stands between and in their texts", () => {
  const [a, b] = [pod("a}{"), pod('b\\"]')];
  const both = [1, "Pod", "a}{"];
  expect(read(`${JSON.stringify(a)}\n${JSON.stringify(b)}\n`)).toEqual([both, [2, "Pod", 'b\\"]']]);
  expect(read(`${JSON.stringify(a)}${JSON.stringify(b)}`)).toEqual([both, [1, "Pod", 'b\\"]']]);
  const tabs = JSON.stringify(a, null, "\t");
  expect(read(`\ufeff${tabs}\r\n\r\n${tabs}`)).toEqual([
    both,
    [tabs.split("\n").length + 2, ...both.slice(1)],
  ]);
  // Also where YAML would refuse a key that comes twice.
  expect(read('{"kind": "A", "kind": "Pod"}')).toEqual([[1, "Pod", undefined]]);
  expect(read(`{"kind": "Pod"}\n{"kind": `)).toMatch(/^2: JSON: /);
  expect(read(`{"kind": "Pod"}\nnonsense`)).toMatch(/^2: JSON: /);
});

test("[SRC48] any JSON stream reads as its objects", () => {
  const objects = fc.array(fc.dictionary(fc.string(), fc.jsonValue()), {
    minLength: 1,
    maxLength: 5,
  });
  const space = fc.constantFrom("\n", " ", "", "\r\n", "\t");
  // V8 of Node 24.21 reads the key `"` as a backslash, once it has read one that is a backslash.
  const endsWithBackslash = /\\\\":/;
  fc.assert(
    fc.property(objects, space, fc.constantFrom(undefined, 2, "\t"), (values, between, indent) => {
      fc.pre(!endsWithBackslash.test(JSON.stringify(values)));
      const written = values.filter((value) => !("items" in value));
      const text = written.map((value) => JSON.stringify(value, null, indent)).join(between);
      const documents = readDocuments(text);
      expect(documents.ok && documents.objects.map(({ json }) => JSON.stringify(json))).toEqual(
        written.map((value) => JSON.stringify(value)),
      );
    }),
  );
});

test("[SRC48] items of a typed list have the list's kind, and lists in lists are followed", () => {
  const items = [{ metadata: { name: "a" } }, { kind: "Pod", metadata: { name: "b" } }];
  expect(read(JSON.stringify({ apiVersion: "v1", kind: "PodList", items }))).toMatchObject([
    [1, "Pod", "a"],
    [1, "Pod", "b"],
  ]);
  const text =
    "apiVersion: v1\nkind: List\nitems:\n- kind: PodList\n  items:\n  - metadata: {name: c}\n";
  expect(read(text)).toEqual([[6, "Pod", "c"]]);
  const documents = readDocuments('{"apiVersion":"x/v3","kind":"ThingList","items":[{}]}');
  expect(documents).toMatchObject({ objects: [{ json: { apiVersion: "x/v3", kind: "Thing" } }] });
  expect(read("kind: PodList\nitems: null\n")).toEqual([]);
  expect(read("kind: PodList\nitems: {}\n")).toBe("1: items: must be a list");
  expect(read("kind: PodList\nitems:\n- 1\n")).toBe("3: items[0]: must be an object");
  // A kind that only ends so.
  expect(read("kind: AllowList\nmetadata: {name: x}\n")).toEqual([[1, "AllowList", "x"]]);
});

test("[SRC48] merge keys, aliases, byte order marks, carriage returns and empty documents are YAML as kubectl reads it", () => {
  const merged =
    "metadata: &m {name: a, labels: &l {x: '1', y: '2'}}\nkind: Pod\nspec:\n  labels: {<<: *l, y: '3'}\n";
  const documents = readDocuments(merged);
  expect(documents).toMatchObject({
    objects: [{ json: { spec: { labels: { x: "1", y: "3" } } } }],
  });
  const yaml = "---\n# nothing\n---\nkind: Pod\nmetadata: {name: a}\n...\n---\n";
  expect(read(`\ufeff${yaml.replaceAll("\n", "\r\n")}`)).toEqual([[4, "Pod", "a"]]);
  expect(read("{kind: Pod,\n metadata: {name: flow}}\n---\n{kind: Pod}\n")).toEqual([
    [1, "Pod", "flow"],
    [4, "Pod", undefined],
  ]);
});

test("[SRC48] bytes with a mark of UTF-16 are read as such, all else as UTF-8", () => {
  const little = Buffer.from("\ufeffkind: Pöd\n", "utf16le");
  expect(read(textOf(little))).toEqual([[1, "Pöd", undefined]]);
  const big = Buffer.from(little).swap16();
  expect(textOf(big)).toBe("kind: Pöd\n");
  expect(textOf(Buffer.from("\ufeffkind: Pöd\n"))).toBe("kind: Pöd\n");
});
