/** Types of `wasm/pkg/caracal_engine_bg.js`. */
export * from "../../wasm/pkg/caracal_engine.d.ts";
/** Gives the bindings the exports of an instance. */
export function __wbg_set_wasm(exports: WebAssembly.Exports): void;
