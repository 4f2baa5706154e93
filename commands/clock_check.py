"""Compares the clock of a server with that of this machine."""

from datetime import datetime

from commands.finding import Finding, Level

CLOCK_WARN_S = 1.0
CLOCK_BAD_S = 60.0  # webhooks are refused beyond five minutes, changes of the future count as now


def clock_finding(name: str, clock: datetime, sent_at: datetime, received_at: datetime) -> Finding:
    """Compares a server's clock with the middle of the time that its answer took."""
    ahead_s = (clock - sent_at - (received_at - sent_at) / 2).total_seconds()
    apart_s = abs(ahead_s)
    level: Level = "bad" if apart_s > CLOCK_BAD_S else "warn" if apart_s > CLOCK_WARN_S else "ok"
    difference = f"{apart_s:.3f} s {'ahead of' if ahead_s > 0 else 'behind'} this machine"
    return Finding(name, level, difference, "" if level == "ok" else "let NTP set the clocks of both machines")
