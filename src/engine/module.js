// @ts-self-types="./module.d.ts"
// JavaScript, because TypeScript does not know source-phase imports yet. Only the main thread may import it: a
// worker made from a blob has no file to import from, and is sent the module.
import source module from "../../wasm/pkg/caracal_engine_bg.wasm";

export const engineModule = module;
