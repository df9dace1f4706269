/**
 * The ids of the system as brands, so that one can't be passed where another belongs. They cost
 * nothing at run time; `wire/fields.ts` says which texts may become one.
 *
 * @module
 */

declare const brand: unique symbol;

/** A `Base` that carries a name known to the compiler only. */
export type Branded<Base, Name extends string> = Base & { readonly [brand]: Name };

/** Names one chat server; its certificate proves it. */
export type ServerId = Branded<string, "ServerId">;
/** The name a user shows in rooms; unique in the cluster. */
export type Identity = Branded<string, "Identity">;
/** The name of a room, main halls included; unique in the cluster. */
export type RoomId = Branded<string, "RoomId">;
/** One open connection of one server; the host hands them out and never uses one twice. */
export type ConnectionId = Branded<number, "ConnectionId">;
