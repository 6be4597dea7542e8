import { InputError } from "../errors.js";

/** A command line that cannot be understood, as opposed to a file or text that cannot be used: exit code 2 instead of 1. */
export class UsageError extends InputError {}
