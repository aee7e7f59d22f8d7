/** Getting somebody's attention outside the page: title, icon, sound, notification. */

const SIZE = 32;
/** Many messages at once are one tone. */
const TONE_EVERY_MS = 1000;
const TONE_STARTS_MS = 500;

/** Show `unread` in the tab: its title and its icon. */
export function showUnread(unread: number, name: string): void {
  document.title = unread > 0 ? `(${unread > 99 ? "99+" : unread.toString()}) ${name}` : name;
  const link = document.querySelector<HTMLLinkElement>("#favicon");
  if (link) link.href = icon(unread);
}

/**
 * A short, soft tone: made here, so that there is nothing to load. One at a time, and one for all tabs of this browser;
 * a page that nobody has touched yet may not make a sound, and stays silent.
 */
export function playTone(): void {
  // Locks exist where the page is served securely; elsewhere each tab sounds for itself.
  if ("locks" in navigator)
    void navigator.locks.request("switchboard.tone", { ifAvailable: true }, (lock) => (lock ? tone() : undefined));
  else void tone();
}

let audio: AudioContext | null = null;

/** Sound, and return when it may sound again. */
async function tone(): Promise<void> {
  audio ??= new AudioContext();
  if (audio.state !== "running") await Promise.race([audio.resume(), pause(TONE_STARTS_MS)]);
  if (audio.state !== "running") return;
  const oscillator = audio.createOscillator();
  const volume = audio.createGain();
  oscillator.frequency.value = 880;
  volume.gain.setValueAtTime(0.08, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + 0.35);
  oscillator.connect(volume).connect(audio.destination);
  oscillator.start();
  oscillator.stop(audio.currentTime + 0.35);
  await pause(TONE_EVERY_MS);
}

function pause(afterMs: number): Promise<void> {
  return new Promise((resolve) => window.setTimeout(resolve, afterMs));
}

/** Show a notification of the desktop; `opened` is called when it is clicked. */
export function notify(title: string, text: string, tag: string, opened: () => void): void {
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const notification = new Notification(title, { body: text, tag });
  notification.onclick = () => {
    window.focus();
    opened();
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
