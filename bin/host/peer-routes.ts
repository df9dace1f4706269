/**
 * Where this server reaches peers whose address, as they tell it, is not the one that leads there
 * from here: behind a gateway, a tunnel, or a test that cuts cables.
 *
 * @module
 */

import * as v from "valibot";
import { type Address, formatAddress, parseAddress } from "../../lib/mod.ts";
import type { Transport } from "./transport.ts";

/** Where to connect instead, by the address that a peer tells. */
export type PeerRoutes = ReadonlyMap<string, Address>;

const pairs = 'an object such as {"10.0.0.7:5555": "gateway.example.org:7555"}';

/** Reads the key `peer-routes` of a settings file. */
export const peerRoutesSchema: v.GenericSchema<unknown, PeerRoutes> = v.pipe(
  v.record(v.string(pairs), v.string(pairs), pairs),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const routes = new Map<string, Address>();
    for (const [told, there] of Object.entries(dataset.value)) {
      const [from, to] = [parseAddress(told), parseAddress(there)];
      if (from === undefined || to === undefined) {
        addIssue({ message: `host:port on both sides: ${pairs}` });
        return NEVER;
      }
      routes.set(formatAddress(from), to);
    }
    return routes;
  }),
);

/**
 * The transport, which connects elsewhere where the routes say so. Who answers there must still
 * prove to be the one that was meant: a route changes the way, never the trust.
 *
 * @example
 * ```ts
 * const routed = withRoutes(createTlsTransport(credentials), settings.peerRoutes);
 * ```
 */
export function withRoutes(transport: Transport, routes: PeerRoutes): Transport {
  if (routes.size === 0) return transport;
  const reach = (address: Address): Address => routes.get(formatAddress(address)) ?? address;
  return {
    listen: (options, events) => transport.listen(options, events),
    dial: ({ address, via, ...options }, events, done) => {
      const through = via && { ...via, address: reach(via.address) };
      transport.dial({ ...options, address: reach(address), via: through }, events, done);
    },
    splice: (connection, address) => transport.splice(connection, reach(address)),
    send: (to, line, except) => transport.send(to, line, except),
    pause: (connection) => transport.pause(connection),
    resume: (connection) => transport.resume(connection),
    end: (connection) => transport.end(connection),
    destroy: (connection, cause) => transport.destroy(connection, cause),
    useCredentials: (credentials) => transport.useCredentials(credentials),
    close: () => transport.close(),
  };
}
