/**
 * The faults that strike the explored cases, each at every possible point.
 *
 * @module
 */

import type { Trouble } from "./branches.ts";
import type { Setting } from "./case-worlds.ts";
import { start } from "./small-events.ts";
import { block, crash, cut, drain, goOn, stop, unblock, unwall, wall } from "./small-faults.ts";

/** A process ends. */
export function crashes(id: string): Trouble {
  return { name: `${id} crashes`, touches: [id], strike: (world) => crash(world, id) };
}

/** A process ends, and is started again under a higher incarnation. */
export function comesBack(id: string, others: readonly string[], setting: Setting = {}): Trouble {
  const again: Trouble = {
    name: `${id} is started again`,
    isLate: true,
    strike: (world) => start(world, id, { ...setting, contacts: others }),
  };
  return { ...crashes(id), next: again };
}

/** The connection of two servers breaks. */
export function linkBreaks(one: string, other: string): Trouble {
  return {
    name: `the link of ${one} and ${other} breaks`,
    touches: [one, other],
    strike: (world) => cut(world, one, other),
  };
}

/** A server joins that nobody knew. */
export function joins(id: string, contact: string, setting: Setting = {}): Trouble {
  return {
    name: `${id} joins through ${contact}`,
    strike: (world) => start(world, id, { ...setting, contacts: [contact], mustJoin: true }),
  };
}

/** A server is told to leave. */
export function leaves(id: string): Trouble {
  return { name: `${id} is told to leave`, strike: (world) => drain(world, id) };
}

/** A process stands still, and goes on with everything that waited for it. */
export function standsStill(id: string): Trouble {
  return {
    name: `${id} stands still`,
    touches: [id],
    strike: (world) => stop(world, id),
    next: { name: `${id} goes on`, isLate: true, strike: (world) => goOn(world, id) },
  };
}

/** A firewall comes between two servers: connections end, dials are refused; and goes again. */
export function firewall(one: string, other: string): Trouble {
  return {
    name: `a firewall between ${one} and ${other}`,
    touches: [one, other],
    strike: (world) => wall(world, one, other),
    next: {
      name: `no firewall between ${one} and ${other}`,
      isLate: true,
      strike: (world) => unwall(world, one, other),
    },
  };
}

/** The way between two servers swallows what is on it; later all of it arrives. */
export function falls(one: string, other: string): Trouble {
  return {
    name: `${one} and ${other} do not hear each other`,
    touches: [one, other],
    strike: (world) => block(world, one, other),
    next: {
      name: `${one} and ${other} hear each other again`,
      isLate: true,
      strike: (world) => unblock(world, one, other),
    },
  };
}
