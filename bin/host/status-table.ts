/**
 * The answer to `chat-server status`, as a table for people.
 *
 * @module
 */

import { formatAddress, type MemberStatus } from "../../lib/mod.ts";

/** A member, with what the admin's own look at it added. */
export interface StatusRow extends MemberStatus {
  /** Days left of its certificate; -1: it did not show it. */
  readonly daysleft: number;
}

const heading = [
  "server",
  "state",
  "incarnation",
  "rooms",
  "users",
  "last heard",
  "link",
  "clients at",
  "peers at",
  "cert days",
];

/** The members as aligned columns; what nobody knows is a dash. */
export function formatStatus(
  asked: string,
  partition: string,
  members: readonly StatusRow[],
): string {
  const sorted = [...members].sort((one, other) => (one.serverid < other.serverid ? -1 : 1));
  const rows = sorted.map((member) => [
    member.serverid === asked ? `${member.serverid} (asked)` : member.serverid,
    member.status,
    String(member.incarnation),
    count(member.rooms),
    count(member.users),
    member.serverid === asked ? "-" : `${(member.silentms / 1000).toFixed(1)} s`,
    member.link === "" ? "-" : member.link,
    formatAddress({ host: member.host, port: Number(member.clientport) }),
    formatAddress({ host: member.peerhost, port: Number(member.peerport) }),
    count(member.daysleft),
  ]);
  const widths = heading.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = [heading, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return [...lines, `mode: ${partition}`].join("\n");
}

function count(value: number): string {
  return value < 0 ? "-" : String(value);
}
