import { useCallback, useEffect, useState } from "react";

/** Which conversation is open: a part of the address, so that "back" and reloading do what people expect. */
export function useOpen(): [string | null, (id: string | null) => void] {
  const [id, setId] = useState(read);
  useEffect(() => {
    const changed = () => setId(read());
    window.addEventListener("popstate", changed);
    return () => window.removeEventListener("popstate", changed);
  }, []);
  const open = useCallback((next: string | null) => {
    const plain = window.location.pathname + window.location.search;
    if (read() !== next) window.history.pushState(null, "", next === null ? plain : `${plain}#conversation=${next}`);
    setId(next);
  }, []);
  return [id, open];
}

function read(): string | null {
  const id = new URLSearchParams(window.location.hash.slice(1)).get("conversation");
  return id && /^[\w-]{1,64}$/u.test(id) ? id : null;
}
