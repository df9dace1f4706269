/**
 * Lines and messages against the vectors in test/vectors, which other implementations may use too,
 * and the leaf rules of frames, fields and formatting.
 *
 * @module
 */

import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { adminReplies, adminRequests } from "../lib/wire/admin-messages.ts";
import { authReplies, authRequests } from "../lib/wire/auth-messages.ts";
import { clientReplies, clientRequests } from "../lib/wire/client-messages.ts";
import { formatMessage, frameError, parseMessage, type Vocabulary } from "../lib/wire/codec.ts";
import { formatAddress, isPort, parseAddress } from "../lib/wire/fields.ts";
import { decodeFrames, noPendingFrame } from "../lib/wire/frame.ts";
import { peerMessages } from "../lib/wire/server-vocabulary.ts";
import { seeded } from "./support/orders.ts";

const wire = suite("wire");

interface Vectors {
  readonly valid: readonly string[];
  readonly invalid: readonly {
    readonly line: string;
    readonly reason: string;
    readonly ends: boolean;
    readonly why: string;
  }[];
}

interface FrameCase {
  readonly about: string;
  readonly limit: number;
  readonly chunks: readonly string[];
  readonly frames: readonly string[];
  readonly error?: string;
}

function readVectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), "utf8"));
}

const channels: readonly (readonly [string, Vocabulary<{ readonly type: string }>])[] = [
  ["client-requests", clientRequests],
  ["client-replies", clientReplies],
  ["peer", peerMessages],
  ["auth-requests", authRequests as Vocabulary<{ readonly type: string }>],
  ["auth-replies", authReplies],
  ["admin-requests", adminRequests],
  ["admin-replies", adminReplies],
];

for (const [name, known] of channels) {
  const { valid, invalid } = readVectors(name) as Vectors;

  wire(`${name}: the valid lines are read, written and read again as the same`, () => {
    for (const line of valid) {
      const parsed = parseMessage(known, line);
      assert.ok(parsed.ok, `${line}: ${parsed.ok || parsed.error.detail}`);
      if (!parsed.ok) continue;
      const written = formatMessage(parsed.value);
      assert.match(written, /^[^\n]*\n$/);
      assert.equal(parseMessage(known, written.trimEnd()), parsed);
    }
  });

  wire(`${name}: every message has a valid line`, () => {
    const types = valid.map((line) => (JSON.parse(line) as { readonly type: string }).type);
    assert.equal([...new Set(types)].sort(), [...known.keys()].sort());
  });

  wire(`${name}: the invalid lines are refused for their reasons`, () => {
    for (const { line, reason, ends, why } of invalid) {
      const parsed = parseMessage(known, line);
      assert.not.ok(parsed.ok, `${line}: ${why}`);
      if (!parsed.ok) assert.equal([parsed.error.reason, parsed.error.fatal], [reason, ends], line);
    }
  });
}

const { cases } = readVectors("frames") as { readonly cases: readonly FrameCase[] };

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** What comes out of a stream of chunks, up to its first error. */
function read(chunks: readonly Uint8Array[], limit: number): object {
  const frames: string[] = [];
  let pending = noPendingFrame;
  for (const chunk of chunks) {
    const decoded = decodeFrames(pending, chunk, limit);
    frames.push(...decoded.frames);
    pending = decoded.pending;
    assert.ok(pending.length <= limit);
    if (decoded.error !== undefined) return { frames, error: decoded.error };
  }
  return { frames };
}

wire("frames: every vector, as it is, byte by byte and in one piece", () => {
  for (const { about, limit, chunks, frames, error } of cases) {
    const expected = error === undefined ? { frames } : { frames, error };
    const parts = chunks.map(bytesOf);
    const whole = bytesOf(chunks.join(""));
    assert.equal(read(parts, limit), expected, about);
    assert.equal(read([whole], limit), expected, `${about}, in one piece`);
    const bytes = Array.from(whole, (byte) => Uint8Array.of(byte));
    assert.equal(read(bytes, limit), expected, `${about}, byte by byte`);
  }
});

wire("frames: any cut of random bytes gives the same lines", () => {
  const choose = seeded(3);
  const alphabet = [0x61, 0x62, 0x0a, 0x0d, 0xc3, 0xa4, 0xf0, 0x00];
  for (let run = 0; run < 400; run++) {
    const bytes = Uint8Array.from({ length: choose(40) }, () => alphabet[choose(8)] as number);
    const chunks: Uint8Array[] = [];
    for (let start = 0; start < bytes.length; ) {
      const end = start + 1 + choose(9);
      chunks.push(bytes.subarray(start, end));
      start = end;
    }
    assert.equal(read(chunks, 8), read([bytes], 8), `run ${run}`);
  }
});

wire("frames: what is pending is a copy, not a window on the chunk", () => {
  const chunk = new TextEncoder().encode("a\nbc");
  const { pending } = decodeFrames(noPendingFrame, chunk, 16);
  chunk.fill(0x78);
  assert.equal(new TextDecoder().decode(pending), "bc");
});

wire("an error of a frame says the limit and ends the connection", () => {
  for (const reason of ["too-long", "not-utf8"] as const) {
    const error = frameError(reason, 8_192);
    assert.equal([error.reason, error.fatal], [reason, true]);
  }
  assert.match(frameError("too-long", 8_192).detail, "8192");
});

wire("no message can break out of its line", () => {
  const content = 'a\nb\r\u2028"}{';
  const line = formatMessage({ type: "message", content } as { type: string });
  assert.is(line.indexOf("\n"), line.length - 1);
  const parsed = parseMessage(clientRequests, line);
  assert.equal(parsed, { ok: true, value: { type: "message", content } });
});

wire("deep nesting and huge keys are refused, not fatal to us", () => {
  const deep = `{"type":"join","roomid":${"[".repeat(4_000)}${"]".repeat(4_000)}}`;
  assert.not.ok(parseMessage(clientRequests, deep).ok);
  const wide = `{"type":"who",${'"x":1,'.repeat(1_300)}"y":2}`;
  assert.equal(parseMessage(clientRequests, wide), { ok: true, value: { type: "who" } });
});

wire("addresses are written as they are read", () => {
  for (const text of ["localhost:4444", "[::1]:5555", "[fe80::1%eth0]:1", "10.0.0.1:65535"]) {
    const address = parseAddress(text);
    assert.is(address === undefined ? "" : formatAddress(address), text);
  }
  for (const port of [0, -1, 1.5, 65_536, Number.NaN]) assert.not.ok(isPort(port));
});

wire.run();
