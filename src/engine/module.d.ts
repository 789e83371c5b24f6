/** The compiled engine (`wasm/pkg`). */
export const engineModule: WebAssembly.Module;
