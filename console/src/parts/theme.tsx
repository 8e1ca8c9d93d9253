/** Light or dark: as the system says, or as the person chose. */

import { signal } from "@preact/signals";
import { scoped } from "../api/base.ts";
import { browserStore } from "./store.ts";

type Theme = "auto" | "light" | "dark";

const STORED = scoped("theme");
const THEMES: Theme[] = ["auto", "light", "dark"];
const WORDS: Record<Theme, string> = { auto: "as the system", light: "light", dark: "dark" };

function storedTheme(): Theme {
  const stored = browserStore.get(STORED);
  return THEMES.find((theme) => theme === stored) ?? "auto";
}

const theme = signal<Theme>(storedTheme());

export function applyTheme(): void {
  if (theme.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}

export function ThemeChoice() {
  const choose = (chosen: Theme) => {
    theme.value = chosen;
    browserStore.set(STORED, chosen);
    applyTheme();
  };
  return (
    <label class="theme">
      Colours
      <select value={theme.value} onChange={(event) => choose(event.currentTarget.value as Theme)}>
        {THEMES.map((each) => (
          <option key={each} value={each}>
            {WORDS[each]}
          </option>
        ))}
      </select>
    </label>
  );
}
