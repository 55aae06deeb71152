/**
 * What `shared` uses of the runtime: two synchronous Node modules, which workerd has too
 * (`nodejs_compat`), the text codecs, URLs, base64 and keys of Web Crypto. Declared by use, so
 * that nothing else of Node can slip into code that runs in a Durable Object.
 */
declare module "node:crypto" {
  interface Hash {
    update(bytes: Uint8Array): Hash;
    digest(): Uint8Array;
  }
  export function createHash(algorithm: "sha256"): Hash;
}

declare module "node:zlib" {
  interface DeflateOptions {
    readonly level?: number;
    readonly dictionary?: Uint8Array;
    readonly maxOutputLength?: number;
  }
  export function deflateRawSync(bytes: Uint8Array, options?: DeflateOptions): Uint8Array;
  export function inflateRawSync(bytes: Uint8Array, options?: DeflateOptions): Uint8Array;
}

declare class TextEncoder {
  encode(text: string): Uint8Array;
}

declare class TextDecoder {
  constructor(label: "utf-8", options?: { readonly fatal?: boolean; readonly ignoreBOM?: boolean });
  decode(bytes: Uint8Array): string;
}

declare class URL {
  constructor(url: string);
  static canParse(url: string): boolean;
  readonly protocol: string;
  readonly username: string;
  readonly password: string;
  readonly hostname: string;
}

declare function atob(text: string): string;
declare function btoa(text: string): string;

interface CryptoKey {
  readonly type: string;
}

declare const crypto: {
  readonly subtle: {
    importKey(
      format: "raw" | "pkcs8",
      key: Uint8Array,
      algorithm: { readonly name: string; readonly hash?: string },
      isExtractable: boolean,
      uses: readonly ["sign"],
    ): Promise<CryptoKey>;
    exportKey(format: "jwk", key: CryptoKey): Promise<{ readonly x?: string }>;
    sign(
      algorithm: "HMAC" | { readonly name: "Ed25519" },
      key: CryptoKey,
      bytes: Uint8Array,
    ): Promise<ArrayBuffer>;
  };
};
