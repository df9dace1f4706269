/**
 * The leaf rules of membership: who counts, who is routed to, what a list comes down to.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ServerId } from "../lib/base/ids.ts";
import {
  changeMember,
  digest,
  isPresent,
  isRoutable,
  type Member,
  type Membership,
  voters,
  withMember,
  withoutMember,
} from "../lib/membership/membership.ts";

const members = suite("membership");

const id = (text: string) => text as ServerId;

function member(name: string, change: Partial<Member> = {}): Member {
  const at = { host: name, port: 1 };
  return {
    id: id(name),
    incarnation: 5,
    status: "alive",
    leaving: false,
    client: at,
    peer: at,
    ...change,
  };
}

members("who counts, and who is routed to", () => {
  for (const [status, leaving, counts, routable] of [
    ["alive", false, true, true],
    ["alive", true, true, false],
    ["suspect", false, true, false],
    ["dead", false, false, false],
    ["left", false, false, false],
  ] as const) {
    const one = member("s1", { status, leaving });
    assert.equal([isPresent(one), isRoutable(one)], [counts, routable], status);
  }
  assert.equal([isPresent(undefined), isRoutable(undefined)], [false, false]);
});

members("the list is changed by copying", () => {
  const none: Membership = new Map();
  const one = withMember(none, member("s1"));
  const dead = changeMember(one, id("s1"), { status: "dead" });
  assert.equal([none.size, voters(one), voters(dead)], [0, ["s1"], []]);
  assert.is(changeMember(one, id("s2"), { status: "dead" }), one);
  assert.is(withMember(one, member("s1", { incarnation: 6 })).get(id("s1"))?.incarnation, 6);
  assert.equal([withoutMember(one, id("s1")).size, one.size], [0, 1]);
});

members("the digest depends on who is there and under which incarnation, not on the order", () => {
  const [one, two] = [member("s1"), member("s2")];
  assert.is(digest([one, two]), digest([two, one]));
  const others = [[one], [], [one, { ...two, incarnation: 6 }], [one, member("s3")]];
  assert.is(new Set([...others, [one, two]].map(digest)).size, 5);
  assert.match(digest([one, two]), /^[0-9a-f]{1,8}$/);
});

members("the digest is that of PROTOCOL.md 8.4, so that others can compute it", () => {
  // FNV-1a of 32 bits: the offset basis for nothing, the published value for one letter.
  assert.is(digest([]), "811c9dc5");
  const hashOf = (text: string) => {
    let hash = 0x811c9dc5;
    for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193);
    return (hash >>> 0).toString(16);
  };
  assert.is(hashOf("a"), "e40c292c");
  assert.is(digest([member("s2"), member("s1")]), hashOf("s1 5\ns2 5"));
});

members.run();
