/** Getting somebody's attention outside the page: title, icon, sound, notification. */

const SIZE = 32;

/** Show `unread` in the tab: its title and its icon. */
export function showUnread(unread: number, name: string): void {
  document.title = unread > 0 ? `(${unread > 99 ? "99+" : unread.toString()}) ${name}` : name;
  const link = document.querySelector<HTMLLinkElement>("#favicon");
  if (link) link.href = icon(unread);
}

/** A short, soft tone: made here, so that there is nothing to load. */
export function playTone(): void {
  const audio = new AudioContext();
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  tone.frequency.value = 880;
  volume.gain.setValueAtTime(0.08, audio.currentTime);
  volume.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + 0.35);
  tone.connect(volume).connect(audio.destination);
  tone.start();
  tone.stop(audio.currentTime + 0.35);
  tone.onended = () => void audio.close();
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
