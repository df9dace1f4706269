/**
 * PROTOCOL.md as a document: its tables name what the code knows, its numbers are used once, and
 * every rule has a test whose name begins with its number.
 *
 * @module
 */

import { readdirSync, readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { adminReplies, adminRequests } from "../lib/wire/admin-messages.ts";
import { authReplies, authRequests } from "../lib/wire/auth-messages.ts";
import type { ErrorReason, Refusal } from "../lib/wire/client-messages.ts";
import { clientReplies } from "../lib/wire/client-messages.ts";
import { type IntroductionRefusal, protocolVersion } from "../lib/wire/server-messages.ts";
import { rules, tableAfter, text, words } from "./support/tables.ts";

const specification = suite("protocol, the document");

/** Every value of the union: the compiler refuses one that is missing here or too many. */
const refusals: Readonly<Record<Refusal, true>> = {
  "login-required": true,
  "ticket-invalid": true,
  "ticket-expired": true,
  credentials: true,
  throttled: true,
  "identity-invalid": true,
  "identity-in-use": true,
  "identity-reserved": true,
  "room-invalid": true,
  "room-exists": true,
  "no-such-room": true,
  "owns-room": true,
  "not-owner": true,
  "already-there": true,
  busy: true,
  "no-quorum": true,
  draining: true,
  unreachable: true,
};
const introductionRefusals: Readonly<Record<IntroductionRefusal, true>> = {
  version: true,
  mode: true,
  "id-taken": true,
  evicted: true,
  removed: true,
  incarnation: true,
  "no-quorum": true,
};
const errorReasons: Readonly<Record<ErrorReason, true>> = {
  malformed: true,
  "unknown-type": true,
  "too-long": true,
  "not-utf8": true,
  "login-required": true,
  "already-logged-in": true,
  busy: true,
};

function sorted(words: Iterable<string>): readonly string[] {
  return [...new Set(words)].sort();
}

specification("every reason of a refusal, an introduction and an error has its row", () => {
  assert.equal(sorted(words(tableAfter("## 10"), 0)), sorted(Object.keys(refusals)));
  const introductions = sorted(words(tableAfter("**6.7**"), 0));
  assert.equal(introductions, sorted(Object.keys(introductionRefusals)));
  assert.equal(sorted(words(tableAfter("**1.5**"), 0)), sorted(Object.keys(errorReasons)));
});

specification("reasons are carried by messages that exist", () => {
  const known = new Set([...clientReplies.keys(), ...authReplies.keys()]);
  for (const message of words(tableAfter("## 10"), 2)) assert.ok(known.has(message), message);
});

specification(
  "the messages of admins and of the authentication server are those of the code",
  () => {
    assert.equal(sorted(words(tableAfter("**9.1**"), 0)), sorted(adminRequests.keys()));
    assert.equal(sorted(words(tableAfter("**9.2**"), 0)), sorted(adminReplies.keys()));
    assert.equal([...authRequests.keys()], ["login"]);
  },
);

specification("the version is the one that servers speak", () => {
  assert.ok(text.includes(`\`version\` (${protocolVersion})`));
});

specification("numbers are given once, count up, and references lead somewhere", () => {
  const known = rules();
  assert.is(new Set(known).size, known.length);
  let [section, count] = [0, 0];
  for (const rule of known) {
    const [major = 0, minor = 0] = rule.split(".").map(Number);
    count = major === section ? count + 1 : 1;
    section = major;
    assert.is(minor, count, `rule ${rule} comes after ${section}.${count - 1}`);
  }
  for (const [, reference = ""] of text.matchAll(
    /[(:\s](\d{1,2}\.\d{1,2})(?=[),;:]| to | and )/g,
  )) {
    const isRule = known.includes(reference) || /^[01234]\.\d$|^10\.\d$/.test(reference);
    assert.ok(isRule, `${reference} is no rule`);
  }
});

specification("every hole of earlier implementations is closed by rules that exist", () => {
  const { rows } = tableAfter("### The holes");
  const numbers = rows.map(([number = ""]) => Number.parseInt(number, 10));
  assert.equal(
    sorted(numbers.map(String)),
    sorted(Array.from({ length: 24 }, (_, n) => `${n + 1}`)),
  );
});

specification("every rule that the pure machines can show has a test with its number", () => {
  const folder = new URL("./", import.meta.url);
  const names = readdirSync(folder).filter((file) => file.endsWith(".test.ts"));
  const sources = names.map((file) => readFileSync(new URL(file, folder), "utf8")).join("\n");
  const tested = new Set([...sources.matchAll(/"(\d+\.\d+)[ "]/g)].map(([, number]) => number));
  const untested = rules().filter((rule) => /^[123567]\./.test(rule) && !tested.has(rule));
  assert.equal(untested, []);
});

specification.run();
