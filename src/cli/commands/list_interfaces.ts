import { captureWarning, interfacesAsJson, interfacesAsText } from "../../capture/interface_list.ts";
import { listInterfaces } from "../../capture/interfaces.ts";
import type { Settings } from "../../config/settings.ts";
import type { ExitCode } from "../../runtime/operator_error.ts";
import { print } from "../../sinks/byte_output.ts";
import { logger } from "../../telemetry/log.ts";

const log = logger("capture");

/** `list interfaces`: what can be captured from. */
export async function listInterfacesCommand(settings: Settings): Promise<ExitCode> {
  const interfaces = listInterfaces();
  const warning = captureWarning(interfaces);
  const text = settings.json ? interfacesAsJson(interfaces, warning) : interfacesAsText(interfaces);
  await print(text + "\n");
  if (warning !== undefined && !settings.json) log.warn(warning);
  return 0;
}
