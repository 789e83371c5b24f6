/**
 * Prints what the engine makes of every capture: one JSON line each (other_engine_test.ts).
 *
 * @module
 */
import { answersToAll } from "./answers.ts";

for (const answer of answersToAll()) console.log(JSON.stringify(answer));
