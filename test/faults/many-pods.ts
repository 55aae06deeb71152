/**
 * A manifest of pods `<name>-0` to `<name>-<count - 1>` of the demo's cluster db, each with an
 * address of its own.
 */
export function manyPods(name: string, count: number): string {
  const documents = Array.from({ length: count }, (_, n) => {
    const ip = `10.20.${8 + (n >> 7)}.${(n & 127) + 1}`;
    return `apiVersion: v1
kind: Pod
metadata: { name: ${name}-${n}, namespace: shop, labels: { role: ${name} } }
spec: { nodeName: node-2, serviceAccountName: default, containers: [{ name: m, image: i }] }
status: { phase: Running, podIP: ${ip}, podIPs: [{ ip: ${ip} }] }
`;
  });
  return documents.join("---\n");
}

/** The addresses of these pods. */
export function addressesOf(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `10.20.${8 + (n >> 7)}.${(n & 127) + 1}`);
}
