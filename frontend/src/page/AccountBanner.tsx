import { platformName } from "../core/names";
import type { Account } from "../model";
import { WarningIcon } from "../ui/Icons";

/** A sentence for each account that somebody has to reconnect. */
export function AccountBanner({ accounts }: { accounts: readonly Account[] }) {
  const broken = accounts.filter((account) => account.status === "needs_reauthorization");
  if (broken.length === 0) return null;
  return (
    <div className="banner" role="alert">
      <WarningIcon />
      <ul>
        {broken.map((account) => (
          <li key={`${account.platform} ${account.page_id}`}>
            <strong>
              <bdi dir="auto">{account.name ?? account.page_id}</bdi>
            </strong>{" "}
            ({platformName(account.platform)}) needs to be reconnected:{" "}
            {account.reason ?? "the platform no longer accepts its access token."}
          </li>
        ))}
      </ul>
    </div>
  );
}
