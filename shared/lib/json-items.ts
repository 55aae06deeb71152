/**
 * The items of a JSON array as texts of their own, so that a long one is read item by item, in
 * turns with other work. Finds where they end and nothing else: each must still be parsed.
 */

const [QUOTE, ESCAPE, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_LIST, CLOSE_LIST, OPEN_MAP, CLOSE_MAP] = [0x5b, 0x5d, 0x7b, 0x7d];

/**
 * @param most Items after which nothing more is looked for.
 * @returns `null` where the text is no array. Of one with more items than `most`, one more than
 *   that.
 */
export function jsonItems(text: string, most: number): readonly string[] | null {
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN_LIST) return null;
  at = skipSpace(text, at + 1);
  const items: string[] = [];
  if (text.charCodeAt(at) === CLOSE_LIST) return isOver(text, at) ? items : null;
  for (;;) {
    const end = endOfItem(text, at);
    if (end === null) return null;
    items.push(text.slice(at, end));
    if (items.length > most) return items;
    if (text.charCodeAt(end) === CLOSE_LIST) return isOver(text, end) ? items : null;
    at = end + 1;
  }
}

/** Index of the comma or bracket behind an item; `null`: there is none. */
function endOfItem(text: string, from: number): number | null {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfText(text, at);
    else if (code === OPEN_LIST || code === OPEN_MAP) depth++;
    else if (depth > 0 && (code === CLOSE_LIST || code === CLOSE_MAP)) depth--;
    else if (depth === 0 && (code === COMMA || code === CLOSE_LIST)) return at;
  }
  return null;
}

/** @param from Index of the quote that opens it. @returns That of the one that closes it. */
function endOfText(text: string, from: number): number {
  for (let at = text.indexOf('"', from + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === ESCAPE) escapes++;
    if (escapes % 2 === 0) return at;
  }
  return text.length;
}

function isOver(text: string, at: number): boolean {
  return skipSpace(text, at + 1) === text.length;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && " \t\n\r".includes(text[at] ?? "x")) at++;
  return at;
}
