/** The start of the console: the theme first, so that nothing is drawn twice, and then the pages. */

import "@picocss/pico/css/pico.min.css";
import "./style/base.css";
import "./style/layout.css";
import "./style/parts.css";

import { render } from "preact";
import { App } from "./app.tsx";
import { applyTheme } from "./parts/theme.tsx";
import { begin } from "./session/session.ts";

applyTheme();
begin();
const place = document.getElementById("app");
if (place !== null) render(<App />, place);
