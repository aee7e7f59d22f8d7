import "./styles/base.css";
import "./styles/list.css";
import "./styles/thread.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./page/App";
import { loadPreferences } from "./page/preferences";
import { openSession, readConfig, takeToken } from "./page/session";

const given = takeToken(window); // before anything is waited for: nobody may copy it out of the address
loadPreferences();
const session = openSession(window, await readConfig(), given);
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <App session={session} />
    </StrictMode>,
  );
}
