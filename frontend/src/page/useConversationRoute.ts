import { useCallback, useEffect, useState } from "react";

/** Which conversation is open: a part of the URL, so that the back button and reloading work. */
export function useConversationRoute(): [string | null, (id: string | null) => void] {
  const [id, setId] = useState(readId);
  useEffect(() => {
    const onPopState = () => setId(readId());
    window.addEventListener("popstate", onPopState);
    return () => window.removeEventListener("popstate", onPopState);
  }, []);
  const open = useCallback((next: string | null) => {
    const base = window.location.pathname + window.location.search;
    if (readId() !== next) window.history.pushState(null, "", next === null ? base : `${base}#conversation=${next}`);
    setId(next);
  }, []);
  return [id, open];
}

function readId(): string | null {
  const id = new URLSearchParams(window.location.hash.slice(1)).get("conversation");
  return id && /^[\w-]{1,64}$/u.test(id) ? id : null;
}
