/** Return the `id`s of the drawn messages that cannot go while they are off the screen: focus, sound or a download would end. */
export function idsInUse(scroller: HTMLElement | null): number[] {
  const rows = scroller?.querySelectorAll<HTMLElement>("[data-message]") ?? [];
  return [...rows].filter(isInUse).map((row) => Number(row.dataset["message"]));
}

function isInUse(row: HTMLElement): boolean {
  if (row.contains(document.activeElement) || row.querySelector("[data-loading]")) return true;
  return [...row.querySelectorAll<HTMLMediaElement>("audio, video")].some((medium) => !medium.paused);
}
