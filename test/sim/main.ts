/**
 * `npm run soak`, and each process of the tests: limits first, for they are set while the product
 * is loaded.
 */
await import("./small-limits.ts");
await import("./soak.ts");

export {};
