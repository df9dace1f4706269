/**
 * The words on the screen: those of the client everybody knows, and nothing that a remote could
 * steer the terminal or forge a line with.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Shown } from "../lib/client/shown.ts";
import { describe, prompt } from "../lib/client/transcript.ts";
import { clean, inWords } from "../lib/client/words.ts";
import { type ClientReply, clientReplies } from "../lib/wire/client-messages.ts";
import { parseMessage } from "../lib/wire/codec.ts";

const transcript = suite("transcript");

function words(line: object): string {
  const parsed = parseMessage(clientReplies, JSON.stringify(line));
  if (!parsed.ok) throw new Error(parsed.error.detail);
  return describe({ kind: "reply", reply: parsed.value as ClientReply }, "alice").join("\n");
}

const change = (former: string, roomid: string, more: object = {}) => ({
  type: "roomchange",
  identity: "bob",
  former,
  roomid,
  ...more,
});

for (const [line, expected] of [
  [change("", "MainHall-s1"), "bob moves to MainHall-s1"],
  [change("a", "b"), "bob moves from a to b"],
  [change("a", ""), "bob has quit!"],
  [change("", ""), "bob has quit!"],
  [change("a", "a"), "room unchanged"],
  [change("a", "a", { reason: "no-such-room" }), "room unchanged (no such room)"],
  [change("a", "a", { reason: "something-new" }), "room unchanged (something-new)"],
  [{ type: "roomlist", rooms: ["A", "B", "C"] }, "List of chat rooms: A B C"],
  [{ type: "roomcontents", roomid: "R", identities: ["A", "B"], owner: "A" }, "R contains A* B"],
  [{ type: "roomcontents", roomid: "R", identities: [], owner: "" }, "R contains"],
  [{ type: "createroom", roomid: "R", approved: "true" }, "Room R is created."],
  [{ type: "createroom", roomid: "R", approved: "false" }, "Create room R failed."],
  [
    { type: "createroom", roomid: "R", approved: "false", reason: "room-exists" },
    "Create room R failed. (the room exists already)",
  ],
  [{ type: "deleteroom", roomid: "R", approved: "true" }, "Room R is deleted."],
  [
    { type: "deleteroom", roomid: "R", approved: "false", reason: "not-owner" },
    "Delete room R failed. (you are not its owner)",
  ],
  [{ type: "message", identity: "bob", content: "hi there" }, "bob: hi there"],
  [{ type: "message", identity: "bob", content: "" }, "bob: "],
  [
    { type: "error", reason: "busy", detail: "one thing at a time" },
    "The server did not accept that: one thing at a time (busy, try again)",
  ],
  [
    {
      type: "servers",
      servers: [
        { serverid: "s1", host: "h", port: "1", status: "alive" },
        { serverid: "s2", host: "h", port: "2", status: "suspect" },
      ],
    },
    "s1 h:1 alive\ns2 h:2 suspect",
  ],
] as const) {
  transcript(`says ${JSON.stringify(expected)}`, () => {
    assert.is(words(line), expected);
  });
}

const kinds: readonly (readonly [shown: Shown, expected: string])[] = [
  [{ kind: "switched", serverid: "s2" as never }, "alice switches to server s2"],
  [{ kind: "switch-failed" }, "Server change failed"],
  [
    { kind: "switch-failed", reason: "ticket-invalid" },
    "Server change failed (the login ticket is not valid there)",
  ],
  [{ kind: "invalid-command" }, "Invalid command!"],
];
for (const [shown, expected] of kinds) {
  transcript(`says ${expected}`, () => {
    assert.equal(describe(shown, "alice"), [expected]);
  });
}

transcript("each trouble is one line that says where", () => {
  const where = { host: "::1", port: 4444 };
  const why = { kind: "untrusted", detail: "self-signed\ncertificate" } as const;
  const lines = [
    { what: "cannot-connect", purpose: "auth", where, why } as const,
    { what: "login-refused", purpose: "chat", where, reason: "odd\u001b[2J\nreason" } as const,
    { what: "auth-unknown", where } as const,
    { what: "dismissed", where } as const,
    { what: "silent", where } as const,
    { what: "lost", where, detail: "reset\r\n" } as const,
    { what: "retrying", where, inMs: 300, again: false } as const,
    { what: "back", where } as const,
  ].map((trouble) => describe({ kind: "trouble", trouble }, "alice"));
  for (const line of lines) {
    assert.is(line.length, 1);
    assert.match(line[0] ?? "", "[::1]:4444");
    assert.not.match(line[0] ?? "", /\p{Cc}/u);
  }
});

transcript("the prompt shows room and identity, or the seconds until the next try", () => {
  assert.is(prompt("jokes", "alice"), "[jokes] alice> ");
  assert.is(prompt("jokes", "alice", 3), "[reconnecting in 3 s] alice> ");
  assert.is(prompt("j\u001b]0;x\u0007k", "a"), "[jk] a> ");
});

transcript.run();

const cleaning = suite("cleaning");

for (const [hostile, harmless] of [
  ["plain äöü 漢字 👩‍👩‍👧", "plain äöü 漢字 👩‍👩‍👧"],
  ["\u001b[31mred\u001b[0m", "red"],
  ["\u009b31mred", "red"],
  ["\u001b[?1049h\u001b[2J\u001b[Hgone", "gone"],
  ["\u001b]0;title\u0007after", "after"],
  ["\u001b]8;;http://evil\u001b\\link\u001b]8;;\u001b\\", "link"],
  ["\u001b]52;c;cGFzdGU=\u009cx", "x"],
  ["\u001bP1;2q#0~\u001b\\x", "x"],
  ["\u001bcreset", "reset"],
  ["half \u001b[12;", "half "],
  ["half \u001b]0;never ended", "half "],
  ["one\nbob: forged", "one bob: forged"],
  ["one\r\nbob: forged", "one bob: forged"],
  ["one\rbob: forged", "one bob: forged"],
  ["one\u2028bob\u2029forged\u0085x", "one bob forged x"],
  ["tab\tbed", "tab bed"],
  ["bell\u0007 null\u0000 del\u007f", "bell null del"],
  ["\u202eevil\u202c \u2066x\u2069 \u200fy\u061c", "evil x y"],
  ["zero\u200bwidth\ufeff", "zerowidth"],
  ["tag\u{e0041}s", "tags"],
  ["lone \ud800 half", "lone  half"],
] as const) {
  cleaning(`makes ${JSON.stringify(hostile)} harmless`, () => {
    assert.is(clean(hostile), harmless);
  });
}

cleaning("leaves no control character of any text, and takes time in proportion", () => {
  const nasty = "\u001b[\u001b]\u009d\u001bP\u0000\u202e\n".repeat(100_000);
  const before = performance.now();
  assert.not.match(clean(nasty), /[\p{Cc}\u202a-\u202e\u2066-\u2069\u2028\u2029]/u);
  assert.ok(performance.now() - before < 5_000);
});

cleaning("nobody speaks as somebody else", () => {
  assert.is(
    words({ type: "message", identity: "eve", content: "hi\u2028bob: pay me\r\nbob: now" }),
    "eve: hi bob: pay me bob: now",
  );
  assert.is(inWords("x\u001b[31m"), "x");
});

cleaning.run();
