"""Write verdicts of claims to verify/claims/recorded.json: ``python -m verify.record [ID-PREFIX ...]`` in a checkout.

Run it after adding a claim, and read the difference before committing: a verdict that changed is news. Without a
prefix all claims are run and records without a claim are dropped; with prefixes only those claims are touched.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from verify.registry import claims, recorded, run_claim


def main(prefixes: list[str]) -> int:
    target = Path(__file__).parent / "claims" / "recorded.json"
    chosen = [c for c in claims() if not prefixes or c.id.startswith(tuple(prefixes))]
    known = {c.id for c in claims()}
    verdicts = {id: verdict for id, verdict in recorded().items() if id in known}
    failed = 0
    for claim in chosen:
        outcome = run_claim(claim)
        print(claim.id, *outcome.verdicts, outcome.error, f"{outcome.seconds:.1f} s", flush=True)
        if outcome.error:
            failed += 1
            verdicts.pop(claim.id, None)
        else:
            verdicts[claim.id] = outcome.verdicts
    target.write_text(json.dumps(verdicts, indent=1, sort_keys=True) + "\n", "utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
