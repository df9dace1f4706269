/**
 * The schemas of what two chat servers say to each other: names are checked here already, because a
 * peer, unlike a client, never has a reason to send an unfit one. Source: PROTOCOL.md section 6.
 *
 * @module
 */

import * as v from "valibot";
import type { Refusal } from "./client-messages.ts";
import { type Vocabulary, vocabulary } from "./codec.ts";
import {
  countField,
  flagField,
  hostField,
  identityField,
  portField,
  roomIdField,
  serverIdField,
  text,
  usernameField,
} from "./fields.ts";
import { listEntriesMax, type MoveIdentity, type PeerMessage } from "./server-messages.ts";

const atMost = <Item>(schema: v.GenericSchema<unknown, Item>) =>
  v.pipe(v.array(schema), v.maxLength(listEntriesMax, `at most ${listEntriesMax} entries`));

const introduction = {
  serverid: serverIdField,
  incarnation: countField,
  host: hostField,
  clientport: portField,
  peerhost: hostField,
  peerport: portField,
} as const;
const speaker = { serverid: serverIdField } as const;
const mover = { ...speaker, identity: identityField, move: countField } as const;
const evicted = { ...speaker, evictedid: serverIdField, incarnation: countField } as const;
const refusal = v.custom<Refusal>((value) => typeof value === "string", "a reason");
const introductionRefusal = v.picklist(
  ["version", "mode", "id-taken", "evicted", "removed", "incarnation", "no-quorum"],
  "a reason",
);

const votedOn = {
  ...speaker,
  stamp: countField,
  locked: v.exactOptional(flagField),
  reason: v.exactOptional(refusal),
} as const;

/** Reads {@link PeerMessage}. */
export const peerMessages: Vocabulary<PeerMessage> = vocabulary<PeerMessage>({
  newserver: v.object({
    type: v.literal("newserver"),
    ...introduction,
    version: countField,
    partition: v.picklist(["available", "majority"], '"available" or "majority"'),
    sequence: countField,
    evicted: countField,
  }),
  serverreply: v.variant("approved", [
    v.object({
      type: v.literal("serverreply"),
      approved: v.literal("true"),
      ...introduction,
      sequence: countField,
    }),
    v.object({
      type: v.literal("serverreply"),
      approved: v.literal("false"),
      ...speaker,
      reason: introductionRefusal,
      detail: text,
      incarnation: countField,
    }),
  ]),
  holdings: v.object({
    type: v.literal("holdings"),
    ...speaker,
    change: countField,
    rooms: atMost(v.object({ roomid: roomIdField, claimedat: countField })),
    identities: atMost(
      v.object({ identity: identityField, username: usernameField, claimedat: countField }),
    ),
    attempts: atMost(
      v.object({ kind: v.picklist(["identity", "room"]), name: text, stamp: countField }),
    ),
    last: flagField,
  }),
  members: v.object({
    type: v.literal("members"),
    ...speaker,
    members: atMost(
      v.object({
        ...introduction,
        status: v.picklist(["alive", "suspect", "leaving", "dead", "introducing"], "a status"),
      }),
    ),
    last: flagField,
  }),
  lockidentity: v.object({
    type: v.literal("lockidentity"),
    ...votedOn,
    identity: identityField,
  }),
  releaseidentity: v.object({
    type: v.literal("releaseidentity"),
    ...speaker,
    identity: identityField,
    stamp: countField,
  }),
  lockroomid: v.object({ type: v.literal("lockroomid"), ...votedOn, roomid: roomIdField }),
  releaseroomid: v.object({
    type: v.literal("releaseroomid"),
    ...speaker,
    roomid: roomIdField,
    stamp: countField,
    approved: flagField,
    claimedat: countField,
    change: countField,
  }),
  deleteroom: v.object({
    type: v.literal("deleteroom"),
    ...speaker,
    roomid: roomIdField,
    change: countField,
  }),
  moveidentity: v.lazy((input) =>
    typeof input === "object" && input !== null && "approved" in input ? moveAnswer : moveAnnounced,
  ),
  endmove: v.object({ type: v.literal("endmove"), ...mover, acknowledged: flagField }),
  moveended: v.object({ type: v.literal("moveended"), ...mover, arrived: flagField }),
  heartbeat: v.object({
    type: v.literal("heartbeat"),
    ...speaker,
    sequence: countField,
    acknowledged: countField,
    change: countField,
    digest: v.pipe(text, v.maxLength(64, "a digest")),
    users: countField,
  }),
  hearsay: v.object({
    type: v.literal("hearsay"),
    ...speaker,
    suspectid: serverIdField,
    incarnation: countField,
    heard: v.exactOptional(flagField),
  }),
  evicted: v.object({ type: v.literal("evicted"), ...evicted }),
  removed: v.object({ type: v.literal("removed"), ...evicted }),
  relay: v.object({ type: v.literal("relay"), ...speaker, target: serverIdField }),
  askrooms: v.object({ type: v.literal("askrooms"), ...speaker }),
  askmembers: v.object({ type: v.literal("askmembers"), ...speaker }),
  leaving: v.object({ type: v.literal("leaving"), ...speaker, incarnation: countField }),
  leave: v.object({ type: v.literal("leave"), ...speaker, incarnation: countField }),
  error: v.object({
    type: v.literal("error"),
    serverid: v.exactOptional(serverIdField),
    reason: text,
    detail: text,
  }),
  disconnect: v.object({ type: v.literal("disconnect"), ...speaker, username: usernameField }),
});

const moveAnnounced: v.GenericSchema<unknown, MoveIdentity> = v.object({
  type: v.literal("moveidentity"),
  ...mover,
  username: usernameField,
  claimedat: countField,
  former: text,
  roomid: text,
});

const moveAnswer: v.GenericSchema<unknown, MoveIdentity> = v.object({
  type: v.literal("moveidentity"),
  ...mover,
  approved: flagField,
  pass: v.exactOptional(text),
  reason: v.exactOptional(refusal),
});
