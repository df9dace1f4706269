/**
 * Whole sessions of clients over three real servers, every line checked as base-protocol clients
 * read it. Source: PROTOCOL.md sections 3 and 5.
 *
 * @module
 */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Heard, LineClient } from "./support/line-client.ts";
import { type RealCluster, sharedCluster } from "./support/real-cluster.ts";
import { waitFor } from "./support/wait.ts";

const sessions = suite<{ cluster: RealCluster }>("sessions over three servers");

sessions.before(async (context) => {
  context.cluster = await sharedCluster();
});

/** The room list, sorted: its order is free. */
async function rooms(client: LineClient): Promise<readonly string[]> {
  const { type, rooms: list } = await client.ask({ type: "list" });
  assert.is(type, "roomlist");
  return [...(list as string[])].sort();
}

/** The next lines, by identity: who of a room is moved first is free. */
async function inAnyOrder(client: LineClient, count: number): Promise<readonly Heard[]> {
  const lines: Heard[] = [];
  while (lines.length < count) lines.push(await client.next());
  return lines.sort((a, b) => (String(a["identity"]) < String(b["identity"]) ? -1 : 1));
}

const change = (identity: string, former: string, roomid: string) => ({
  type: "roomchange",
  identity,
  former,
  roomid,
});

sessions(
  "login, create, talk, delete and quit, as one and as others see it",
  async ({ cluster }) => {
    const ann = await cluster.login("s1", "Ann");
    const ben = await cluster.login("s1", "Ben");
    await ann.expect(change("Ben", "", "MainHall-s1"));
    assert.equal(await rooms(ann), ["MainHall-s1", "MainHall-s2", "MainHall-s3"]);

    ann.send({ type: "createroom", roomid: "jokes" });
    await ann.expect(
      { type: "createroom", roomid: "jokes", approved: "true" },
      change("Ann", "MainHall-s1", "jokes"),
    );
    await ben.expect(change("Ann", "MainHall-s1", "jokes"));
    assert.equal(await ann.ask({ type: "who" }), {
      type: "roomcontents",
      roomid: "jokes",
      identities: ["Ann"],
      owner: "Ann",
    });

    ben.send({ type: "join", roomid: "jokes" });
    await ben.expect(change("Ben", "MainHall-s1", "jokes"));
    await ann.expect(change("Ben", "MainHall-s1", "jokes"));
    ben.send({ type: "message", content: "héllo 🎈" });
    ben.send({ type: "message", content: "" });
    await ann.expect(
      { type: "message", identity: "Ben", content: "héllo 🎈" },
      { type: "message", identity: "Ben", content: "" },
    );
    await ben.expectNothing();

    ann.send({ type: "deleteroom", roomid: "jokes" });
    const moves = [change("Ann", "jokes", "MainHall-s1"), change("Ben", "jokes", "MainHall-s1")];
    assert.equal(await inAnyOrder(ann, 2), moves);
    await ann.expect({ type: "deleteroom", roomid: "jokes", approved: "true" });
    await ben.next();
    await ben.next();
    await ben.expectNothing();

    ann.send({ type: "quit" });
    await ann.expect(change("Ann", "MainHall-s1", ""));
    await ann.expectClosed();
    await ben.expect(change("Ann", "MainHall-s1", ""));
    ben.destroy();
  },
);

sessions("an owner that quits, or is lost, takes the room along", async ({ cluster }) => {
  const guest = await cluster.login("s2", "Guest");
  for (const leave of ["quit", "loss"] as const) {
    const owner = await cluster.login("s2", "Owner");
    await guest.expect(change("Owner", "", "MainHall-s2"));
    owner.send({ type: "createroom", roomid: "parlour" });
    await guest.expect(change("Owner", "MainHall-s2", "parlour"));
    guest.send({ type: "joinroom", roomid: "parlour" });
    await guest.expect(change("Guest", "MainHall-s2", "parlour"));
    if (leave === "quit") owner.send({ type: "quit" });
    else owner.destroy();
    assert.equal(await inAnyOrder(guest, 2), [
      change("Guest", "parlour", "MainHall-s2"),
      change("Owner", "parlour", ""),
    ]);
    assert.not((await rooms(guest)).includes("parlour"));
  }
  guest.destroy();
});

sessions("a room made on one server is listed and joined on another", async ({ cluster }) => {
  const host = await cluster.login("s3", "Host");
  host.send({ type: "createroom", roomid: "lounge" });
  await host.nextOf("roomchange");
  const guest = await cluster.login("s1", "Traveller");
  const stayer = await cluster.login("s1", "Stayer");
  await guest.expect(change("Stayer", "", "MainHall-s1"));
  await waitFor("the room on s1", async () => (await rooms(guest)).includes("lounge"));

  const route = await guest.ask({ type: "join", roomid: "lounge" });
  const { ticket, ...rest } = route;
  assert.equal(rest, {
    type: "route",
    roomid: "lounge",
    host: "127.0.0.1",
    port: String(cluster.server("s3").clientPort),
    username: ticket,
  });
  await stayer.expect(change("Traveller", "MainHall-s1", "lounge"));

  const moved = await cluster.connect("s3");
  moved.send({
    type: "movejoin",
    former: "MainHall-s1",
    roomid: "lounge",
    identity: "Traveller",
    ticket,
  });
  await moved.expect(
    { type: "serverchange", approved: "true", serverid: "s3" },
    change("Traveller", "MainHall-s1", "lounge"),
  );
  await host.expect(change("Traveller", "MainHall-s1", "lounge"));
  moved.send({ type: "message", content: "here" });
  await host.expect({ type: "message", identity: "Traveller", content: "here" });
  moved.send({ type: "quit" });
  await moved.expect(change("Traveller", "lounge", ""));
  await moved.expectClosed();
  await stayer.expectNothing();
  for (const each of [host, guest, stayer]) each.destroy();
});

