/**
 * A tar.gz of a few small files (POSIX ustar), as every `tar` reads it. Own code: the format is one
 * header of 512 bytes a file, and nothing else of the program needs a library for it.
 */
import { gzipSync } from "node:zlib";

const BLOCK = 512;

export interface TarFile {
  /** At most 100 bytes of ASCII. */
  readonly name: string;
  readonly text: string;
}

export function tarGz(files: readonly TarFile[], mtimeMs: number): Buffer {
  const blocks = files.flatMap(({ name, text }) => {
    const body = Buffer.from(text, "utf8");
    const padding = Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK);
    return [header(name, body.length, mtimeMs), body, padding];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]));
}

function header(name: string, size: number, mtimeMs: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  const put = (text: string, at: number): void => {
    block.write(text, at, "ascii");
  };
  const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, "0");
  put(name.slice(0, 100), 0);
  put(`${octal(0o600, 7)}\0`, 100);
  put(`${octal(0, 7)}\0`, 108);
  put(`${octal(0, 7)}\0`, 116);
  put(`${octal(size, 11)}\0`, 124);
  put(`${octal(Math.floor(mtimeMs / 1000), 11)}\0`, 136);
  // The sum is over a header whose sum is spaces.
  put(" ".repeat(8), 148);
  put("0", 156);
  put("ustar\0" + "00", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${octal(sum, 6)}\0 `, 148);
  return block;
}
