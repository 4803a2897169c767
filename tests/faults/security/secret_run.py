"""A run with secrets all around it: ``python -m tests.faults.security.secret_run WORK_DIR --token SECRET``.

It says ``ready`` when all is logged, and ends at the next line that it reads.
"""

import sys
from typing import Any

import otel_mmlog
from tests.faults.security.canaries import canary

CONFIG: dict[str, Any] = {
    "password": canary("config-password"),
    "optimizer": {"lr": 0.1, "api_key": canary("config-key")},
    "loggers": [{"type": "Wandb", "apiKey": canary("config-camel")}, ({"hf_token": canary("config-token")},)],
    "AWS_SECRET_ACCESS_KEY": canary("config-aws"),
    "headers": {"Authorization": f"Bearer {canary('config-header')}"},
    "database": f"postgres://me:{canary('config-url')}@db.example.com/runs",
    "credentials": {"user": "me", "value": canary("config-nested")},
}
IN_CONFIG = [
    canary(f"config-{name}")
    for name in ["password", "key", "camel", "token", "aws", "header", "url", "nested"]
]


def main() -> None:
    """Train a little."""
    run = otel_mmlog.init("tmp", work_dir=sys.argv[1], interval=1, config=CONFIG, log_level="DEBUG")
    for number in run.train(range(20)):
        run.log(loss=float(number))
        run.logger.info(f"step {number}")
    run.config["secret"] = canary("config-password")
    with run.span("part"):
        run.logger.warning("part")
    print("ready", flush=True)
    sys.stdin.readline()
    run.flush(3)
    run.close()


if __name__ == "__main__":
    main()
