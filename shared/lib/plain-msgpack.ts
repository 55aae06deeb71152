/**
 * Whether bytes are one msgpack value as `pack` would write it, told by looking at them. Only for what records are made of: lists, ASCII text
 * below 256 bytes, byte strings below 256, integers below 65,536, nil. Of anything else it says no, and who asks packs the value again and compares:
 * the same answer for five times the price.
 */
export function isPlainMsgpack(bytes: Uint8Array): boolean {
  /** Values still to come; a list adds its entries. */
  let left = 1;
  let at = 0;
  for (; left > 0; left--) {
    const head = bytes[at++];
    if (head === undefined) return false;
    if (head < 0x80 || head === 0xc0) continue;
    if (head >= 0x90 && head <= 0x9f) {
      left += head - 0x90;
      continue;
    }
    const width = head >= 0xa0 && head <= 0xbf ? 0 : widthOf(head);
    if (width < 0 || at + width > bytes.length) return false;
    const number = width === 0 ? head - 0xa0 : readUint(bytes, at, width);
    at += width;
    if (number < smallestOf(head)) return false;
    if (head === 0xdc) left += number;
    else if (head === 0xc4) at += number;
    else if (width === 0 || head === 0xd9) {
      const end = at + number;
      if (end > bytes.length) return false;
      for (; at < end; at++) if ((bytes[at] as number) >= 0x80) return false;
    }
  }
  return at === bytes.length;
}

/** Bytes of the number behind a head: bin 8, uint 8, uint 16, str 8, array 16; -1 for all others. */
function widthOf(head: number): number {
  if (head === 0xc4 || head === 0xcc || head === 0xd9) return 1;
  return head === 0xcd || head === 0xdc ? 2 : -1;
}

/** The least number that is written with this head and no shorter one. */
function smallestOf(head: number): number {
  if (head === 0xcc) return 128;
  if (head === 0xcd) return 256;
  if (head === 0xd9) return 32;
  return head === 0xdc ? 16 : 0;
}

function readUint(bytes: Uint8Array, at: number, width: number): number {
  const first = bytes[at] as number;
  return width === 1 ? first : (first << 8) | (bytes[at + 1] as number);
}
