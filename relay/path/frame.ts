/**
 * A VXLAN frame with a UDP packet from one node's tunnel address to another's in it, as the kernel
 * of the first would send it: to be sent from an ordinary UDP socket. RFC 7348. [OVL12]
 */
import { parseIp } from "../../shared/ip/address.ts";
import type { Vtep } from "../../shared/overlay/vtep.ts";

export interface FrameOptions {
  readonly from: Vtep;
  readonly to: Vtep;
  readonly vni: number;
  /** Of the UDP packet inside, both ways. */
  readonly port: number;
}

const ETHERTYPE = { 4: 0x0800, 6: 0x86dd } as const;
const UDP = 17;
/** Of Felix's tunnel device. */
const HOPS = 64;

export function vxlanFrame({ from, to, vni, port }: FrameOptions, payload: Uint8Array): Buffer {
  const vxlan = Buffer.alloc(8);
  // The flag that there is a number of a network.
  vxlan[0] = 0x08;
  vxlan.writeUIntBE(vni, 4, 3);
  const ethernet = Buffer.concat([macBytes(to.mac), macBytes(from.mac), Buffer.alloc(2)]);
  ethernet.writeUInt16BE(ETHERTYPE[from.family], 12);
  const [source, target] = [addressOf(from), addressOf(to)];
  const udp = udpPacket(source, target, port, payload);
  const ip = from.family === 4 ? ipv4Header(source, target, udp) : ipv6Header(source, target, udp);
  return Buffer.concat([vxlan, ethernet, ip, udp]);
}

function udpPacket(source: Buffer, target: Buffer, port: number, payload: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(port, 0);
  header.writeUInt16BE(port, 2);
  header.writeUInt16BE(8 + payload.length, 4);
  const packet = Buffer.concat([header, payload]);
  const pseudo = Buffer.alloc(8);
  pseudo.writeUInt32BE(packet.length, 0);
  pseudo.writeUInt32BE(UDP, 4);
  // 0 would say that there is no checksum.
  packet.writeUInt16BE(checksum([source, target, pseudo, packet]) || 0xffff, 6);
  return packet;
}

function ipv4Header(source: Buffer, target: Buffer, udp: Buffer): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + udp.length, 2);
  // Never in fragments.
  header.writeUInt16BE(0x4000, 6);
  header[8] = HOPS;
  header[9] = UDP;
  source.copy(header, 12);
  target.copy(header, 16);
  header.writeUInt16BE(checksum([header]), 10);
  return header;
}

function ipv6Header(source: Buffer, target: Buffer, udp: Buffer): Buffer {
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(udp.length, 4);
  header[6] = UDP;
  header[7] = HOPS;
  source.copy(header, 8);
  target.copy(header, 24);
  return header;
}

/** RFC 1071. All parts but the last have even lengths. */
function checksum(parts: readonly Buffer[]): number {
  let sum = 0;
  for (const part of parts)
    for (let i = 0; i < part.length; i += 2) sum += ((part[i] ?? 0) << 8) + (part[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}

function macBytes(mac: string): Buffer {
  return Buffer.from(mac.replaceAll(":", ""), "hex");
}

/** Of a tunnel endpoint, which has only valid ones. */
function addressOf({ address }: Vtep): Buffer {
  return Buffer.from(parseIp(address) ?? []);
}
