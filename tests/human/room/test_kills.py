"""The server is killed again and again: what it acknowledged is there, and nothing twice."""

import http.client
import re
import socket
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi")
pytest.importorskip("krippendorff")
pytest.importorskip("sqlalchemy")

from sqlalchemy import func, select

from mentallama.human.room.database import open_database
from mentallama.human.room.tables import submissions
from mentallama.human.room.transfer import list_latest
from tests.human.room.rooms import Visitor, invite, make_study, serving, submission

ITEMS, RATERS, KILLS = 100, 5, (120, 240, 360)


class Rater:
    """A page that sends a submission again, with the same id, until it is acknowledged."""

    def __init__(self, url: str, token: str, done: "Counter[str]") -> None:
        self.visitor = Visitor(url)
        self.token, self.done = token, done
        self.acknowledged: dict[str, Any] = {}
        self.again = 0

    def rate(self) -> "Rater":
        """Rate all items."""
        self._insist("/v1/enter", {"token": self.token})
        while (item := self._insist("/v1/next", None)["item"]) is not None:
            sent = submission(item["id"], len(self.acknowledged) % 4)
            answer = self._insist("/v1/submissions", sent)
            self.acknowledged[answer["id"]] = {**sent, "sequence": answer["sequence"]}
            self.done["all"] += 1
        return self

    def _insist(self, path: str, value: Any) -> Any:
        for _ in range(2000):
            try:
                if path == "/v1/enter":
                    answer = self.visitor.enter(self.token)
                else:
                    answer = self.visitor.ask(path, value)
                assert answer.status == 200, answer.text
                return answer.json
            except (OSError, http.client.HTTPException):
                self.again += 1
                time.sleep(0.02)
        raise AssertionError("the server did not come back")


def test_three_kills_in_500_ratings_lose_none_and_double_none(
    database: str, tmp_path: Path
) -> None:
    folder = tmp_path / "study"
    study = make_study(folder, items=ITEMS, raters=RATERS, overlap=RATERS)
    tokens = invite(folder, "--db", database)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done: Counter[str] = Counter()
    raters = [Rater(f"http://127.0.0.1:{port}", tokens[name], done) for name in study.about.raters]
    with ThreadPoolExecutor(RATERS) as pool:
        futures = [pool.submit(rater.rate) for rater in raters]
        for until in (*KILLS, None):
            with serving(folder, "--db", database, port=port) as (_, process):
                while not all(future.done() for future in futures):
                    if until and done["all"] >= until:
                        process.kill()
                        break
                    threading.Event().wait(0.002)
        for future in futures:
            future.result()
    acknowledged = {key: sent for rater in raters for key, sent in rater.acknowledged.items()}
    assert len(acknowledged) == ITEMS * RATERS
    # It was in the way: every rater met a server that was gone.
    assert all(rater.again for rater in raters)
    engine = open_database(database, folder)
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(submissions)) == ITEMS * RATERS
        latest = list_latest(connection, "soup")
    engine.dispose()
    assert len({(rater, slot.item) for rater, slot, _ in latest}) == ITEMS * RATERS
    for _, slot, stored in latest:
        sent = acknowledged[stored.id]
        assert (slot.item, stored.marks) == (sent["item"], sent["marks"])
        assert stored.sequence == sent["sequence"]
    assert len({stored.sequence for _, _, stored in latest}) == ITEMS * RATERS
    assert re.fullmatch(r"\d{4}-.*Z", latest[0][2].time)
