// @vitest-environment jsdom
import { act, render } from "@testing-library/react";
import { useLayoutEffect, useRef } from "react";
import { expect, test } from "vitest";

import type { Conversation } from "../src/model";
import { useShortcuts } from "../src/page/useShortcuts";

type Props = { readonly ids: readonly string[]; readonly onActive: (id: string) => void };

/** A list that is on the screen with its shortcuts. A key comes as soon as new rows are painted. */
function List({ ids, onActive }: Props) {
  useShortcuts({
    conversations: ids.map((id) => ({ conversation_id: id }) as Conversation),
    activeId: null,
    setActiveId: onActive,
    openId: null,
    open: () => undefined,
    searchRef: useRef(null),
  });
  useLayoutEffect(() => {
    window.dispatchEvent(new KeyboardEvent("keydown", { key: "j" }));
  }, [ids]);
  return null;
}

test("a key chooses among the rows on the screen, even right after they appeared", () => {
  const chosen: string[] = [];
  const onActive = (id: string) => chosen.push(id);
  const shown = render(<List ids={["older"]} onActive={onActive} />);
  act(() => shown.rerender(<List ids={["newer", "older"]} onActive={onActive} />));
  expect(chosen).toEqual(["newer"]);
});
