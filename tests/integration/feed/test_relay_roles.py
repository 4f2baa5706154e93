"""What each role may see, in every byte of live and of resumed frames."""

import pytest

from schemas.access import Role
from tests.integration.feed.conftest import Publish, Reader, RelayServer

ANN, BOB = "ann's answer", "bob's answer"
END = {"lead": 99, "rev": 1, "owner": "ann", "answer": "the end"}
CHANGES = (
    {"lead": 1, "rev": 1, "owner": "ann", "answer": ANN},
    {"lead": 2, "rev": 1, "owner": "bob", "answer": BOB},
    {"lead": 3, "rev": 1, "owner": None, "answer": BOB},
)


def heard(reader: Reader) -> str:
    """Every byte up to the last change, and nothing after."""
    reader.changes_until("lead:99", 1)
    return "".join(reader.heard)


@pytest.fixture(params=["live", "resumed"])
def told(request: pytest.FixtureRequest, relay: RelayServer, publish: Publish) -> "Telling":
    return Telling(relay, publish, resumed=request.param == "resumed")


class Telling:
    """Lets one reader hear changes, as they happen or after a drop."""

    def __init__(self, relay: RelayServer, publish: Publish, *, resumed: bool) -> None:
        self._relay = relay
        self._publish = publish
        self._resumed = resumed

    def to(self, role: Role, *changes: dict[str, object], owners: tuple[str, ...] = ()) -> Reader:
        with self._relay.reader(role, owners=owners) as reader:
            position = reader.subscribe()["position"]
            if not self._resumed:
                self._publish(*changes, END)
                heard(reader)
        if self._resumed:
            with self._relay.reader() as witness:
                witness.subscribe()
                self._publish(*changes, END)
                heard(witness)
            with self._relay.reader(role, owners=owners) as reader:
                assert reader.subscribe(position)["resumed"]
                heard(reader)
        return reader


def test_admins_and_executives_see_all(told: Telling) -> None:
    for role in (Role.ADMIN, Role.EXECUTIVE):
        text = "".join(told.to(role, *CHANGES).heard)
        assert ANN in text
        assert BOB in text


def test_viewers_see_every_score_and_no_value(told: Telling) -> None:
    text = "".join(told.to(Role.VIEWER, *CHANGES).heard)
    assert all(f'"lead:{lead}"' in text for lead in (1, 2, 3))
    assert "large budget" in text
    assert '"value"' not in text
    assert ANN not in text
    assert BOB not in text


def test_agents_see_their_own_leads_alone(told: Telling) -> None:
    text = "".join(told.to(Role.AGENT, *CHANGES, owners=("ann", "amy")).heard)
    assert ANN in text
    assert BOB not in text
    assert '"lead:2"' not in text
    assert '"lead:3"' not in text


def test_the_former_owner_hears_that_the_lead_is_gone_and_nothing_of_it(told: Telling) -> None:
    moved = {"lead": 1, "rev": 2, "owner": "bob", "previous_owner": "ann", "answer": BOB}
    reader = told.to(Role.AGENT, CHANGES[0], moved, owners=("ann",))
    assert BOB not in "".join(reader.heard)
    assert '"kind":"removed","key":"lead:1","rev":2' in "".join(reader.heard)


def test_the_removal_is_heard_though_the_lead_changed_again_at_once(told: Telling) -> None:
    moved = {"lead": 1, "rev": 2, "owner": "bob", "previous_owner": "ann", "answer": BOB}
    later = {"lead": 1, "rev": 3, "owner": "bob", "previous_owner": "bob", "answer": BOB}
    reader = told.to(Role.AGENT, moved, later, owners=("ann",))
    assert '"kind":"removed","key":"lead:1","rev":2' in "".join(reader.heard)
    assert BOB not in "".join(reader.heard)


def test_the_new_owner_sees_the_lead(told: Telling) -> None:
    moved = {"lead": 1, "rev": 2, "owner": "bob", "previous_owner": "ann", "answer": BOB}
    end = {"lead": 5, "rev": 1, "owner": "bob"}
    assert BOB in "".join(told.to(Role.AGENT, moved, end, owners=("bob", "ann")).heard)


def test_asking_for_anothers_lead_by_id_shows_nothing_of_it(relay: RelayServer, publish: Publish) -> None:
    with relay.reader(Role.AGENT, owners=("ann",)) as reader:
        reader.subscribe(leads=["2", "99"])
        publish(*CHANGES, END)
        assert BOB not in heard(reader)


def test_leads_narrow_what_is_sent(relay: RelayServer, publish: Publish) -> None:
    with relay.reader() as reader:
        reader.subscribe(leads=["2", "99"])
        publish(*CHANGES, END)
        text = heard(reader)
    assert BOB in text
    assert ANN not in text


def test_a_topic_that_was_not_asked_for_is_not_sent(relay: RelayServer, publish: Publish) -> None:
    with relay.reader() as reader, relay.reader() as witness:
        reader.subscribe(topics=("runs", "calls"))
        witness.subscribe()
        publish(*CHANGES, END)
        heard(witness)
        reader.say(t="ping")
        reader.next("heartbeat")
        assert not any('"changes"' in text for text in reader.heard)


@pytest.mark.parametrize("role", [role for role in Role if not role.is_machine])
def test_routing_is_never_sent(relay: RelayServer, publish: Publish, role: Role) -> None:
    moved = {"lead": 1, "rev": 2, "owner": "ann", "previous_owner": "a former owner"}
    with relay.reader(role, owners=("ann",)) as reader:
        reader.subscribe()
        publish(moved, END)
        text = heard(reader)
    assert '"lead:1"' in text
    assert "a former owner" not in text
    assert "routing" not in text
