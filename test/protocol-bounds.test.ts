/**
 * What a certified peer can make a server keep: bounded by what is really there.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loneServer, Puppet, stateOf } from "./support/puppet.ts";

const bounds = suite("protocol 5, bounds");

bounds("5.9 ends of moves that never were are answered and not kept", () => {
  const cluster = loneServer();
  const peer = new Puppet(cluster, "a1");
  peer.take();
  for (let move = 1; move <= 500; move++) {
    peer.say({ type: "endmove", identity: `user${move}`, move, acknowledged: "false" });
  }
  const answers = peer.take();
  assert.is(answers.length, 500);
  assert.ok(answers.every((answer) => answer.type === "moveended" && answer.arrived === "false"));
  assert.is(stateOf(cluster).endedMoves.size, 0);
});

bounds.run();
