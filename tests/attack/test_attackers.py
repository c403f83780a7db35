"""Two networks that send all they may do not delay an ordinary visitor. `python -m bench.attackers` measures by how much."""

from pathlib import Path

from support.collector.attackers import ATTACKERS, VISITOR, an_installation


def test_beside_two_attackers_a_visitor_s_events_become_rows_and_none_is_refused(tmp_path: Path) -> None:
    with an_installation(tmp_path, parties=20) as installation, installation.attacked():
        waits = installation.visit(4)
    assert set(installation.answers[VISITOR]) == {200}
    assert all(installation.answers[network][200] > 20 for network in ATTACKERS), "the attackers got through"
    assert max(waits) < 30
