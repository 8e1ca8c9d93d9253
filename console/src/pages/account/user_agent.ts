/** The browser and the system that a `User-Agent` names, in words. */

/** The order matters: many browsers also name the browsers that they descend from. */
const BROWSERS: Array<[RegExp, string]> = [
  [/\bEdgA?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(?:Firefox|FxiOS)\//, "Firefox"],
  [/(?:Chrome|Chromium|CriOS)\//, "Chrome or Chromium"],
  [/\bVersion\/.*\bSafari\//, "Safari"],
  [/\bcurl\//, "curl"],
  [/\bpython/i, "Python"],
];
const SYSTEMS: Array<[RegExp, string]> = [
  [/\b(?:iPhone|iPad|iPod)\b/, "iOS"],
  [/\bAndroid\b/, "Android"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b|\bMacintosh\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];

function nameIn(userAgent: string, names: Array<[RegExp, string]>): string | undefined {
  return names.find(([pattern]) => pattern.test(userAgent))?.[1];
}

/** "Firefox on Linux", or the text itself where it names no browser. */
export function writtenUserAgent(userAgent: string | null): string {
  if (userAgent === null || userAgent.trim() === "") return "An unknown program";
  const [browser, system] = [nameIn(userAgent, BROWSERS), nameIn(userAgent, SYSTEMS)];
  if (browser === undefined) return userAgent;
  return system === undefined ? browser : `${browser} on ${system}`;
}
