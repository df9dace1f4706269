/**
 * What a typed line means, and what a half-typed one may become.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Identity, RoomId } from "../lib/base/ids.ts";
import { complete, noKnownNames, readCommand, remember } from "../lib/client/commands.ts";

const commands = suite("commands");

const requests: readonly (readonly [line: string, request: object])[] = [
  ["#list", { type: "list" }],
  ["/list", { type: "list" }],
  ["#list ", { type: "list" }],
  ["#who", { type: "who" }],
  ["#servers", { type: "servers" }],
  ["#quit", { type: "quit" }],
  ["#join jokes", { type: "join", roomid: "jokes" }],
  ["#joinroom jokes", { type: "join", roomid: "jokes" }],
  ["/join  jokes ", { type: "join", roomid: "jokes" }],
  ["#join MainHall-s2", { type: "join", roomid: "MainHall-s2" }],
  ["#createroom jokes", { type: "createroom", roomid: "jokes" }],
  ["#createroom 9", { type: "createroom", roomid: "9" }],
  ["#deleteroom jokes", { type: "deleteroom", roomid: "jokes" }],
  ["hello", { type: "message", content: "hello" }],
  [" #list", { type: "message", content: " #list" }],
  ["  two blanks  ", { type: "message", content: "  two blanks  " }],
  ["##list", { type: "message", content: "#list" }],
  ["//etc", { type: "message", content: "/etc" }],
  ["#/odd", { kind: "invalid" }],
];

for (const [line, request] of requests) {
  commands(`reads ${JSON.stringify(line)}`, () => {
    const expected = "kind" in request ? request : { kind: "request", request };
    assert.equal(readCommand(line), expected);
  });
}

commands("takes nothing for a command that only looks like one", () => {
  for (const line of [
    "#listen",
    "#lis",
    "#LIST",
    "#list all",
    "#quit now",
    "#join",
    "#join ",
    "#join a b",
    "#newidentity bob",
    "#",
    "/",
    "# list",
    "#constructor",
    "#__proto__ x",
  ]) {
    assert.equal(readCommand(line), { kind: "invalid" }, line);
  }
});

commands("helps, and sends no empty line", () => {
  assert.equal(readCommand("#help"), { kind: "help" });
  for (const line of ["", "  ", "\t"]) assert.equal(readCommand(line), { kind: "nothing" });
});

commands.run();

const completion = suite("completion");

const names = {
  rooms: ["jokes", "join-lines", "MainHall-s1"] as RoomId[],
  identities: ["alice", "albert", "bob"] as Identity[],
};

for (const [line, candidates] of [
  ["#jo", ["#join ", "#joinroom "]],
  ["/wh", ["/who"]],
  ["#x", []],
  ["#join jo", ["join-lines", "jokes"]],
  ["#deleteroom ", ["MainHall-s1", "join-lines", "jokes"]],
  ["#who al", []],
  ["al", ["albert: ", "alice: "]],
  ["well, al", ["albert", "alice"]],
  ["", []],
  ["hello ", []],
] as const) {
  completion(`completes ${JSON.stringify(line)}`, () => {
    assert.equal(complete(line, names).candidates, candidates);
    assert.ok(line.endsWith(complete(line, names).begun));
  });
}

completion("remembers each name once, and not for ever", () => {
  assert.equal(remember(["a"], ["a", "b"]), ["a", "b"]);
  assert.is(remember(noKnownNames.rooms, []), noKnownNames.rooms);
  const many = Array.from({ length: 2_000 }, (_, n) => `r${n}`);
  assert.is(remember([], many).length, 500);
  assert.is(remember([], many).at(-1), "r1999");
});

completion.run();
