/**
 * Peers that are reached elsewhere than they tell: the setting, and that all ways of connecting
 * follow it.
 *
 * @module
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { withRoutes } from "../bin/host/peer-routes.ts";
import { readServerSettings } from "../bin/host/server-settings.ts";
import type { DialOptions, Transport } from "../bin/host/transport.ts";
import type { ConnectionId } from "../lib/base/ids.ts";
import type { Address } from "../lib/wire/fields.ts";
import { temporaryFolder } from "./support/folders.ts";

const routes = suite("peer routes");

async function settingsWith(peerRoutes: unknown) {
  const config = join(temporaryFolder(), "config.json");
  await writeFile(config, JSON.stringify({ "peer-routes": peerRoutes }));
  const place = { host: "127.0.0.1", clientPort: "4444", peerPort: "5555" };
  return await readServerSettings({ id: "s1", ...place, config });
}

routes("are read from the settings file", async () => {
  const { peerRoutes } = await settingsWith({ "10.0.0.7:5555": "gateway:7555", "[::1]:1": "a:2" });
  assert.equal(
    [...peerRoutes],
    [
      ["10.0.0.7:5555", { host: "gateway", port: 7555 }],
      ["[::1]:1", { host: "a", port: 2 }],
    ],
  );
  assert.is((await settingsWith({})).peerRoutes.size, 0);
});

routes("that make no sense are refused in a line that names the file and the key", async () => {
  for (const wrong of ["a:1", 5, { "a:1": 2 }, { "a:1": "b" }, { a: "b:1" }]) {
    try {
      await settingsWith(wrong);
      assert.unreachable(JSON.stringify(wrong));
    } catch (error) {
      assert.match(
        (error as Error).message,
        /config\.json.*(peerRoutes|peer-routes).*10\.0\.0\.7:5555/s,
      );
    }
  }
});

routes("lead dials, the way through a third and spliced bytes elsewhere", () => {
  const reached: Address[] = [];
  const transport = {
    dial: ({ address, via }: DialOptions) => reached.push(address, ...(via ? [via.address] : [])),
    splice: (_: ConnectionId, address: Address) => reached.push(address),
  } as unknown as Transport;
  const at = (port: number): Address => ({ host: "h", port });
  const routed = withRoutes(transport, new Map([["h:1", at(11)]]));
  const via = { address: at(1), id: "s3", request: "" };
  const dial = (address: Address, through?: typeof via) =>
    routed.dial({ address, via: through } as DialOptions, {} as never, () => {});
  dial(at(1));
  dial(at(2));
  dial(at(2), via);
  routed.splice(1 as ConnectionId, at(1));
  assert.equal(
    reached.map(({ port }) => port),
    [11, 2, 2, 11, 11],
  );
  assert.is(withRoutes(transport, new Map()), transport);
});

routes.run();
