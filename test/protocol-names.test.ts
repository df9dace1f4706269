/**
 * PROTOCOL.md section 2: names; one test a rule.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseMessage } from "../lib/wire/codec.ts";
import {
  asIdentity,
  asRoomId,
  asServerId,
  isUsername,
  mainHallOf,
  parseAddress,
} from "../lib/wire/fields.ts";
import { peerMessages } from "../lib/wire/server-vocabulary.ts";
import { threeServers } from "./support/cluster.ts";
import { loneServer, own } from "./support/puppet.ts";

const names = suite("protocol 2");

const fit = ["ann", "Ann", "a23", "abcdefghijklmnop", "Z99"];
const unfit = [
  ...["", "ab", "abcdefghijklmnopq", "1ab", "a b", "a_b", "a-b", "änn", "ann\n", " ann", ".*"],
  ...["аnn", "ann\u200b", "MainHall-s1", "a[c", "__proto__", "ａｎｎ"],
];

names("2.1 identities and room ids: 3 to 16 letters and digits, first a letter", () => {
  for (const text of fit) assert.equal([asIdentity(text), asRoomId(text)], [text, text]);
  for (const text of unfit)
    assert.equal([asIdentity(text), asRoomId(text)], [undefined, undefined]);
  const cluster = loneServer();
  for (const text of ["CaseX", "casex"]) {
    assert.is(cluster.login(own, text).closed, false);
  }
});

names("2.2 a user and a room may have the same name", () => {
  const cluster = threeServers();
  const ann = cluster.login("s1", "ann");
  cluster.say(ann, { type: "createroom", roomid: "ann" });
  assert.equal(ann.heard[0], { type: "createroom", roomid: "ann", approved: "true" });
});

names("2.3 nobody can make or delete a main hall", () => {
  const cluster = threeServers();
  const ann = cluster.login("s1", "ann");
  for (const roomid of ["MainHall-s1", "MainHall-s2", "MainHall-s9"]) {
    cluster.say(ann, { type: "createroom", roomid });
    const reason = "room-invalid";
    assert.equal(cluster.take(ann), [{ type: "createroom", roomid, approved: "false", reason }]);
    cluster.say(ann, { type: "deleteroom", roomid });
    const [reply] = cluster.take(ann);
    assert.is(reply?.type === "deleteroom" && reply.approved, "false");
  }
  cluster.say(ann, { type: "who" });
  const [contents] = ann.heard;
  assert.is(contents?.type === "roomcontents" && contents.owner, "");
  assert.is(mainHallOf("s1" as never), "MainHall-s1");
});

names("2.4 server ids: 1 to 32 letters, digits, dots, underscores, hyphens", () => {
  for (const text of ["s1", "1", "a.b_c-D", "x".repeat(32)]) assert.is(asServerId(text), text);
  for (const text of ["", ".a", "-a", "_a", "a b", "a/b", "x".repeat(33), "é"]) {
    assert.is(asServerId(text), undefined);
  }
});

names("2.5 user names: 1 to 64 printable ASCII characters without blanks", () => {
  for (const text of ["a", "ann@example.org", "~!", "x".repeat(64)]) assert.ok(isUsername(text));
  for (const text of ["", "a b", "a\tb", "\u007f", "é", "x".repeat(65)]) {
    assert.not.ok(isUsername(text));
  }
});

names("2.6 an unfit name is refused in the words of its request", () => {
  for (const name of unfit.filter((text) => !text.startsWith("MainHall"))) {
    const cluster = loneServer();
    const stranger = cluster.connect(own);
    cluster.say(stranger, { type: "newidentity", identity: name, ticket: "t" });
    const reason = "identity-invalid";
    assert.equal(stranger.heard, [{ type: "newidentity", approved: "false", reason }]);
    assert.ok(stranger.closed);
    const mover = cluster.connect(own);
    const [former, roomid] = ["x", "y"];
    cluster.say(mover, { type: "movejoin", former, roomid, identity: name, ticket: "t" });
    const [answer] = mover.heard;
    assert.is(answer?.type === "serverchange" && answer.reason, reason);
    const ann = cluster.login(own, "ann");
    const reasons = ["createroom", "deleteroom", "join"].map((type) => {
      cluster.say(ann, { type, roomid: name });
      const [reply] = cluster.take(ann);
      return reply !== undefined && "reason" in reply ? reply.reason : "none";
    });
    assert.equal(reasons, ["room-invalid", "no-such-room", "no-such-room"]);
    const line = JSON.stringify({ type: "lockidentity", serverid: "a1", identity: name, stamp: 1 });
    assert.not.ok(parseMessage(peerMessages, line).ok);
  }
});

names("2.7 a name is never a pattern", () => {
  const cluster = threeServers();
  const ann = cluster.login("s1", "ann");
  cluster.say(ann, { type: "createroom", roomid: "jokes" });
  const bob = cluster.login("s2", "bob");
  for (const roomid of [".*", "j.kes", "jok", "jokes ", "MainHall-.*", "MainHall-s"]) {
    cluster.say(bob, { type: "join", roomid });
    const [reply] = cluster.take(bob);
    assert.is(reply?.type === "roomchange" && reply.reason, "no-such-room", roomid);
  }
});

names("2.8 hosts and ports", () => {
  const port = 4444;
  assert.equal(parseAddress("example.org:4444"), { host: "example.org", port });
  assert.equal(parseAddress("[::1]:4444"), { host: "::1", port });
  for (const text of ["a", "a:", ":1", "a:0", "a:65536", "a:1x", "a b:1", "::1:4444", "a;b:1"]) {
    assert.is(parseAddress(text), undefined, text);
  }
  const listed = (host: unknown, clientport: unknown) => {
    const where = { host, clientport, peerhost: "h", peerport: "1" };
    const sequence = 1;
    const reply = {
      type: "serverreply",
      approved: "true",
      serverid: "a1",
      incarnation: 1,
      sequence,
    };
    return parseMessage(peerMessages, JSON.stringify({ ...reply, ...where })).ok;
  };
  assert.ok(listed("10.0.0.1", "65535"));
  for (const [host, clientport] of [
    ["h", 4444],
    ["h", "0"],
    ["h", "65536"],
    ["h", "1e3"],
    ["", "1"],
    ["h\n", "1"],
    [null, "1"],
  ]) {
    assert.not.ok(listed(host, clientport));
  }
});

names.run();
