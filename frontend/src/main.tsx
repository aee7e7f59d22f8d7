import "./styles/base.css";
import "./styles/list.css";
import "./styles/thread.css";

import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import { App } from "./page/App";
import { loadPreferences } from "./page/preferences";
import { openSession, readConfig, takeToken } from "./page/session";
import { MediaHosts } from "./ui/MediaHosts";

const urlToken = takeToken(window); // first of all, so that it does not stay in the address bar
loadPreferences();
const config = await readConfig();
const session = openSession(window, config, urlToken);
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <MediaHosts value={config.mediaHosts}>
        <App session={session} />
      </MediaHosts>
    </StrictMode>,
  );
}
