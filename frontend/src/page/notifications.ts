/** Announcing new messages outside the page: tab title and icon, sound, notification. */

const SIZE = 32;
/** A burst of messages plays one tone. */
const TONE_INTERVAL_MS = 1000;
const AUDIO_START_TIMEOUT_MS = 500;

/** Show the number of unread messages in the title and the icon of the tab. */
export function showUnreadInTab(unread: number, name: string): void {
  document.title = unread > 0 ? `(${unread > 99 ? "99+" : unread.toString()}) ${name}` : name;
  const link = document.querySelector<HTMLLinkElement>("#favicon");
  if (link) link.href = icon(unread);
}

/**
 * Play a short, soft tone: one at a time for all tabs of this browser. It is synthesized, so there is nothing to load. Browsers
 * keep a page silent until somebody has interacted with it.
 */
export function playTone(): void {
  // Locks need a secure context. Without them, every tab plays its own tone.
  if ("locks" in navigator)
    void navigator.locks.request("switchboard.tone", { ifAvailable: true }, (lock) => (lock ? tone() : undefined));
  else void tone();
}

let audio: AudioContext | null = null;

/** Play the tone, and return when the next one may start. */
async function tone(): Promise<void> {
  audio ??= new AudioContext();
  if (audio.state !== "running") await Promise.race([audio.resume(), pause(AUDIO_START_TIMEOUT_MS)]);
  if (audio.state !== "running") return;
  const oscillator = audio.createOscillator();
  const volume = audio.createGain();
  oscillator.frequency.value = 880;
  volume.gain.setValueAtTime(0.08, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + 0.35);
  oscillator.connect(volume).connect(audio.destination);
  oscillator.start();
  oscillator.stop(audio.currentTime + 0.35);
  await pause(TONE_INTERVAL_MS);
}

function pause(afterMs: number): Promise<void> {
  return new Promise((resolve) => window.setTimeout(resolve, afterMs));
}

/** Show a desktop notification, and call `onClick` when it is clicked. One with the same `tag` is replaced. */
export function showNotification(title: string, text: string, tag: string, onClick: () => void): void {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const notification = new Notification(title, { body: text, tag });
  notification.onclick = () => {
    window.focus();
    onClick();
    notification.close();
  };
}

function icon(unread: number): string {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  const draw = canvas.getContext("2d");
  if (!draw) return "data:,";
  draw.fillStyle = "#2456d6";
  draw.beginPath();
  draw.roundRect(1, 4, SIZE - 2, SIZE - 10, 8);
  draw.fill();
  draw.beginPath();
  draw.moveTo(8, SIZE - 8);
  draw.lineTo(8, SIZE - 1);
  draw.lineTo(17, SIZE - 8);
  draw.fill();
  if (unread > 0) {
    draw.fillStyle = "#d92d20";
    draw.beginPath();
    draw.arc(SIZE - 10, 10, 10, 0, Math.PI * 2);
    draw.fill();
    draw.fillStyle = "#fff";
    draw.font = "bold 13px system-ui, sans-serif";
    draw.textAlign = "center";
    draw.textBaseline = "middle";
    draw.fillText(unread > 9 ? "9+" : unread.toString(), SIZE - 10, 10.5);
  }
  return canvas.toDataURL("image/png");
}
