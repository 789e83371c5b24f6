/** An integer with its thousands grouped: `1,234,567`. */
export function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** Seconds with as many digits as tell something. */
export function secondsText(seconds: number): string {
  return seconds < 10 ? `${seconds.toFixed(3)} s` : `${seconds.toFixed(1)} s`;
}

/** Seconds that are still to wait: `8 s`, `3:05 min`, `2:03:05 h`. */
export function waitText(seconds: number): string {
  const whole = Math.ceil(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours === 0 ? `${minutes}:${two(rest)} min` : `${hours}:${two(minutes)}:${two(rest)} h`;
}

/** Bits per second in a fitting unit. */
export function bitRateText(bitsPerSecond: number): string {
  if (bitsPerSecond >= 1e9) return `${(bitsPerSecond / 1e9).toFixed(2)} Gbit/s`;
  if (bitsPerSecond >= 1e6) return `${(bitsPerSecond / 1e6).toFixed(1)} Mbit/s`;
  return `${(bitsPerSecond / 1e3).toFixed(1)} kbit/s`;
}

/** A share of `whole` in percent, with one digit behind the point; 0 of nothing. */
export function percentText(part: number, whole: number): string {
  return `${(whole > 0 ? 100 * part / whole : 0).toFixed(1)} %`;
}
