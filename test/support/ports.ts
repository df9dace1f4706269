/**
 * Ports for servers that are started as processes and must be told one.
 *
 * @module
 */

import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";

/**
 * So many ports of 127.0.0.1 on which nothing listens. All are held until the last is found, so
 * none comes twice; use them soon, before somebody else does.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}

/** One port of 127.0.0.1 on which nothing listens. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  return port as number;
}
