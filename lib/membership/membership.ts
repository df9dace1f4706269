/**
 * Which servers belong to the cluster, as one of them sees it. It knows nothing of links and
 * messages. Source: PROTOCOL.md section 8.
 *
 * @module
 */

import type { ServerId } from "../base/ids.ts";

/** A host and a port. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** A server as seen in the member list. */
export interface Member {
  readonly id: ServerId;
  /** Raised by the member itself only: at every start, and when it comes back from an eviction. */
  readonly incarnation: number;
  readonly status: "alive" | "suspect" | "dead" | "left";
  /** It drains: no new users for it. */
  readonly leaving: boolean;
  /** Where clients reach it. */
  readonly client: Endpoint;
  /** Where peers reach it. */
  readonly peer: Endpoint;
}

/** All members but the server itself, dead ones included until they are removed. */
export type Membership = ReadonlyMap<ServerId, Member>;

/** The list with this member in it, instead of what stood there under its id. */
export function withMember(membership: Membership, member: Member): Membership {
  return new Map(membership).set(member.id, member);
}

/** The list without a member. */
export function withoutMember(membership: Membership, id: ServerId): Membership {
  const rest = new Map(membership);
  rest.delete(id);
  return rest;
}

/** The list with something changed about one member; the same list if there is no such member. */
export function changeMember(
  membership: Membership,
  id: ServerId,
  change: Partial<Pick<Member, "status" | "leaving">>,
): Membership {
  const member = membership.get(id);
  return member === undefined ? membership : withMember(membership, { ...member, ...change });
}

/** A member that counts: it is asked in every vote and its names are taken. */
export interface PresentMember extends Member {
  readonly status: "alive" | "suspect";
}

/** Whether a member counts. */
export function isPresent(member: Member | undefined): member is PresentMember {
  return member !== undefined && (member.status === "alive" || member.status === "suspect");
}

/** The members that are asked in every vote. */
export function voters(membership: Membership): ServerId[] {
  return [...membership.values()].filter(isPresent).map(({ id }) => id);
}

/** Whether users may be sent to a member: it is heard and does not leave. */
export function isRoutable(member: Member | undefined): member is PresentMember {
  return member !== undefined && member.status === "alive" && !member.leaving;
}

/** A short text that two servers with the same view of who is present share (FNV-1a). */
export function digest(
  present: Iterable<{ readonly id: ServerId; readonly incarnation: number }>,
): string {
  const lines = [...present].map(({ id, incarnation }) => `${id} ${incarnation}`).sort();
  let hash = 0x811c9dc5;
  for (const character of lines.join("\n")) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  return (hash >>> 0).toString(16);
}
