"""Write the verdicts of all claims to verify/claims/recorded.json: ``python -m verify.record`` in a checkout.

Run it after adding a claim, and read the difference before committing: a verdict that changed is news.
"""

from __future__ import annotations

import json
from pathlib import Path

from verify.registry import claims, run_claim


def main() -> None:
    target = Path(__file__).parent / "claims" / "recorded.json"
    verdicts: dict[str, list[str | None]] = {}
    for claim in claims():
        outcome = run_claim(claim)
        if outcome.error:
            raise SystemExit(f"{claim.id}: {outcome.error}")
        verdicts[claim.id] = outcome.verdicts
        print(claim.id, *outcome.verdicts)
    target.write_text(json.dumps(verdicts, indent=1, sort_keys=True) + "\n", "utf-8")


if __name__ == "__main__":
    main()