sessions(
  "a room deleted during the move leaves the mover in the main hall",
  async ({ cluster }) => {
    const host = await cluster.login("s3", "Host2");
    host.send({ type: "createroom", roomid: "doomed" });
    await host.nextOf("roomchange");
    const guest = await cluster.login("s1", "Late");
    await waitFor("the room on s1", async () => (await rooms(guest)).includes("doomed"));
    const { ticket } = await guest.ask({ type: "join", roomid: "doomed" });
    host.send({ type: "deleteroom", roomid: "doomed" });
    await host.nextOf("deleteroom");
    const moved = await cluster.connect("s3");
    // One of the real clients puts the pass here, and has no `ticket`.
    const move = { type: "movejoin", former: "MainHall-s1", roomid: "doomed", identity: "Late" };
    moved.send({ ...move, username: ticket });
    await moved.expect(
      { type: "serverchange", approved: "true", serverid: "s3" },
      change("Late", "MainHall-s1", "MainHall-s3"),
    );
    for (const each of [host, guest, moved]) each.destroy();
  },
);

sessions("who carries on on the old connection is back in its main hall", async ({ cluster }) => {
  const wanderer = await cluster.login("s1", "Wanderer");
  const { type } = await wanderer.ask({ type: "join", roomid: "MainHall-s2" });
  assert.is(type, "route");
  wanderer.send({ type: "who" });
  await wanderer.expect(change("Wanderer", "MainHall-s2", "MainHall-s1"));
  const { identities } = await wanderer.next();
  assert.equal(identities, ["Wanderer"]);
  wanderer.destroy();
});

sessions("what can't be done is refused, and nothing else happens", async ({ cluster }) => {
  const one = await cluster.login("s1", "One");
  const two = await cluster.login("s2", "Two");
  two.send({ type: "createroom", roomid: "taken" });
  await two.nextOf("roomchange");
  await waitFor("the room on s1", async () => (await rooms(one)).includes("taken"));
  const refusals: readonly (readonly [object, object])[] = [
    ...["ab", "1abc", "under_score", "MainHall-s1", "a".repeat(17), "näme", ""].map(
      (roomid) =>
        [
          { type: "createroom", roomid },
          { type: "createroom", roomid, approved: "false", reason: "room-invalid" },
        ] as const,
    ),
    [
      { type: "createroom", roomid: "taken" },
      { type: "createroom", roomid: "taken", approved: "false", reason: "room-exists" },
    ],
    ...["nowhere", "MainHall-s9", "9 bad!"].map(
      (roomid) =>
        [
          { type: "join", roomid },
          { ...change("One", "MainHall-s1", "MainHall-s1"), reason: "no-such-room" },
        ] as const,
    ),
    [
      { type: "join", roomid: "MainHall-s1" },
      { ...change("One", "MainHall-s1", "MainHall-s1"), reason: "already-there" },
    ],
    [
      { type: "deleteroom", roomid: "nowhere" },
      { type: "deleteroom", roomid: "nowhere", approved: "false", reason: "no-such-room" },
    ],
    [
      { type: "deleteroom", roomid: "MainHall-s1" },
      { type: "deleteroom", roomid: "MainHall-s1", approved: "false", reason: "not-owner" },
    ],
    [
      { type: "newidentity", identity: "Else", ticket: cluster.ticket("Else") },
      { type: "error", reason: "already-logged-in", detail: "you are logged in" },
    ],
  ];
  for (const [request, answer] of refusals) assert.equal(await one.ask(request), answer);
  assert.equal(await two.ask({ type: "join", roomid: "MainHall-s1" }), {
    ...change("Two", "taken", "taken"),
    reason: "owns-room",
  });
  assert.equal(await two.ask({ type: "createroom", roomid: "another" }), {
    type: "createroom",
    roomid: "another",
    approved: "false",
    reason: "owns-room",
  });
  one.destroy();
  two.destroy();
});

sessions("servers are listed with their client addresses", async ({ cluster }) => {
  const asker = await cluster.login("s2", "Asker");
  const { servers } = await asker.ask({ type: "servers" });
  const sorted = [...(servers as { serverid: string }[])].sort((a, b) =>
    a.serverid < b.serverid ? -1 : 1,
  );
  assert.equal(
    sorted,
    cluster.servers.map(({ id, clientPort }) => ({
      serverid: id,
      host: "127.0.0.1",
      port: String(clientPort),
      status: "alive",
    })),
  );
  asker.destroy();
});

sessions.run();
