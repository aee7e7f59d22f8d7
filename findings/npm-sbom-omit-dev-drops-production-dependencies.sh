#!/usr/bin/env bash
# npm 11.19.1: `npm sbom --omit dev` leaves a production dependency out if a development dependency needs it as a peer.
# A page that depends on react and react-dom, and is tested with @testing-library/react, gets an SBOM without any
# component. `npm ls --omit dev` lists them rightly, and so does @cyclonedx/cyclonedx-npm 6.0.1, which reads it.
# Whoever compares the SBOM of a release with a database of vulnerabilities never hears of react.
# Seen 2026-12-01: without the development dependency [react, react-dom, scheduler], with it [].
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --prefix "$folder/tool" npm@11.19.1
npm11() { node "$folder/tool/node_modules/npm/bin/npm-cli.js" "$@"; }
mkdir page && cd page
echo '{"name":"page","version":"1.0.0","private":true,"dependencies":{"react":"19.2.0","react-dom":"19.2.0"}}' > package.json
components() {
  npm11 sbom --sbom-format cyclonedx --package-lock-only --omit dev |
    node -e 'let all = ""; process.stdin.on("data", (part) => (all += part)).on("end", () => console.log(JSON.parse(all).components.map((one) => one.name).sort().join(" ")))'
}
npm11 install --silent --package-lock-only --no-audit --no-fund
before=$(components)
npm11 install --silent --package-lock-only --no-audit --no-fund --save-dev @testing-library/react@16.3.0 @testing-library/dom@10.4.0
after=$(components)
listed=$(npm11 ls --omit dev --package-lock-only --parseable | tail -n +2 | xargs -n 1 basename | sort | tr '\n' ' ')
echo "without the development dependency: [$before]"
echo "with it: [$after]; npm ls still lists: [$listed]"
[ "$before" = "react react-dom scheduler" ] && [ "$after" = "" ] && [ "$listed" = "react react-dom " ] ||
  { echo "the behaviour has changed"; exit 1; }
