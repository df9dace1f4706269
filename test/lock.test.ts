/**
 * The leaf rules of Lock/Release: the voter's table and the asker's ballot.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ServerId } from "../lib/base/ids.ts";
import { askAgain, countGrant, doWithout, isWon, openBallot } from "../lib/lock/ballot.ts";
import {
  type Attempt,
  dropAttemptsOf,
  emptyLockTable,
  grant,
  identityLock,
  isOlder,
  keepQuestion,
  type LockTable,
  lockedName,
  lockOn,
  release,
  roomLock,
  sameAttempt,
  takeQuestion,
} from "../lib/lock/lock-table.ts";

const lock = suite("lock");

const id = (text: string) => text as ServerId;
const attempt = (asker: string, stamp: number): Attempt => ({ asker: id(asker), stamp });
const ann = identityLock("ann" as never);
const lease = undefined;

/** The questions that wait at a name, in their order. */
function waiting(table: LockTable): readonly string[] {
  return (table.get(ann)?.questions ?? []).map(({ asker, stamp }) => `${asker} ${stamp}`);
}

lock("identities and rooms are apart, and a lock says what it locks", () => {
  assert.is.not(ann, roomLock("ann" as never));
  assert.equal(lockedName(ann), { kind: "identity", identity: "ann" });
  assert.equal(lockedName(roomLock("identity:x" as never)), { kind: "room", roomid: "identity:x" });
});

lock("the order of attempts is total: stamp, then id", () => {
  for (const [one, other, older] of [
    [attempt("b", 1), attempt("a", 2), true],
    [attempt("a", 2), attempt("b", 2), true],
    [attempt("b", 2), attempt("a", 2), false],
    [attempt("a", 2), attempt("a", 2), false],
  ] as const) {
    assert.is(isOlder(one, other), older);
    assert.is(isOlder(one, other) && isOlder(other, one), false);
    assert.is(sameAttempt(one, other), !older && !isOlder(other, one));
  }
});

lock("a lock ends for its own attempt only", () => {
  const table = grant(emptyLockTable(), ann, { attempt: attempt("a", 1), lease });
  for (const other of [attempt("a", 2), attempt("b", 1)]) {
    assert.is(lockOn(release(table, ann, other), ann)?.attempt.asker, "a");
  }
  assert.is(release(table, ann, attempt("a", 1)).size, 0);
  assert.is(release(emptyLockTable(), ann, attempt("a", 1)).size, 0);
});

lock("questions wait in their order, one for each asker, and leave nothing behind", () => {
  let table = grant(emptyLockTable(), ann, { attempt: attempt("a", 1), lease });
  for (const question of [attempt("c", 5), attempt("b", 5), attempt("d", 2), attempt("c", 7)]) {
    table = keepQuestion(table, ann, question);
  }
  assert.equal(waiting(table), ["d 2", "b 5", "c 7"]);
  table = release(table, ann, attempt("b", 5));
  table = release(table, ann, attempt("a", 1));
  assert.is(lockOn(table, ann), undefined);
  const first = takeQuestion(table, ann);
  assert.equal(first?.question, attempt("d", 2));
  const second = takeQuestion(first?.table ?? table, ann);
  assert.equal([second?.question, second?.table.size], [attempt("c", 7), 0]);
  assert.is(takeQuestion(emptyLockTable(), ann), undefined);
});

lock("what an asker has is dropped, but for what it still names", () => {
  const den = roomLock("den" as never);
  let table = grant(emptyLockTable(), ann, { attempt: attempt("a", 1), lease });
  table = keepQuestion(table, ann, attempt("b", 2));
  table = grant(table, den, { attempt: attempt("b", 3), lease });
  const all = dropAttemptsOf(table, id("b"));
  assert.equal(
    [[...all.names].sort(), all.table.has(den), waiting(all.table)],
    [[ann, den], false, []],
  );
  assert.is(lockOn(all.table, ann)?.attempt.asker, "a");
  const some = dropAttemptsOf(table, id("b"), (name, stamp) => name === den && stamp === 3);
  assert.equal([some.names, some.table.has(den)], [[ann], true]);
});

lock("a ballot is won with every voter's grant, and at once without voters", () => {
  assert.ok(isWon(openBallot(attempt("a", 1), [])));
  const open = openBallot(attempt("a", 1), [id("b"), id("c")]);
  const one = countGrant(countGrant(open, id("b")), id("b"));
  assert.not.ok(isWon(open) || isWon(one) || isWon(countGrant(one, id("stranger"))));
  assert.ok(isWon(countGrant(one, id("c"))));
});

lock("who is asked again has to grant again, who is gone does not count", () => {
  const granted = countGrant(openBallot(attempt("a", 1), [id("b")]), id("b"));
  for (const voter of ["b", "c"]) {
    const again = askAgain(granted, id(voter));
    assert.not.ok(isWon(again));
    assert.ok(isWon(countGrant(again, id(voter))));
    assert.is(isWon(doWithout(again, id(voter))), true);
  }
  assert.ok(isWon(doWithout(doWithout(granted, id("b")), id("b"))));
});

lock.run();
