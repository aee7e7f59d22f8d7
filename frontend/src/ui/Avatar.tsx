import { useState } from "react";

import { colorIndex, displayName, initials, platformName } from "../core/names";
import type { Conversation } from "../model";
import { PlatformMark } from "./Icons";
import { useMediaUrl } from "./MediaHosts";

type Props = { readonly conversation: Conversation; readonly size: "small" | "large" };

/** The participant's picture, over the initials: they remain if the picture is missing, has expired or is on a foreign host. */
export function Avatar({ conversation, size }: Props) {
  const picture = useMediaUrl(conversation.participant_profile_pic);
  const url = picture?.isLoaded ? picture.url : null;
  const [failed, setFailed] = useState<string | null>(null);
  return (
    <span className={`avatar avatar-${size}`}>
      <span className={`avatar-face tint-${colorIndex(conversation.participant_id).toString()}`}>
        <span aria-hidden="true">{initials(displayName(conversation))}</span>
        {url !== null && url !== failed && (
          <img
            src={url}
            alt=""
            width={size === "large" ? 96 : 44}
            height={size === "large" ? 96 : 44}
            loading="lazy"
            decoding="async"
            referrerPolicy="no-referrer"
            onError={() => setFailed(url)}
          />
        )}
      </span>
      <PlatformMark platform={conversation.platform} name={platformName(conversation.platform)} />
    </span>
  );
}
