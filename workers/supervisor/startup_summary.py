"""What `service6 up` shows once all is ready."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StartupSummary:
    """The summary. Addresses of servers carry no password; `flower_password` is set on the start that made it."""

    state_dir: Path
    origin: str
    webhook_secret: str
    token: str
    token_hours: float
    flower: str
    flower_password: str | None
    database: str
    redis: str
    processes: Sequence[str]

    def after(self, seconds: float) -> str:
        password = self.flower_password or f"in {self.state_dir / 'flower-password'}"
        rows = (
            ("page", f"{self.origin}/#token={self.token}"),
            ("", f"(the link signs you in for {self.token_hours:g} hours)"),
            ("webhooks", f"{self.origin}/webhooks/standard"),
            ("", f"(their secret is in {self.webhook_secret})"),
            ("Flower", f"{self.flower}  user service6, password {password}"),
            ("database", self.database),
            ("Redis", self.redis),
            ("processes", ", ".join(self.processes)),
            ("logs", str(self.state_dir / "logs")),
        )
        lines = [f"  {label:<10} {content}" for label, content in rows]
        return "\n".join((f"Service 6 is up after {seconds:.1f} s. Ctrl-C stops it.", "", *lines, ""))
