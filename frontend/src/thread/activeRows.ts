/**
 * Return the `id`s of the messages whose rows must stay in the document while they are off the screen: removing them would
 * move the focus, stop playback or cancel a download.
 */
export function activeRowIds(scroller: HTMLElement | null): number[] {
  const rows = scroller?.querySelectorAll<HTMLElement>("[data-message]") ?? [];
  return [...rows].filter(isActive).map((row) => Number(row.dataset["message"]));
}

function isActive(row: HTMLElement): boolean {
  if (row.contains(document.activeElement) || row.querySelector("[data-loading]")) return true;
  return [...row.querySelectorAll<HTMLMediaElement>("audio, video")].some((medium) => !medium.paused);
}
