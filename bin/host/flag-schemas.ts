/**
 * The schemas of flags that several commands take, and what to say of a value that does not fit.
 *
 * @module
 */

import * as v from "valibot";
import { type Address, isPort, parseAddress } from "../../lib/mod.ts";

/** `host:port`. */
export const addressFlag: v.GenericSchema<unknown, Address> = v.pipe(
  v.string("host:port"),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const parsed = parseAddress(dataset.value);
    if (parsed !== undefined) return parsed;
    addIssue({ message: "host:port" });
    return NEVER;
  }),
);

const portExpected = "a port from 1 to 65535";

/** A port to connect to, or to listen on. */
export const portFlag: v.GenericSchema<unknown, number> = v.pipe(
  v.string(portExpected),
  v.regex(/^\d{1,5}$/, portExpected),
  v.transform(Number),
  v.check(isPort, portExpected),
);
