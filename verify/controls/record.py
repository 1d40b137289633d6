"""Write the verdicts of the control to verify/controls/recorded.json: ``python -m verify.controls.record``."""

from __future__ import annotations

import json
from pathlib import Path

from verify.controls.registry import controls, run_control


def main() -> int:
    rows = [run_control(c) for c in controls()]
    verdicts = {row["id"]: [row["verdict"], row["verdict_mutant"]] for row in rows}
    target = Path(__file__).parent / "recorded.json"
    target.write_text(json.dumps(verdicts, indent=1, sort_keys=True) + "\n", "utf-8")
    for row in rows:
        print(row["id"], row["verdict"], row["tightness"], row["verdict_mutant"], row["excess"])
    return 0 if all(row["as_it_should"] for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
