#!/usr/bin/env bash
# Run `wdref check`, post the verdict, set the outputs, and fail where `fail-on` says so.
set -euo pipefail

case $WDREF_FAIL_ON in
  imprecise | deviates | error | never) ;;
  *)
    echo "::error::fail-on: $WDREF_FAIL_ON: expected imprecise, deviates, error or never"
    exit 2
    ;;
esac

results=$(mktemp -d "${RUNNER_TEMP:-${TMPDIR:-.}}/wdref-XXXXXX")
options=(--claim "$WDREF_CLAIM" --convention "$WDREF_CONVENTION" --dtype "$WDREF_DTYPE")
if [ -n "$WDREF_PYTHON" ]; then
  options+=(--python "$WDREF_PYTHON")
fi
for format in junit:xml sarif:sarif badge:json markdown:md; do
  options+=("--${format%:*}" "$results/${format%:*}.${format#*:}")
done

status=0
wdref check --json "${options[@]}" -- "$WDREF_TARGET" >"$results/check.json" || status=$?

if [ -f "$results/markdown.md" ]; then
  cat "$results/markdown.md" >>"$GITHUB_STEP_SUMMARY"
fi
read -r verdict ratio < <(python - "$results/check.json" <<'PYTHON'
import json, sys

try:
    document = json.load(open(sys.argv[1], encoding="utf-8"))
except ValueError:  # an option that wdref does not know
    document = {}
print(document.get("verdict", "error"), document.get("worst_ratio"))
PYTHON
)
{
  echo "verdict=$verdict"
  echo "worst-ratio=${ratio/None/}"
  echo "json=$results/check.json"
  echo "junit=$results/junit.xml"
  echo "sarif=$results/sarif.sarif"
  echo "badge=$results/badge.json"
} >>"$GITHUB_OUTPUT"

# 0 yes, 1 no, 2 could not be asked
case $WDREF_FAIL_ON:$verdict:$status in
  never:* | *:0) exit 0 ;;
  error:*:1 | deviates:imprecise:*) exit 0 ;;
esac
echo "::error::wdref: the verdict is $verdict"
exit "$status"
