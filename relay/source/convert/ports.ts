/** Named ports, as they reach the v1 value: order and duplicates stay, unnamed ones go. */
import type { EndpointPort } from "../../../shared/record/record.ts";
import type { Report } from "./conversion.ts";
import { textAt } from "../../kube/kube-object.ts";
import type { JsonObject } from "../../kube/kube-object.ts";

const PORT_NAME = /^[A-Za-z0-9_.-]{1,128}$/;

/**
 * Reads one port of a pod (`containerPort`) or HostEndpoint (`port`). One that Felix would refuse
 * (it wants a name, `tcp`, `udp` or `sctp`, and 1 to 65535) is reported and lost
 * alone, before it can take the endpoint with it in Felix.
 */
export function readPort(
  port: JsonObject,
  numberField: "containerPort" | "port",
  path: string,
  report: Report,
): EndpointPort | null {
  const name = textAt(port, "name", `${path}.name`);
  const number = port[numberField] ?? 0;
  if (name === "" || number === 0) return null;
  if (!PORT_NAME.test(name)) {
    report(`${path}.name`, `${JSON.stringify(name)} must match [A-Za-z0-9_.-]{1,128}`);
    return null;
  }
  if (typeof number !== "number" || !Number.isInteger(number) || number < 1 || number > 65535) {
    report(`${path}.${numberField}`, `${JSON.stringify(number)} must be 1 to 65535`);
    return null;
  }
  const protocol = port["protocol"] ?? "TCP";
  switch (typeof protocol === "string" ? protocol.toLowerCase() : "") {
    case "tcp":
      return { name, protocol: "tcp", port: number };
    case "udp":
      return { name, protocol: "udp", port: number };
    case "sctp":
      return { name, protocol: "sctp", port: number };
    default:
      report(`${path}.protocol`, `${JSON.stringify(protocol)} must be TCP, UDP or SCTP`);
      return null;
  }
}
