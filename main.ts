import "./src/runtime/environment.ts";
import { main } from "./src/cli/main.ts";
import { endProcess } from "./src/telemetry/process_end.ts";

endProcess(await main(Deno.args));
