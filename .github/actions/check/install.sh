#!/usr/bin/env bash
# Install the wdref of this checkout with the extra `oracle`, and those that are asked for.
set -euo pipefail

root=$(cd "$(dirname "$0")/../../.." && pwd)
if [ "$WDREF_EXTRAS" != none ]; then
  python -m pip install --quiet "$root[oracle${WDREF_EXTRAS:+,$WDREF_EXTRAS}]"
fi
