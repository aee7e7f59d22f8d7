import { useState } from "react";

import { colorIndex, displayName, initials, platformName } from "../core/names";
import { safeUrl } from "../core/safeLinks";
import type { Conversation } from "../model";
import { PlatformMark } from "./Icons";

type Props = { readonly conversation: Conversation; readonly size: "small" | "large" };

/** The participant's picture, over the initials: they remain if the picture is missing or has expired. */
export function Avatar({ conversation, size }: Props) {
  const url = safeUrl(conversation.participant_profile_pic, window.location.origin);
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
