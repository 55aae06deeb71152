/** What reaches a terminal of texts that other clusters and hubs chose. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";

import { expect, test } from "vitest";

import { jsonText, printable } from "../../cli/admin/terminal.ts";
import { oneLine, renderOne } from "../../cli/commands/output.ts";

const MAIN = join(import.meta.dirname, "../../cli/main.ts");
/** ESC, a right-to-left override, an isolate, a zero-width space, a tag, a C1 control. */
const HOSTILE = ["\u001b[2J", "\u202e", "\u2066", "\u200b", "\u{e0041}", "\u009b"];

test("[CLI59] what is unseen or turns text around is `?` for people and an escape in JSON, and reads back from there", () => {
  for (const text of HOSTILE) {
    const name = `shop/${text}db`;
    for (const shown of [
      printable(name),
      oneLine(name),
      jsonText(name),
      renderOne({ name }, name, "json"),
    ])
      expect(shown, JSON.stringify(text)).not.toMatch(/[\p{Cf}]|(?!\n)\p{Cc}/u);
    expect(JSON.parse(jsonText({ name }))).toEqual({ name });
  }
  expect(printable("two\nlines\tand é, 日本, 👍")).toBe("two\nlines\tand é, 日本, 👍");
  expect(oneLine("two\nlines")).toBe("two?lines");
});

test("[CLI59] an error that repeats what it was given is printable too", () => {
  const { stderr, status } = spawnSync(
    process.execPath,
    [MAIN, "cluster", "list", "--server", "http://127.0.0.1:1", "--token-file", "x\u202e\u001b[2J"],
    { encoding: "utf8" },
  );
  expect(status).toBe(2);
  expect(stderr).toContain("token file");
  expect(stderr).not.toMatch(/[\p{Cf}]|(?![\n\t])\p{Cc}/u);
});
