/**
 * The outbox: order, shared bytes, one write a turn.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Outbox, type Recipient } from "../bin/host/outbox.ts";
import type { ConnectionId } from "../lib/base/ids.ts";
import { draw } from "../lib/base/prng.ts";

const outbox = suite("outbox");

interface FakeRecipient extends Recipient {
  readonly writes: Uint8Array[];
  readonly text: string;
  readonly ended: number;
}

function fakeRecipient(): FakeRecipient {
  const writes: Uint8Array[] = [];
  let ended = 0;
  return {
    writes,
    route: undefined,
    write: (bytes) => void writes.push(bytes),
    end: () => {
      ended++;
    },
    get text() {
      return writes.map((bytes) => Buffer.from(bytes).toString()).join("");
    },
    get ended() {
      return ended;
    },
  };
}

/** An outbox for recipients 0 to count-1, flushed by hand. */
function setUp(count: number) {
  const recipients = Array.from({ length: count }, fakeRecipient);
  const due: (() => void)[] = [];
  const box = new Outbox(
    (id) => recipients[id],
    (flush) => void due.push(flush),
  );
  const turn = () => {
    assert.is(due.length, 1, "one flush a turn");
    due.splice(0).forEach((flush) => void flush());
  };
  return { recipients: recipients as FakeRecipient[], box, turn, due };
}

const ids = (...numbers: number[]) => numbers as number[] as ConnectionId[];
const id = (number: number) => number as ConnectionId;

outbox("joins a turn's lines of one audience into one write of shared bytes", () => {
  const { recipients, box, turn } = setUp(3);
  const room = ids(0, 1, 2);
  for (const line of ["a\n", "ö\n", "c\n"]) box.send(room, line);
  turn();
  for (const { writes, text } of recipients) {
    assert.is(writes.length, 1);
    assert.is(text, "a\nö\nc\n");
    assert.is(writes[0], recipients[0]?.writes[0]);
  }
});

outbox("leaves out an author's own lines only for the author", () => {
  const { recipients, box, turn } = setUp(4);
  const room = ids(0, 1, 2, 3);
  box.send(room, "a\n", id(0));
  box.send(room, "b\n", id(1));
  box.send(room, "c\n");
  turn();
  assert.equal(
    recipients.map(({ text }) => text),
    ["b\nc\n", "a\nc\n", "a\nb\nc\n", "a\nb\nc\n"],
  );
  assert.is(recipients[2]?.writes[0], recipients[3]?.writes[0]);
});

outbox("writes nothing to an author who is the only one to be left with nothing", () => {
  const { recipients, box, turn } = setUp(2);
  box.send(ids(0, 1), "a\n", id(0));
  turn();
  assert.equal(
    recipients.map(({ writes }) => writes.length),
    [0, 1],
  );
});

outbox("shares bytes among those who get the same of several audiences in turns", () => {
  const { recipients, box, turn } = setUp(6);
  const [one, other] = [ids(0, 1, 2, 5), ids(3, 4, 5)];
  for (const n of [1, 2, 3]) {
    box.send(one, `a${n}\n`);
    box.send(other, `b${n}\n`);
  }
  turn();
  assert.equal(
    recipients.map(({ text }) => text.replaceAll("\n", "")),
    ["a1a2a3", "a1a2a3", "a1a2a3", "b1b2b3", "b1b2b3", "a1b1a2b2a3b3"],
  );
  assert.is(new Set(recipients.map(({ writes }) => writes[0])).size, 3);
  assert.ok(recipients.every(({ writes }) => writes.length === 1));
});

outbox("end() delivers what was sent before and nothing after, then ends once", () => {
  const { recipients, box, turn } = setUp(2);
  const room = ids(0, 1);
  box.send(room, "a\n");
  box.end(id(0));
  box.send(room, "b\n");
  box.end(id(0));
  turn();
  assert.equal(
    recipients.map(({ text, ended }) => [text, ended]),
    [
      ["a\n", 1],
      ["a\nb\n", 0],
    ],
  );
});

outbox("ignores who is gone", () => {
  const { recipients, box, turn } = setUp(1);
  box.send(ids(0, 7), "a\n");
  box.end(id(8));
  turn();
  assert.is(recipients[0]?.text, "a\n");
});

outbox("does not let a turn grow without bound", () => {
  const { recipients, box, turn } = setUp(1);
  const line = `${"x".repeat(99_999)}\n`;
  for (let i = 0; i < 25; i++) box.send(ids(0), line);
  assert.is(recipients[0]?.writes.length, 2);
  turn();
  assert.is(recipients[0]?.text.length, 2_500_000);
});

outbox("keeps everybody's order whatever the audiences, by 200 seeds", () => {
  for (let seed = 1; seed <= 200; seed++) {
    let prng = seed;
    const random = (below: number) => {
      const drawn = draw(prng);
      prng = drawn.prng;
      return Math.floor(drawn.value * below);
    };
    const { recipients, box, due } = setUp(6);
    const audiences = Array.from({ length: 4 }, () =>
      ids(0, 1, 2, 3, 4, 5).filter(() => random(2) === 0),
    );
    const expected = recipients.map(() => "");
    for (let n = 0; n < 40; n++) {
      const to = audiences[random(4)] as ConnectionId[];
      const except = random(3) === 0 ? id(random(6)) : undefined;
      box.send(to, `${n}\n`, except);
      for (const each of to) if (each !== except) expected[each] += `${n}\n`;
      if (random(10) === 0) box.flush();
    }
    due.forEach((flush) => void flush());
    assert.equal(
      recipients.map(({ text }) => text),
      expected,
      `seed ${seed}`,
    );
  }
});

outbox.run();
