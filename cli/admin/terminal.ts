/**
 * Where text goes to a terminal. Names and reasons come from other clusters: no control character
 * gets there, and none that is not seen but changes the order of what is. [CLI59]
 */

/** Not line ends and tabs, which are ours. In JSON an escape says which it was; else it is `?`. */
const UNSEEN = /[\p{Cf}\u2028\u2029]|(?![\n\t])\p{Cc}/gu;

export function printable(text: string): string {
  return text.replaceAll(UNSEEN, "?");
}

/** One value as JSON: its escapes stand for what a terminal must not get. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replaceAll(UNSEEN, (character) =>
    [...Array(character.length).keys()]
      .map((i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** On stdout. */
export function print(text: string): void {
  process.stdout.write(printable(text));
}

/** On stderr, a line: it never mixes with what a script reads. */
export function say(line: string): void {
  process.stderr.write(`${printable(line)}\n`);
}
