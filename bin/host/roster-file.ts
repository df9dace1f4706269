/**
 * The roster of the mode `majority` on disk: who counts, as this server last knew it. A server that
 * forgot it could take a minority for the whole.
 *
 * @module
 */

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { asServerId, type ServerId } from "../../lib/mod.ts";
import { UsageError } from "./cli.ts";
import { readIfThere, writeWhole } from "./files.ts";

const schema = v.object({
  roster: v.array(
    v.custom<ServerId>((id) => typeof id === "string" && asServerId(id) !== undefined),
  ),
});

/** The roster that this server kept, or `undefined` at its first start. */
export async function readRoster(
  folder: string,
  id: ServerId,
): Promise<readonly ServerId[] | undefined> {
  const path = pathOf(folder, id);
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  try {
    return v.parse(schema, JSON.parse(text)).roster;
  } catch {
    const advice = "restore it, or delete it if this server may learn anew who belongs to it";
    throw new UsageError(`${path} is no roster: ${advice}`);
  }
}

/**
 * Returns how to keep a roster: the latest one wins, whatever the disk is doing.
 *
 * @example
 * ```ts
 * const complain = (problem: string) => log.report({ event: "roster-failed", problem });
 * const keep = rosterKeeper("data", id, complain);
 * keep(["s1", "s2", "s3"]);
 * ```
 */
export function rosterKeeper(
  folder: string,
  id: ServerId,
  failed: (detail: string) => void,
): (roster: readonly ServerId[]) => void {
  let last: Promise<void> = Promise.resolve();
  return (roster) => {
    last = last
      .then(() => mkdir(folder, { recursive: true }))
      .then(() =>
        writeWhole(pathOf(folder, id), `${JSON.stringify({ roster })}\n`, {
          secret: false,
          replace: true,
        }),
      )
      .catch((error: Error) => failed(error.message));
  };
}

function pathOf(folder: string, id: ServerId): string {
  return join(folder, `roster-${id}.json`);
}
